"""What tests of painting give in: photos as files, and models of one operator."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper
from PIL import Image

from nst_rt.model import PREFIX


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def one_node_model(path: Path, operator: str = "Identity", **metadata: str) -> Path:
    """A model of one operator that takes and gives pictures."""
    picture = ["N", "H", "W", 3]
    ends = [helper.make_tensor_value_info(name, TensorProto.UINT8, picture) for name in "xy"]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {PREFIX + key: value for key, value in metadata.items()})
    path.write_bytes(model.SerializeToString())
    return path
