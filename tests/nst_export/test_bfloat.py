"""The graph in bfloat16, which only TensorRT runs: what can be seen of it without."""

from __future__ import annotations

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, numpy_helper

from nst_export.bfloat import bfloat_graph, in_float
from nst_export.verification import compare
from nst_train.network import paint


def test_every_number_is_bfloat16_and_both_ends_are_bytes(network) -> None:
    model = bfloat_graph(network, {}, size=(64, 48))
    kinds = {one.data_type for one in model.graph.initializer if one.name != "doubled"}
    assert kinds == {TensorProto.BFLOAT16, TensorProto.INT64}  # but how much Resize enlarges
    for end in (*model.graph.input, *model.graph.output):
        assert end.type.tensor_type.elem_type == TensorProto.UINT8
    assert "ConvTranspose" not in {node.op_type for node in model.graph.node}


def test_twin_has_the_same_weights_and_paints_what_the_network_paints(network, photo) -> None:
    model = bfloat_graph(network, {})
    twin = in_float(model)
    for one, other in zip(model.graph.initializer, twin.graph.initializer, strict=True):
        rounded = numpy_helper.to_array(one).astype(np.float32)
        assert (rounded == numpy_helper.to_array(other).astype(np.float32)).all()
    session = onnxruntime.InferenceSession(twin.SerializeToString())
    image = photo[None, :61, :47].copy()
    (got,) = session.run(None, {"image": image})
    expected = paint(network, torch.from_numpy(image)).numpy()
    row = compare("", expected, got)
    assert 38 <= row.psnr < np.inf
