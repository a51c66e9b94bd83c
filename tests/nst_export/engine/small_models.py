"""Models of a few nodes, picture in and picture out, each with something of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

PICTURE = ["N", "H", "W", 3]


def save(
    path: Path,
    nodes: Sequence[NodeProto],
    constants: dict[str, np.ndarray] | None = None,
    *,
    size: Sequence[str | int] = PICTURE,
    metadata: dict[str, str] | None = None,
    opset: int = 18,
) -> Path:
    """Write a model from "image" to "image_out"."""
    ends = [helper.make_tensor_value_info(name, TensorProto.UINT8, size) for name in ENDS]
    weights = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    helper.set_model_props(model, metadata or {})
    path.write_bytes(model.SerializeToString())
    return path


ENDS = ("image", "image_out")


def node(kind: str, inputs: str, output: str, **attributes: object) -> NodeProto:
    """Return a node named like its output."""
    return helper.make_node(kind, inputs.split(), [output], name=output, **attributes)


FLOAT8 = helper.tensor_dtype_to_np_dtype(TensorProto.FLOAT8E4M3FN)


def quantized(
    path: Path,
    bias: type[np.signedinteger] | None = None,
    *,
    dtype: np.dtype = np.dtype(np.int8),  # noqa: B008 - a constant
) -> Path:
    """Write a convolution of 8-bit numbers; `bias` is the type of one that is dequantized too."""
    nodes = [
        node("Cast", "image", "real", to=TensorProto.FLOAT),
        node("Transpose", "real", "planes", perm=[0, 3, 1, 2]),
        node("QuantizeLinear", "planes step zero", "planes_8"),
        node("DequantizeLinear", "planes_8 step zero", "planes_real"),
        node("DequantizeLinear", "weight step zero", "weight_real"),
    ]
    constants = {
        "step": np.float32(1),
        "zero": np.zeros((), dtype),
        "weight": np.ones((3, 3, 1, 1)).astype(dtype),
    }
    inputs = "planes_real weight_real"
    if bias is not None:
        nodes.append(node("DequantizeLinear", "bias step", "bias_real"))
        constants["bias"] = np.zeros(3, bias)
        inputs += " bias_real"
    nodes += [
        node("Conv", inputs, "sum", kernel_shape=[1, 1]),
        node("Transpose", "sum", "pixels", perm=[0, 2, 3, 1]),
        node("Cast", "pixels", "image_out", to=TensorProto.UINT8),
    ]
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    return save(path, nodes, arrays, opset=18 if dtype == np.int8 else 19)


def convolution(path: Path, radius: int = 4, pad: str | None = "reflect", **options) -> Path:
    """Write a convolution in half precision of (2·radius + 1)², padded in a mode or not at all."""
    size = 2 * radius + 1
    nodes = [
        node("Cast", "image", "real", to=TensorProto.FLOAT16),
        node("Transpose", "real", "planes", perm=[0, 3, 1, 2]),
    ]
    constants = {"weight": np.full((3, 3, size, size), 1 / size**2 / 3, np.float16)}
    if pad:
        constants["pads"] = np.array([0, 0, radius, radius] * 2)
        nodes.append(node("Pad", "planes pads", "padded", mode=pad))
    nodes += [
        node("Conv", f"{'padded' if pad else 'planes'} weight", "mean", kernel_shape=[size] * 2),
        node("Transpose", "mean", "pixels", perm=[0, 2, 3, 1]),
        node("Cast", "pixels", "image_out", to=TensorProto.UINT8),
    ]
    return save(path, nodes, constants, **options)


def long(path: Path, count: int = 100) -> Path:
    """Write so many convolutions, each of other channels, that a build takes seconds."""
    nodes = [
        node("Cast", "image", "real", to=TensorProto.FLOAT),
        node("Transpose", "real", "x0", perm=[0, 3, 1, 2]),
    ]
    channels = [3, *range(8, 8 + count), 3]
    constants = {}
    for index, (given, made) in enumerate(pairwise(channels)):
        constants[f"w{index}"] = np.full((made, given, 3, 3), 0.01, np.float32)
        constants[f"one{index}"] = np.ones(made, np.float32)
        nodes += [
            node("Conv", f"x{index} w{index}", f"y{index}", pads=[1] * 4),
            node("InstanceNormalization", f"y{index} one{index} one{index}", f"x{index + 1}"),
        ]
    nodes += [
        node("Transpose", f"x{count + 1}", "back", perm=[0, 2, 3, 1]),
        node("Cast", "back", "image_out", to=TensorProto.UINT8),
    ]
    return save(path, nodes, constants)
