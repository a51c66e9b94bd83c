"""Normalizations that use given statistics and the picture's own, mixed: the steady graph.

Its form is chosen for engines that may compute a float32 file in bfloat16, which has eight bits
(docs/decisions/0011-steady-graph.md): reductions read the convolution's output and nothing else is
made of it before the one multiplication and addition; the picture's mean colour is taken off, since
a mean far from zero would leave nothing of the variance; and what is mixed stays in float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_export.builder import GraphBuilder

SMALLEST = 1e-6
"""Least given 1/σ, so that zeros, given at a beginning, cause no division by zero."""


@dataclass(frozen=True)
class Shift:
    """Offset of a picture before the first convolution, so that its output is centred."""

    colour: str
    """Mean colour in whole levels, N×3×1×1."""
    means: str
    """Its share of the first convolution's output, bias included, N×C×1×1."""


@dataclass(frozen=True)
class Mixed:
    """Statistics that one normalization uses."""

    mean: str
    """Mean, N×C×1×1, of the shifted convolution output where there is a shift."""
    inverse: str
    """1/σ, N×C×1×1."""
    statistics: str
    """Mean and 1/σ without a shift, N×2×C."""


def shift_of(
    graph: GraphBuilder,
    planes: str,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> Shift:
    """Add the mean colour of `planes`, N×3×H×W in 0…255.

    Whole levels: a difference of two of them has eight bits, so that bfloat16 holds it exactly.
    """
    mean = graph.op("ReduceMean", planes, graph.integers(2, 3), name="image_mean")
    colour = graph.op("Round", mean, name="image_colour")
    column = graph.op("Squeeze", colour, graph.integers(3), name="image_column")
    sums = graph.constant("down0_sums", weight.sum((2, 3)))
    product = graph.op("MatMul", sums, column, name="down0_shift")
    spread = graph.op("Unsqueeze", product, graph.integers(3), name="down0_spread")
    offset = graph.constant("down0_bias", bias.reshape(1, -1, 1, 1))
    return Shift(colour, graph.op("Add", spread, offset, name="down0_means"))


def mixed_statistics(
    graph: GraphBuilder,
    x: str,
    given: tuple[str, str],
    name: str,
    *,
    count: str,
    epsilon: float,
    shift: Shift | None,
) -> Mixed:
    """Mix given statistics with those of `x`, N×C×H×W, by the input `keep`.

    Means and deviations are mixed, not 1/σ: one of a flat picture is three hundred times that of a
    photo and would rule for seconds after a black frame.

    Args:
        graph: receives the nodes.
        x: output of a convolution.
        given: mean and 1/σ, N×C×1×1.
        name: what the nodes' names begin with.
        count: pixels of a channel of `x`, as a float32 number.
        epsilon: of the normalization.
        shift: what `x` lacks against the convolution of the picture as it is.
    """
    axes = graph.integers(2, 3)
    mean = graph.op("ReduceMean", x, axes, name=f"{name}_own_mean")
    norm = graph.op("ReduceL2", x, axes, name=f"{name}_own_norm")
    # OpenVINO keeps float32 from an output back to the first product on the way; without this one
    # that would be a convolution, whose whole output it would convert
    pair = graph.op("Concat", mean, norm, name=f"{name}_own", axis=2)
    identity = graph.constant("identity", np.eye(2, dtype=np.float32))
    pair = graph.op("MatMul", identity, pair, name=f"{name}_own_real")
    mean, norm = (
        graph.op("Gather", pair, graph.integers(row), name=f"{name}_own_row{row}", axis=2)
        for row in (0, 1)
    )
    deviation = _deviation(graph, mean, norm, name, count, epsilon)
    given_mean, given_inverse = given
    if shift is not None:
        given_mean = graph.op("Sub", given_mean, shift.means, name=f"{name}_given_shifted")
    smallest = graph.constant("smallest", np.float32(SMALLEST))
    bounded = graph.op("Max", given_inverse, smallest, name=f"{name}_given_bounded")
    given_deviation = graph.op("Reciprocal", bounded, name=f"{name}_given_deviation")
    mean = _mixed(graph, given_mean, mean, f"{name}_used_mean")
    deviation = _mixed(graph, given_deviation, deviation, f"{name}_used_deviation")
    inverse = graph.op("Reciprocal", deviation, name=f"{name}_used_inverse")
    return Mixed(mean, inverse, _unshifted(graph, mean, inverse, name, shift))


def affine(
    graph: GraphBuilder,
    used: Mixed,
    scale: NDArray[np.floating[Any]],
    shift: NDArray[np.floating[Any]],
    name: str,
) -> tuple[str, str]:
    """Add factor and offset of a whole normalization, scale and shift included, N×C×1×1.

    As convolutions of one pixel: of other operators OpenVINO would take the memory layout over to
    the picture and reorder that twice.
    """
    weight = scale.astype(np.float32).reshape(-1, 1, 1, 1)
    options = {"kernel_shape": [1, 1], "group": len(scale)}
    positive = graph.constant(f"{name}_scale", weight)
    negative = graph.constant(f"{name}_scale_negative", -weight)
    bias = graph.constant(f"{name}_shift", shift.astype(np.float32))
    factor = graph.op("Conv", used.inverse, positive, name=f"{name}_factor", **options)
    product = graph.op("Mul", used.mean, used.inverse, name=f"{name}_product")
    offset = graph.op("Conv", product, negative, bias, name=f"{name}_offset", **options)
    return factor, offset


def _unshifted(graph: GraphBuilder, mean: str, inverse: str, name: str, shift: Shift | None) -> str:
    if shift is not None:
        mean = graph.op("Add", mean, shift.means, name=f"{name}_told_unshifted")
    pair = graph.op("Concat", mean, inverse, name=f"{name}_told_pair", axis=3)
    rows = graph.op("Squeeze", pair, graph.integers(2), name=f"{name}_told_rows")
    return graph.op("Transpose", rows, name=f"{name}_told", perm=[0, 2, 1])


def _deviation(
    graph: GraphBuilder, mean: str, norm: str, name: str, count: str, epsilon: float
) -> str:
    """Add the standard deviation from a mean and a Euclidean norm of `count` numbers."""
    energy = graph.op("Mul", norm, norm, name=f"{name}_energy")
    mean_energy = graph.op("Div", energy, count, name=f"{name}_mean_energy")
    square = graph.op("Mul", mean, mean, name=f"{name}_mean_square")
    difference = graph.op("Sub", mean_energy, square, name=f"{name}_difference")
    zero = graph.constant("zero", np.float32(0))
    variance = graph.op("Max", difference, zero, name=f"{name}_variance")
    small = graph.constant("epsilon", np.float32(epsilon))
    raised = graph.op("Add", variance, small, name=f"{name}_variance_raised")
    return graph.op("Sqrt", raised, name=f"{name}_own_deviation")


def _mixed(graph: GraphBuilder, given: str, own: str, name: str) -> str:
    """Add the mixture keep · given + (1 − keep) · own."""
    one = graph.constant("one", np.float32(1))
    rest = graph.op("Sub", one, "keep", name=f"{name}_rest")
    kept = graph.op("Mul", given, "keep", name=f"{name}_kept")
    added = graph.op("Mul", own, rest, name=f"{name}_added")
    return graph.op("Add", kept, added, name=name)
