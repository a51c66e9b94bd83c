"""A check, without a GPU, that ONNX Runtime computes all pixels of a model on CUDA.

Nodes that a provider lacks go to the CPU in silence, and the whole picture with them, there and
back. The runtime asks the open session (`nst_rt.sessions.placement`), export the graph alone.
"""

from __future__ import annotations

import onnx

from nst_export.builder import OPSET
from nst_rt.errors import ModelError
from nst_rt.model import OPERATORS
from nst_rt.sessions.placement import SHAPE_OPERATORS

ON_CUDA = frozenset(
    {
        *("BatchNormalization", "Conv", "ConvTranspose", "DepthToSpace", "InstanceNormalization"),
        *("MatMul", "Neg", "Pad", "Reciprocal", "ReduceL2", "ReduceMean", "ReduceSumSquare"),
        *("Relu", "Resize", "Round", "Sigmoid", "Sqrt", "Transpose"),
    }
)
"""Operators on pixels: of each, ONNX Runtime's CUDA execution provider has the version of
`OPSET` in float32 and in float16. What sizes are computed with, it has on pixels as well."""


def refuse_pixels_on_cpu(model: onnx.ModelProto) -> None:
    """Refuse a model if ONNX Runtime on CUDA would compute more than sizes on the CPU.

    Raises:
        ModelError: it names the operators.
    """
    versions = {opset.domain: opset.version for opset in model.opset_import}
    if versions[""] != OPSET:
        raise ModelError(
            f"is of opset {versions['']}, of which CUDA has not all operators",
            cure=f"write it in opset {OPSET}",
        )
    known = ON_CUDA | SHAPE_OPERATORS
    strays = {node.op_type for node in model.graph.node if node.domain != OPERATORS} - known
    if strays:
        raise ModelError(
            f"ONNX Runtime on CUDA would compute {', '.join(sorted(strays))} on the CPU",
            cure="write the graph with other operators",
        )
