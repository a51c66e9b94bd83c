"""A picture's size inside a graph: constants if it is fixed, else computed by the graph."""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto

from nst_export.builder import GraphBuilder
from nst_train.network import MINIMUM, STRIDE, missing

SHAPE = "image_shape"
"""Height and width of the input `image`, int64; `lacking_size` adds it."""
PADDED = "size_padded"
"""Height and width within the network, int64; `lacking_size` adds it."""


def lacking_size(graph: GraphBuilder) -> str:
    """Add what a picture of any size lacks of `PADDED`, int64."""
    shape = graph.op("Shape", "image", name=SHAPE, start=1, end=3)
    raised = graph.op("Add", shape, graph.integers(STRIDE - 1), name="size_raised")
    counted = graph.op("Div", raised, graph.integers(STRIDE), name="size_counted")
    multiple = graph.op("Mul", counted, graph.integers(STRIDE), name="size_multiple")
    padded = graph.op("Max", multiple, graph.integers(MINIMUM), name=PADDED)
    return graph.op("Sub", padded, shape, name="size_lacking")


def pixel_counts(graph: GraphBuilder, size: tuple[int, int] | None) -> list[str]:
    """Add the counts of pixels within the network, whole, halved and quartered along a side.

    Args:
        graph: receives the nodes; where the size is not fixed, those of `lacking_size` are there.
        size: height and width of the picture, if they are fixed.
    """
    if size:
        pixels = math.prod(side + missing(side) for side in size)
        counts = [np.array([pixels / 4**level], np.float32) for level in range(3)]
        return [graph.constant(f"pixels{level}", count) for level, count in enumerate(counts)]
    real = graph.op("Cast", PADDED, name="size_real", to=TensorProto.FLOAT)
    whole = graph.op("ReduceProd", real, name="pixels0", keepdims=1)
    names = [whole]
    for level in (1, 2):
        share = graph.constant(f"share{level}", np.float32(1 / 4**level))
        names.append(graph.op("Mul", whole, share, name=f"pixels{level}"))
    return names
