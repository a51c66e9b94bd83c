"""A builder of ONNX graphs, node by node, with chosen names and repeatable bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

OPSET = 18
"""ONNX Runtime's CUDA provider moves InstanceNormalization to the CPU from opset 22 on."""
OPSET_OF_BFLOAT = 22
"""First opset whose convolutions and instance normalizations have bfloat16."""
UINT8, FLOAT16, FLOAT32 = (np.dtype(kind) for kind in ("uint8", "float16", "float32"))
BFLOAT16 = helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16)


class GraphBuilder:
    """A graph under construction; every method returns the name of the value it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[Any] | np.number[Any]) -> str:
        """Add a named constant; the same name must always mean the same value."""
        self.initializers[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def integers(self, *values: int) -> str:
        """Add a constant int64 vector, one for all uses of these values."""
        name = "int_" + "_".join(str(value).replace("-", "m") for value in values)
        return self.constant(name, np.array(values, np.int64))

    def op(self, kind: str, *inputs: str, name: str, **attributes: Any) -> str:
        """Append one node with one output, called like the node."""
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def pad(self, x: str, amounts: Sequence[int], mode: str, *, name: str) -> str:
        """Pad N×C×H×W by (top, left, bottom, right)."""
        top, left, bottom, right = amounts
        pads = self.integers(0, 0, top, left, 0, 0, bottom, right)
        return self.op("Pad", x, pads, name=name, mode=mode)

    def model(
        self,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
        metadata: Mapping[str, str],
        *,
        producer_version: str,
        opset: int = OPSET,
        domains: Mapping[str, int] | None = None,
    ) -> onnx.ModelProto:
        """Return the checked model; IR version 9 is read by every ONNX Runtime since 1.15.

        `domains` are those of operators that are not ONNX's, with their versions.
        """
        graph = helper.make_graph(
            self.nodes, "nst_rt", inputs, outputs, list(self.initializers.values())
        )
        model = helper.make_model(
            graph,
            opset_imports=[
                helper.make_opsetid(domain, version)
                for domain, version in {"": opset, **(domains or {})}.items()
            ],
            ir_version=9 if opset == OPSET else 10,
            producer_name="nst-rt",
            producer_version=producer_version,
        )
        helper.set_model_props(model, dict(sorted(metadata.items())))
        onnx.checker.check_model(model, full_check=not domains)
        return model


def value_info(name: str, dtype: np.dtype[Any], shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """Return an input or output of a graph; a string is a free dimension."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)


def rounded(tensor: Tensor, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a tensor's numbers as a graph stores them."""
    with np.errstate(over="ignore"):  # a weight too large for fp16 is refused by the checks
        return tensor.detach().numpy().astype(dtype)
