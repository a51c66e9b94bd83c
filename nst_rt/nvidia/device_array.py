"""Arrays of other libraries in GPU memory: where they lie."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import Any

from nst_rt.errors import InputError
from nst_rt.nvidia.dlpack import CUDA, Borrowed

LEGACY_STREAM = 1
"""CUDA's default stream, as its own handle: what comes in others does so in order with it."""
_MANAGED = 13
_WAYS_IN = "give a CUDA tensor of PyTorch, an array of CuPy, or what has __dlpack__"


@dataclass(frozen=True)
class DeviceArray:
    """Where a C-contiguous uint8 array lies on the GPU.

    `stream` is that in which its library works on it, where it tells; `lent` keeps the memory.
    """

    address: int
    shape: tuple[int, ...]
    stream: int | None = None
    lent: object = None
    is_read_only: bool = False

    def pictures(self) -> list[DeviceArray]:
        """Each picture of it, 1×H×W×3."""
        shape = (1, *self.shape[-3:])
        starts = range(self.address, self.address + math.prod(self.shape), math.prod(shape))
        return [replace(self, address=start, shape=shape) for start in starts]


def is_device_array(array: Any) -> bool:
    """Whether an object of any library says that it lies in a GPU's memory."""
    if hasattr(array, "__dlpack_device__"):
        return int(array.__dlpack_device__()[0]) in (CUDA, _MANAGED)
    return hasattr(array, "__cuda_array_interface__")


def device_array(
    array: Any,
    what: str,
    *,
    stream: int,
    axes: tuple[int, ...] = (4,),
    expected: tuple[int, ...] | None = None,
) -> DeviceArray:
    """The place of uint8 pictures, H×W×3 or N×H×W×3.

    Args:
        array: of any library that has `__cuda_array_interface__` or DLPack.
        what: what messages call it.
        stream: handle of the stream in which it will be used.
        axes: how many it may have.
        expected: the one shape that will do, of one that is written to; by default any.

    Raises:
        InputError: it is none.
    """
    place, dtype, strides = _interface(array, what) or _lent(array, what, stream)
    shape = place.shape
    is_picture = len(shape) in axes and shape[-1] == 3 and math.prod(shape) > 0
    if dtype != "uint8" or not is_picture or not _is_packed(shape, strides):
        form = " or ".join("N×H×W×3" if count == 4 else "H×W×3" for count in axes)
        cure = f"give uint8 {form}, C-contiguous"
        raise InputError(f"{what} is {dtype} of shape {shape}", cure=cure)
    if expected is not None and shape != expected:
        raise InputError(f"{what} has shape {shape}", cure=f"give one of shape {expected}")
    if expected is not None and place.is_read_only:
        raise InputError(f"{what} is read-only", cure="give one that can be written to")
    return place


def _is_packed(shape: tuple[int, ...], strides: tuple[int, ...] | None) -> bool:
    """Whether bytes follow one another; how far apart the only one of an axis is says nothing."""
    if strides is None:
        return True
    steps = (math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    return all(
        size == 1 or stride == step
        for size, stride, step in zip(shape, strides, steps, strict=True)
    )


def _interface(array: Any, what: str) -> tuple[DeviceArray, str, tuple[int, ...] | None] | None:
    """Through `__cuda_array_interface__`, None where there is none."""
    try:
        interface = getattr(array, "__cuda_array_interface__", None)
    except RuntimeError as error:  # of a tensor that is being trained
        raise InputError(f"{what} is not to be had ({error})") from error
    if interface is None:
        return None
    shape, strides = tuple(map(int, interface["shape"])), interface.get("strides")
    typestr, (address, is_read_only) = str(interface["typestr"]), interface["data"]
    stream = _stream(array, interface)
    place = DeviceArray(int(address), shape, stream, is_read_only=bool(is_read_only))
    return place, "uint8" if typestr == "|u1" else typestr, strides


def _stream(array: Any, interface: Any) -> int | None:
    """The stream in which its library works on it."""
    if _library(array) == "torch":  # tells none in the interface
        current: int = sys.modules["torch"].cuda.current_stream(array.device).cuda_stream
        return current or LEGACY_STREAM
    told: int | None = interface.get("stream")
    return told


def _lent(array: Any, what: str, stream: int) -> tuple[DeviceArray, str, tuple[int, ...] | None]:
    if not hasattr(array, "__dlpack__") or not is_device_array(array):
        raise InputError(
            f"{what} is a {type(array).__name__}, which is not in GPU memory", cure=_WAYS_IN
        )
    try:
        borrowed = Borrowed(array, stream)
    except (BufferError, RuntimeError) as error:
        raise InputError(f"{what} is not lent ({error})", cure=_WAYS_IN) from error
    place = DeviceArray(
        borrowed.address, borrowed.shape, lent=borrowed, is_read_only=borrowed.is_read_only
    )
    return place, borrowed.dtype, borrowed.strides


def same_kind(array: Any, shape: tuple[int, ...]) -> Any:
    """A new array of its library, uint8 beside it on the GPU; None for libraries not known."""
    library = _library(array)
    if library == "torch":
        return array.new_empty(shape)
    return sys.modules["cupy"].empty(shape, "uint8") if library == "cupy" else None


def _library(array: Any) -> str:
    """The name of the package that an object's type comes from."""
    return type(array).__module__.partition(".")[0]
