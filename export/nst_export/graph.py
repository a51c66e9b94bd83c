"""From a style network to the graph of a model file (schema 1).

The graph takes and gives uint8 N×H×W×3 and holds every step between: edge padding to the network's
minimum and multiple, the network itself, the crop, scaling and rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from nst_export.builder import FLOAT16, FLOAT32, UINT8, GraphBuilder, rounded, value_info
from nst_export.folds import LAST_STRIDE, Convolution, FoldedNetwork, fold
from nst_export.half import half_graph
from nst_export.sizes import SHAPE, lacking_size, pixel_counts
from nst_export.steady import Shift, affine, mixed_statistics, shift_of
from nst_rt._version import __version__
from nst_train.network import StyleNetwork, missing

Flavour = Literal["fp32", "fp16"]
Variant = Literal["plain", "stats", "apply", "steady"]


def style_graph(
    network: StyleNetwork,
    metadata: Mapping[str, str],
    *,
    flavour: Flavour = "fp32",
    size: tuple[int, int] | None = None,
    variant: Variant = "plain",
) -> onnx.ModelProto:
    """Write a style network as an ONNX model.

    Args:
        network: trained, in evaluation mode.
        metadata: written into the file as it is.
        flavour: arithmetic inside; a plain graph in fp16 has a form of its own (`half_graph`).
        size: height and width of a fixed-size graph of batch 1; any size by default.
        variant: "stats" also returns the statistics of every normalization, "apply" takes them,
            "steady" takes some, mixes them with the picture's own and returns what it used; its
            batch is 1.
    """
    if flavour == "fp16" and variant == "plain":
        return half_graph(network, metadata, size=size)
    folded = fold(network, scale_input=flavour == "fp32", even=flavour == "fp16")
    return _StyleGraph(folded, flavour, size, variant).build(metadata)


class _StyleGraph(GraphBuilder):
    def __init__(
        self,
        folded: FoldedNetwork,
        flavour: Flavour,
        size: tuple[int, int] | None,
        variant: Variant,
    ) -> None:
        super().__init__()
        self.folded, self.flavour, self.size, self.variant = folded, flavour, size, variant
        self.dtype = FLOAT16 if flavour == "fp16" else FLOAT32
        self.collected: list[str] = []
        self.channel = 0
        self.shift: Shift | None = None
        self.pixels: list[str] = []

    def build(self, metadata: Mapping[str, str]) -> onnx.ModelProto:
        self._paint()
        height, width = self.size or ("H", "W")
        # one frame follows another; with N free, OpenVINO takes several times the memory for it
        batch = 1 if self.size or self.variant == "steady" else "N"
        picture = [batch, height, width, 3]
        statistics = value_info("statistics", FLOAT32, [batch, 2, self.folded.num_statistics])
        inputs = [value_info("image", UINT8, picture)]
        outputs = [value_info("image_out", UINT8, picture)]
        if self.variant in ("apply", "steady"):
            inputs.append(statistics)
        if self.variant == "stats":
            self.op("Concat", *self.collected, name="statistics", axis=2)
            outputs.append(statistics)
        if self.variant == "steady":
            inputs.append(value_info("keep", FLOAT32, [1]))
            self.op("Concat", *self.collected, name="statistics_out", axis=2)
            shape = [batch, 2, self.folded.num_statistics]
            outputs.append(value_info("statistics_out", FLOAT32, shape))
        return self.model(inputs, outputs, metadata, producer_version=__version__)

    def _paint(self) -> None:
        x = self._input()
        if self.variant == "steady":
            # not from an output's shape, which OpenVINO would keep in float32 for the statistics
            self.pixels = pixel_counts(self, self.size)
            x = self._shifted(x) if self.flavour == "fp32" else x
        for index, layer in enumerate(self.folded.down):
            radius = layer.weight.shape[-1] // 2
            x = self.pad(x, (radius,) * 4, "reflect", name=f"down{index}_pad")
            strides = [1 if index == 0 else 2] * 2
            x = self._convolution(x, layer, f"down{index}", level=index, strides=strides)
            x = self.op("Relu", x, name=f"down{index}_relu")
        for index, (first, second) in enumerate(self.folded.blocks):
            name = f"block{index}"
            y = self.pad(x, (1,) * 4, "reflect", name=f"{name}_first_pad")
            y = self._convolution(y, first, f"{name}_first", level=2)
            y = self.op("Relu", y, name=f"{name}_relu")
            y = self.pad(y, (1,) * 4, "reflect", name=f"{name}_second_pad")
            y = self._convolution(y, second, f"{name}_second", level=2)
            x = self.op("Add", x, y, name=f"{name}_sum")
        for index, layer in enumerate(self.folded.up):
            x = self.pad(x, (1,) * 4, "edge", name=f"up{index}_pad")
            x = self._convolution(
                x, layer, f"up{index}", level=1 - index,
                transposed=True, strides=[2, 2], pads=[3] * 4,
            )  # fmt: skip
            x = self.op("Relu", x, name=f"up{index}_relu")
        x = self.pad(x, (4,) * 4, "reflect", name="last_pad")
        x = self._convolution(x, self.folded.last, "last", strides=[LAST_STRIDE] * 2)
        x = self.op("DepthToSpace", x, name="last_phases", blocksize=LAST_STRIDE, mode="CRD")
        self._output(x)

    def _input(self) -> str:
        real = helper.np_dtype_to_tensor_dtype(self.dtype)
        x = self.op("Cast", "image", name="image_real", to=real)
        if self.flavour == "fp16":
            scale = self.constant("one_255th", np.array(1 / 255, self.dtype))
            x = self.op("Mul", x, scale, name="image_scaled")
        x = self.op("Transpose", x, name="image_planes", perm=[0, 3, 1, 2])
        if self.size:
            below, right = missing(self.size[0]), missing(self.size[1])
            return (
                self.pad(x, (0, 0, below, right), "edge", name="image_pad") if below or right else x
            )
        lacking = lacking_size(self)
        pads = self.op("Concat", self.integers(*[0] * 6), lacking, name="image_pads", axis=0)
        return self.op("Pad", x, pads, name="image_pad", mode="edge")

    def _output(self, x: str) -> None:
        if self.flavour == "fp16":
            x = self.op("Cast", x, name="last_real", to=TensorProto.FLOAT)
        x = self.op("Sigmoid", x, name="paint")
        x = self.op("Mul", x, self.constant("levels", np.float32(255)), name="paint_levels")
        x = self.op("Round", x, name="paint_rounded")
        if self.size is None:
            zeros, axes = self.integers(0, 0), self.integers(2, 3)
            x = self.op("Slice", x, zeros, SHAPE, axes, name="paint_cropped")
        elif missing(self.size[0]) or missing(self.size[1]):
            ends, axes = self.integers(*self.size), self.integers(2, 3)
            x = self.op("Slice", x, self.integers(0, 0), ends, axes, name="paint_cropped")
        x = self.op("Transpose", x, name="paint_pixels", perm=[0, 2, 3, 1])
        self.op("Cast", x, name="image_out", to=TensorProto.UINT8)

    def _convolution(
        self,
        x: str,
        layer: Convolution,
        name: str,
        *,
        level: int = 0,
        transposed: bool = False,
        **attributes: object,
    ) -> str:
        """Add a convolution and its normalization; `level` counts the halvings of its output."""
        kind = "ConvTranspose" if transposed else "Conv"
        weights = [self._kernel(f"{name}_weight", rounded(layer.weight, self.dtype))]
        if self.shift is None or layer is not self.folded.down[0]:  # the shift counts from the bias
            weights.append(self.constant(f"{name}_bias", rounded(layer.bias, self.dtype)))
        shape = list(layer.weight.shape[2:])
        x = self.op(kind, x, *weights, name=name, kernel_shape=shape, **attributes)
        return x if layer.norm is None else self._normalization(x, layer, f"{name}_norm", level)

    def _normalization(self, x: str, layer: Convolution, name: str, level: int) -> str:
        assert layer.norm is not None
        scale, shift = rounded(layer.norm.weight, self.dtype), rounded(layer.norm.bias, self.dtype)
        if self.variant == "plain":
            return self.op(
                "InstanceNormalization",
                x,
                self.constant(f"{name}_scale", scale),
                self.constant(f"{name}_shift", shift),
                name=name,
                epsilon=layer.norm.eps,
            )
        real = x
        if self.flavour == "fp16":
            real = self.op("Cast", x, name=f"{name}_real", to=TensorProto.FLOAT)
        if self.variant == "steady":
            first = layer is self.folded.down[0]
            used = mixed_statistics(
                self, real, self._given(len(scale), name), name,
                count=self.pixels[level], epsilon=layer.norm.eps,
                shift=self.shift if first else None,
            )  # fmt: skip
            self.collected.append(used.statistics)
            # one multiplication and one addition, which engines do in one pass over the picture
            y = real
            factor, offset = affine(self, used, scale, shift, name)
        else:
            mean, deviation = (
                self._measured(real, layer.norm.eps, name)
                if self.variant == "stats"
                else self._given(len(scale), name)
            )
            centred = self.op("Sub", real, mean, name=f"{name}_centred")
            y = self.op("Mul", centred, deviation, name=f"{name}_unit")
            shape = (1, -1, 1, 1)
            factor = self.constant(f"{name}_scale", scale.astype(np.float32).reshape(shape))
            offset = self.constant(f"{name}_shift", shift.astype(np.float32).reshape(shape))
        y = self.op("Mul", y, factor, name=f"{name}_scaled")
        if self.flavour == "fp32":
            return self.op("Add", y, offset, name=name)
        y = self.op("Add", y, offset, name=f"{name}_shifted")
        return self.op("Cast", y, name=name, to=TensorProto.FLOAT16)

    def _shifted(self, x: str) -> str:
        """Subtract the mean colour, which goes into the first statistics instead."""
        first = self.folded.down[0]
        weight, bias = rounded(first.weight, self.dtype), rounded(first.bias, self.dtype)
        self.shift = shift_of(self, "image_planes", weight, bias)
        return self.op("Sub", x, self.shift.colour, name="image_shifted")

    def _measured(self, x: str, epsilon: float, name: str) -> tuple[str, str]:
        """Add mean and 1/σ of every channel, N×C×1×1, kept for the output as N×2×C."""
        axes = self.integers(2, 3)
        mean = self.op("ReduceMean", x, axes, name=f"{name}_mean")
        centred = self.op("Sub", x, mean, name=f"{name}_off_mean")
        square = self.op("Mul", centred, centred, name=f"{name}_square")
        variance = self.op("ReduceMean", square, axes, name=f"{name}_variance")
        small = self.constant("epsilon", np.float32(epsilon))
        raised = self.op("Add", variance, small, name=f"{name}_raised")
        root = self.op("Sqrt", raised, name=f"{name}_root")
        inverse = self.op("Reciprocal", root, name=f"{name}_inverse")
        pair = self.op("Concat", mean, inverse, name=f"{name}_pair", axis=2)
        flat = self.op("Squeeze", pair, self.integers(3), name=f"{name}_flat")
        self.collected.append(self.op("Transpose", flat, name=f"{name}_statistics", perm=[0, 2, 1]))
        return mean, inverse

    def _given(self, channels: int, name: str) -> tuple[str, str]:
        start, stop = self.channel, self.channel + channels
        self.channel = stop
        mine = self.op(
            "Slice",
            "statistics",
            self.integers(start),
            self.integers(stop),
            self.integers(2),
            name=f"{name}_statistics",
        )
        spread = self.op("Unsqueeze", mine, self.integers(3, 4), name=f"{name}_spread")
        rows = [self.constant(f"row{index}", np.array(index, np.int64)) for index in (0, 1)]
        mean = self.op("Gather", spread, rows[0], name=f"{name}_mean", axis=1)
        inverse = self.op("Gather", spread, rows[1], name=f"{name}_inverse", axis=1)
        return mean, inverse

    def _kernel(self, name: str, values: NDArray[Any]) -> str:
        """Add a kernel, in half precision for a steady file if that loses nothing.

        Those of a shipped checkpoint are rounded to half precision, so most of them lose nothing.
        """
        with np.errstate(over="ignore"):
            half = values.astype(FLOAT16)
        if self.variant != "steady" or self.flavour == "fp16" or (half != values).any():
            return self.constant(name, values)
        stored = self.constant(f"{name}_half", half)
        return self.op("Cast", stored, name=name, to=TensorProto.FLOAT)
