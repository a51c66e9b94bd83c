"""NumPy arrays as pictures: checks of dtype and shape, and conversion to contiguous RGB."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import InputError, LimitError, UsageError
from nst_rt.images.limits import allowed_memory, check_pixels
from nst_rt.pixels import Pixels
from nst_rt.system.arguments import refuse_unknown, whole_number

Color = Literal["rgb", "bgr"]
Layout = Literal["hwc", "chw"]


def as_rgb_array(
    array: NDArray[Any], *, color: Color = "rgb", layout: Layout = "hwc"
) -> tuple[Pixels, Pixels | None]:
    """Return contiguous RGB pixels (N×)H×W×3 and the alpha (N×)H×W, None without one.

    The array is never changed; any strides are accepted.

    Raises:
        InputError: another dtype or shape, empty, or not finite.
    """
    refuse_unknown("color", color, get_args(Color))
    refuse_unknown("layout", layout, get_args(Layout))
    given: object = array
    if not isinstance(given, np.ndarray):
        raise InputError(f"expected an array, got {type(given).__name__}")
    _check_dtype(array)
    pixels = array
    if layout == "chw" and array.ndim >= 3:
        pixels = np.moveaxis(array, -3, -1)
    _check_shape(array, pixels, layout)
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[-1] == 4 else None
    colors = pixels[..., :3]
    return np.ascontiguousarray(colors[..., ::-1] if color == "bgr" else colors), alpha


def check_out(out: object, shape: tuple[int, ...]) -> None:
    """Raise `UsageError` unless `out` takes paintings of that shape."""
    wanted = f"uint8 {'×'.join(map(str, shape))}, C-contiguous"
    if not isinstance(out, np.ndarray):
        kind = f"{type(out).__module__}.{type(out).__name__}".removeprefix("builtins.")
        raise UsageError(f"out is {kind}, no NumPy array", cure=f"give one, {wanted}")
    kind = f"{out.dtype} {_shape(out)}"
    if out.dtype != np.uint8 or out.shape != shape:
        raise UsageError(f"out is {kind}", cure=f"give {wanted}")
    if not out.flags.c_contiguous:
        raise UsageError(f"out is {kind}, not contiguous", cure=f"give {wanted}")
    if not out.flags.writeable:
        raise UsageError(f"out is {kind}, read-only", cure="give an array that may be written")


def buffer_shape(height: int, width: int, count: int | None, max_pixels: int) -> tuple[int, ...]:
    """Return the shape of an array for pictures: (N×)H×W×3.

    Raises:
        UsageError: a number is no whole one, or below 1.
        LimitError: pictures of more pixels than are allowed, or together larger than free memory.
    """
    batch = () if count is None else (whole_number("count", count),)
    high, wide = whole_number("height", height), whole_number("width", width)
    check_pixels(high, wide, max_pixels)
    shape = (*batch, high, wide, 3)
    need, free = math.prod(shape), allowed_memory(None)
    if free is not None and need > free:
        raise LimitError(
            f"{'×'.join(map(str, shape))} takes {-(-need // 2**20):,} MiB of memory, "
            f"{free // 2**20:,} are free",
            cure="ask for fewer or smaller pictures",
        )
    return shape


def _check_dtype(array: NDArray[Any]) -> None:
    if array.dtype == np.uint8:
        return
    cure = "convert it to uint8 in 0…255"
    if array.dtype.kind == "f":
        cure = "multiply 0…1 by 255, round, and convert it to uint8"
        bad = ~np.isfinite(array)
        if bad.any():
            first = tuple(int(index) for index in np.argwhere(bad)[0])
            raise InputError(
                f"{int(bad.sum()):,} values are NaN or infinite, the first at {first}",
                cure="mend them before painting",
            )
    raise InputError(f"expected uint8, got {array.dtype} {_shape(array)}", cure=cure)


def _check_shape(array: NDArray[Any], pixels: NDArray[Any], layout: Layout) -> None:
    expected = "H×W×3 or ×4, or a batch of them" if layout == "hwc" else "3×H×W or 4×H×W"
    if pixels.ndim not in (3, 4) or pixels.shape[-1] not in (3, 4):
        raise InputError(f"expected {expected}, got {_shape(array)}", cure=_cure_for(array, layout))
    if pixels.size == 0:
        raise InputError(f"expected at least one pixel, got {_shape(array)}")


def _cure_for(array: NDArray[Any], layout: Layout) -> str:
    """Return the cure for an array of another shape: how it becomes a picture."""
    if layout == "hwc" and array.ndim in (3, 4) and array.shape[-3] in (3, 4):
        return "its channels come first: pass layout='chw'"
    if array.ndim == 2:
        axis = -1 if layout == "hwc" else 0
        return f"give gray three channels: numpy.stack([array] * 3, axis={axis})"
    channels = -1 if layout == "hwc" else -3
    if array.ndim in (3, 4) and array.shape[channels] == 1:
        return f"give gray three channels: array.repeat(3, axis={channels})"
    return ""


def _shape(array: NDArray[Any]) -> str:
    return "×".join(map(str, array.shape)) or "a number"
