"""A style network as a graph in half precision, in one of its forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from torch import Tensor

from nst_export.builder import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    OPSET,
    OPSET_OF_BFLOAT,
    UINT8,
    GraphBuilder,
    rounded,
    value_info,
)
from nst_export.folds import Convolution, fold, for_levels, with_positive_scales
from nst_export.forms import SHIPPED, Form
from nst_export.sizes import PADDED, SHAPE, lacking_size, pixel_counts
from nst_rt._version import __version__
from nst_rt.model import PREFIX
from nst_train.network import StyleNetwork, missing
from nst_train.phases import strided_kernel

CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


@dataclass(frozen=True)
class Features:
    """Channels N×C×H×W that mean `factor` · `name` + `offset`, each 1×C×1×1 or left out.

    An offset counts in front of the last convolution alone: normalizations take it off.
    """

    name: str
    factor: str | None = None
    offset: str | None = None


def half_graph(
    network: StyleNetwork,
    metadata: Mapping[str, str],
    form: Form = SHIPPED,
    *,
    size: tuple[int, int] | None = None,
    dtype: np.dtype[Any] = FLOAT16,
) -> onnx.ModelProto:
    """Write a style network in half precision.

    Args:
        network: trained, in evaluation mode.
        metadata: written into the file as it is.
        form: what it looks like.
        size: height and width of a fixed-size graph of batch 1; any size by default.
        dtype: what it computes in instead: FLOAT32 shows how large its numbers become.
    """
    return _HalfGraph(network, form, size, dtype).build(metadata)


class _HalfGraph(GraphBuilder):
    def __init__(
        self,
        network: StyleNetwork,
        form: Form,
        size: tuple[int, int] | None,
        dtype: np.dtype[Any],
    ) -> None:
        super().__init__()
        self.network, self.form, self.size, self.dtype = network, form, size, dtype
        self.kind = helper.np_dtype_to_tensor_dtype(dtype)
        self.folded = fold(network, scale_input=False, even=True)
        if form.norm != "operators":
            self.folded = with_positive_scales(self.folded)
        self.pixels: list[str] = []

    def build(self, metadata: Mapping[str, str]) -> onnx.ModelProto:
        # kernels that carry a normalization are those of one picture
        batch = 1 if self.size or self.form.norm != "operators" else "N"
        height, width = self.size or ("H", "W")
        self._output(self._last(self._features(self._input())))
        shape = [batch, height, width, 3]
        doors = [value_info(name, UINT8, shape) for name in ("image", "image_out")]
        facts = dict(metadata)
        if self.form.layout != "nchw":
            facts[f"{PREFIX}layout"] = self.form.layout  # CUDA sessions ask for it
        opset = OPSET_OF_BFLOAT if self.dtype == BFLOAT16 else OPSET
        return self.model(doors[:1], doors[1:], facts, producer_version=__version__, opset=opset)

    def _features(self, x: Features) -> Features:
        """Add everything before the last convolution."""
        for index, layer in enumerate(self.folded.down):
            name, radius = f"down{index}", layer.weight.shape[-1] // 2
            layer = for_levels(layer) if index == 0 else layer
            padded = self._padded(x, radius, "reflect", name)
            y = self._convolved(padded, layer, name, strides=[2 if index else 1] * 2)
            x = self._activated(y, layer, name, level=index, whole=index == 2)
        for index, (first, second) in enumerate(self.folded.blocks):
            name = f"block{index}_first"
            y = self._convolved(self._padded(x, 1, "reflect", name), first, name)
            inner = self._activated(y, first, name, level=2)
            name = f"block{index}_second"
            y = self._convolved(self._padded(inner, 1, "reflect", name), second, name)
            y = self._normalized(y, second, name, level=2)
            x = Features(self.op("Add", x.name, y, name=f"block{index}_sum"))
        for index, layer in enumerate(self.folded.up):
            name = f"up{index}"
            trained = self.network.config.upsample  # with a transposed one there is no other form
            if "transposed" in (self.form.upsampling, trained):
                padded = self._padded(x, 1, "edge", name)
                y = self._convolved(padded, layer, name, strides=[2, 2], pads=[3] * 4)
            else:
                kernel = self._before_upsampling(index)
                y = self._convolved(self._doubled(x, name), replace(layer, weight=kernel), name)
            # ONNX Runtime has no transposed convolution N×H×W×C with a kernel that is computed
            whole = index == 0 and self.form.layout == "nhwc"
            x = self._activated(y, layer, name, level=1 - index, whole=whole)
        return x

    def _input(self) -> Features:
        """Add the input in half precision, N×3×H×W in 0…255, padded for the network."""
        across = self.form.layout == "nhwc"
        pads = self._pads(before=1, after=1) if across else self._pads(before=2, after=0)
        if self.form.norm != "operators":
            self.pixels = pixel_counts(self, self.size)
        x = self.op("Cast", "image", name="image_real", to=self.kind)
        if not across:
            x = self.op("Transpose", x, name="image_planes", perm=CHANNELS_FIRST)
        x = self.op("Pad", x, pads, name="image_pad", mode="edge") if pads else x
        if across:
            x = self.op("Transpose", x, name="image_planes", perm=CHANNELS_FIRST)
        return Features(x)

    def _pads(self, before: int, after: int) -> str | None:
        """Return pads: none at the beginnings of all axes, what the picture lacks at two ends."""
        if self.size:
            ends = [missing(side) for side in self.size]
            return self.integers(*[0] * (4 + before), *ends, *[0] * after) if any(ends) else None
        lacking = lacking_size(self)
        rest = [self.integers(*[0] * after)] if after else []
        parts = (self.integers(*[0] * (4 + before)), lacking, *rest)
        return self.op("Concat", *parts, name="image_pads", axis=0)

    def _convolved(self, x: Features, layer: Convolution, name: str, **attributes: Any) -> str:
        """Add a convolution without its bias: a normalization removes it, and it costs a pass."""
        transposed = "pads" in attributes
        weights = [self._kernel(x, layer.weight, name, transposed=transposed)]
        if self.form.biases:
            weights.append(self.constant(f"{name}_bias", rounded(layer.bias, self.dtype)))
        kind = "ConvTranspose" if transposed else "Conv"
        shape = list(layer.weight.shape[2:])
        return self.op(kind, x.name, *weights, name=name, kernel_shape=shape, **attributes)

    def _kernel(self, x: Features, weight: Tensor, name: str, *, transposed: bool = False) -> str:
        kernel = self.constant(f"{name}_weight", rounded(weight, self.dtype))
        if x.factor is None:
            return kernel
        factor = x.factor
        if transposed:  # its kernels are I×O×K×K
            factor = self.op("Reshape", factor, self.integers(-1, 1, 1, 1), name=f"{name}_by")
        return self.op("Mul", kernel, factor, name=f"{name}_kernel")

    def _activated(
        self, y: str, layer: Convolution, name: str, *, level: int, whole: bool = False
    ) -> Features:
        """Add normalization and Relu; `whole` where a factor cannot go into the next kernel."""
        if self.form.norm == "operators" or whole:
            normalized = self._normalized(y, layer, name, level=level)
            return Features(self.op("Relu", normalized, name=f"{name}_relu"))
        mean, variance = self._statistics(y, layer, name, level)
        scale, shift = self._affine(layer, name)
        deviation = self.op("Sqrt", variance, name=f"{name}_deviation")
        factor = self.op("Div", scale, deviation, name=f"{name}_factor_real")
        beyond = self.op("Div", shift, factor, name=f"{name}_beyond")
        threshold = self.op("Sub", mean, beyond, name=f"{name}_threshold_real")
        product = self.op("Mul", threshold, factor, name=f"{name}_product")
        return Features(
            self.op("Max", y, self._halved(threshold, f"{name}_threshold"), name=f"{name}_relu"),
            self._halved(factor, f"{name}_factor"),
            self.op("Neg", product, name=f"{name}_offset"),
        )

    def _normalized(self, y: str, layer: Convolution, name: str, *, level: int) -> str:
        """Add a normalization that has to be computed for each pixel."""
        assert layer.norm is not None
        pairs = (("scale", layer.norm.weight), ("shift", layer.norm.bias))
        weights = [
            self.constant(f"{name}_half_{key}", rounded(value, self.dtype)) for key, value in pairs
        ]
        if self.form.norm != "thresholds":
            eps = layer.norm.eps
            return self.op("InstanceNormalization", y, *weights, name=f"{name}_norm", epsilon=eps)
        # with the statistics of this picture it is that of a batch
        statistics = [
            self._halved(self.op("Reshape", x, self.integers(-1), name=f"{x}_flat"), f"{x}_half")
            for x in self._statistics(y, layer, name, level)
        ]
        weights += statistics
        return self.op("BatchNormalization", y, *weights, name=f"{name}_norm", epsilon=0.0)

    def _halved(self, x: str, name: str) -> str:
        return self.op("Cast", x, name=name, to=self.kind)

    def _statistics(self, y: str, layer: Convolution, name: str, level: int) -> tuple[str, str]:
        """Add the mean of each channel, and variance with its epsilon, float32 1×C×1×1.

        Along rows first, then the rows': a sum of all would not fit into half precision, and the
        roundings of so many rows cancel out.
        """
        assert layer.norm is not None
        rows, columns = self.integers(2), self.integers(3)
        means = self.op("ReduceMean", y, columns, name=f"{name}_row_means")
        norms = self.op("ReduceL2", y, columns, name=f"{name}_row_norms")
        real = [self.op("Cast", x, name=f"{x}_real", to=TensorProto.FLOAT) for x in (means, norms)]
        mean = self.op("ReduceMean", real[0], rows, name=f"{name}_mean")
        energy = self.op("ReduceSumSquare", real[1], rows, name=f"{name}_energy")
        share = self.op("Div", energy, self.pixels[level], name=f"{name}_mean_energy")
        square = self.op("Mul", mean, mean, name=f"{name}_mean_square")
        variance = self.op("Sub", share, square, name=f"{name}_variance")
        small = self.constant(f"{name}_epsilon", np.float32(layer.norm.eps))
        raised = self.op("Add", variance, small, name=f"{name}_raised")
        # rounding may leave less than nothing of the variance of a flat channel
        return mean, self.op("Max", raised, small, name=f"{name}_bounded")

    def _affine(self, layer: Convolution, name: str) -> tuple[str, str]:
        """Add scale and shift of a normalization, float32 1×C×1×1."""
        assert layer.norm is not None
        pairs = (("scale", layer.norm.weight), ("shift", layer.norm.bias))
        scale, shift = (
            self.constant(f"{name}_{key}", rounded(value, FLOAT32).reshape(1, -1, 1, 1))
            for key, value in pairs
        )
        return scale, shift

    def _last(self, x: Features) -> str:
        """Add the last convolution: colours before the sigmoid, a block's pixels as channels."""
        stride, layer = self.form.last_stride, self.network.last
        assert layer.bias is not None
        weight = strided_kernel(layer.weight.double(), stride)
        kernel = self._kernel(x, weight, "last")
        bias = layer.bias.double().repeat_interleave(stride**2)
        if x.offset is None:
            shift = self.constant("last_bias", rounded(bias, self.dtype))
        else:
            sums = self.constant("last_sums", rounded(weight.sum((2, 3)), FLOAT32))
            column = self.op("Reshape", x.offset, self.integers(-1, 1), name="last_offsets")
            moved = self.op("MatMul", sums, column, name="last_moved")
            flat = self.op("Reshape", moved, self.integers(-1), name="last_moved_flat")
            real_bias = self.constant("last_bias", rounded(bias, FLOAT32))
            real = self.op("Add", flat, real_bias, name="last_shift")
            shift = self.op("Cast", real, name="last_shift_half", to=self.kind)
        x = self._padded(x, 4, "reflect", "last")
        side = weight.shape[-1]
        return self.op(
            "Conv", x.name, kernel, shift,
            name="last", kernel_shape=[side, side], strides=[stride, stride],
        )  # fmt: skip

    def _output(self, x: str) -> None:
        """Add the way from blocks of colours to pixels; TensorRT only makes bytes, last of all."""
        stride = self.form.last_stride
        x = self.op("Sigmoid", x, name="paint")
        x = self.op("Mul", x, self.constant("levels", self.dtype.type(255)), name="paint_levels")
        x = self.op("Round", x, name="paint_rounded")
        if stride == 1:
            x = self.op("Transpose", x, name="paint_pixels", perm=CHANNELS_LAST)
        else:
            x = self._unfolded(x, stride)
        if self.size is None or any(map(missing, self.size)):
            ends = self.integers(*self.size) if self.size else SHAPE
            zeros, axes = self.integers(0, 0), self.integers(1, 2)
            x = self.op("Slice", x, zeros, ends, axes, name="paint_cropped")
        self.op("Cast", x, name="image_out", to=TensorProto.UINT8)

    def _unfolded(self, x: str, stride: int) -> str:
        """Reorder blocks N×(3·s·s)×h×w to N×(h·s)×(w·s)×3; depth-to-space would copy twice."""
        if self.size:
            height, width = (size + missing(size) for size in self.size)
            parts = self.integers(-1, 3, stride, stride, height // stride, width // stride)
            whole = self.integers(-1, height, width, 3)
        else:
            blocks = self.op("Div", PADDED, self.integers(stride), name="paint_blocks")
            first = self.integers(-1, 3, stride, stride)
            parts = self.op("Concat", first, blocks, name="paint_split", axis=0)
            ends = self.integers(-1), PADDED, self.integers(3)
            whole = self.op("Concat", *ends, name="paint_shape", axis=0)
        x = self.op("Reshape", x, parts, name="paint_parts")
        x = self.op("Transpose", x, name="paint_pixels", perm=[0, 4, 2, 5, 3, 1])
        return self.op("Reshape", x, whole, name="paint_whole")

    def _padded(self, x: Features, amount: int, mode: str, name: str) -> Features:
        return replace(x, name=self.pad(x.name, (amount,) * 4, mode, name=f"{name}_pad"))

    def _doubled(self, x: Features, name: str) -> Features:
        scales = self.constant("doubled", np.array([1, 1, 2, 2], np.float32))
        large = self.op(
            "Resize", x.name, "", scales, name=f"{name}_doubled", mode="nearest",
            coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
        return self._padded(replace(x, name=large), 1, "reflect", name)

    def _before_upsampling(self, index: int) -> Tensor:
        """Return the 3×3 kernel as it was trained."""
        weight: Tensor = self.network.up[index].conv.weight  # type: ignore[union-attr, assignment]
        return weight.double()
