"""Models that give back what they are given, by copies on the device and no arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import TensorProto, helper


def echo_model(path: Path) -> Path:
    """Save it as a style of ours: kernels of the stand-ins compute nothing, copies are real."""
    doors = [_picture(name, "N") for name in ("image", "image_out")]
    node = helper.make_node("Identity", ["image"], ["image_out"])
    return _save(path, [node], doors[:1], doors[1:], {})


def steady_echo_model(path: Path, channels: int = 5) -> Path:
    """The same as a steady file, which gives back the statistics too, whatever it is to keep."""
    numbers = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (
            ("statistics", (1, 2, channels)),
            ("keep", (1,)),
            ("statistics_out", (1, 2, channels)),
        )
    ]
    nodes = [
        helper.make_node("Identity", [name], [f"{name}_out"]) for name in ("image", "statistics")
    ]
    inputs = [_picture("image", 1), *numbers[:2]]
    return _save(
        path, nodes, inputs, [_picture("image_out", 1), numbers[2]], {"nst_rt.variant": "steady"}
    )


def _picture(name: str, count: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.UINT8, (count, "H", "W", 3))


def _save(
    path: Path,
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    facts: Mapping[str, str],
) -> Path:
    graph = helper.make_graph(nodes, "echo", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    metadata = {"nst_rt.schema": "1", "nst_rt.kind": "style", "nst_rt.scale": "1", **facts}
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path
