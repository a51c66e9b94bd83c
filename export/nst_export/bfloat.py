"""The graph in bfloat16, for engines alone: ONNX Runtime has no convolutions in it."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
from onnx import TensorProto, numpy_helper

from nst_export.builder import BFLOAT16, FLOAT32
from nst_export.forms import Form
from nst_export.half import half_graph
from nst_train.network import StyleNetwork


def bfloat_graph(
    network: StyleNetwork, metadata: Mapping[str, str], *, size: tuple[int, int] | None = None
) -> onnx.ModelProto:
    """Write a style network in bfloat16, uint8 at both ends.

    It enlarges by Resize: TensorRT-RTX has no transposed convolution in bfloat16.

    Args:
        network: trained, in evaluation mode.
        metadata: written into the file as it is.
        size: height and width of a fixed-size graph of batch 1; any size by default.
    """
    return half_graph(network, metadata, Form(upsampling="resize"), size=size, dtype=BFLOAT16)


def in_float(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same graph with the same rounded weights in float32, for ONNX Runtime."""
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    for tensor in twin.graph.initializer:
        if tensor.data_type == TensorProto.BFLOAT16:
            values = numpy_helper.to_array(tensor).astype(FLOAT32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for node in twin.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == TensorProto.BFLOAT16:
                attribute.i = TensorProto.FLOAT
    return twin
