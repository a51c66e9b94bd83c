"""Models of one operator, and what PyTorch makes of the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor

from nst_rt.model import OPERATORS as DOMAIN


def one_operator(
    kind: str, inputs: dict[str, NDArray[Any]], outputs: int, **attributes: Any
) -> bytes:
    """A model of one node whose shapes are free; its first output is an output of the model."""
    told = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype), [None] * value.ndim
        )
        for name, value in inputs.items()
    ]
    made = onnx.TensorProto.UINT8 if kind == "Finish" else onnx.TensorProto.FLOAT16
    names = [f"out{index}" for index in range(outputs)]
    node = helper.make_node(kind, list(inputs), names, domain=DOMAIN, **attributes)
    out = helper.make_tensor_value_info("out0", made, [None] * 4)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, 1)]
    graph = helper.make_graph([node], "one", told, [out])
    model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return model


def run(library: Path, model: bytes, inputs: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """The model's output, by ONNX Runtime on the CPU with a library of operators."""
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(str(library))
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    output: NDArray[Any] = session.run(None, inputs)[0]
    return output


def normalized(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    residual: Tensor | None = None,
    *,
    shuffle: int,
    crop: int,
    pad: int,
    edge: int,
    relu: int,
    residual_pad: int,
    epsilon: float,
) -> Tensor:
    """What `Normalize` does, N×H×W×C, step after step."""
    planes = x.permute(0, 3, 1, 2)
    channels = planes.shape[1] // shuffle**2
    planes = planes.unflatten(1, (shuffle**2, channels)).transpose(1, 2).flatten(1, 2)
    planes = F.pixel_shuffle(planes, shuffle)
    planes = F.pad(planes, (-crop,) * 4)
    planes = F.instance_norm(planes, weight=scale, bias=bias, eps=epsilon)
    planes = planes.relu() if relu else planes
    if residual is not None:
        planes = planes + F.pad(residual.permute(0, 3, 1, 2), (-residual_pad,) * 4)
    planes = F.pad(planes, (pad,) * 4, mode="replicate" if edge else "reflect")
    return planes.permute(0, 2, 3, 1)


def half(*shape: int, seed: int = 0, mean: float = 0.0) -> NDArray[np.float16]:
    values = np.random.default_rng(seed).normal(mean, 2.0, shape)
    return values.astype(np.float16)


def reals(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(1.0, 0.5, shape).astype(np.float32)


def tensors(arrays: dict[str, NDArray[Any]]) -> list[Tensor]:
    return [torch.from_numpy(array).float() for array in arrays.values()]
