"""Arrays of other libraries in GPU memory: their address, shape and stream."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import Any

from nst_rt.errors import InputError
from nst_rt.nvidia.dlpack import CUDA, ImportedArray

LEGACY_STREAM = 1
"""Handle of CUDA's legacy default stream, with which work in other streams keeps its order."""
_MANAGED = 13
"""DLPack's device type of managed memory, kDLCUDAManaged."""
Strides = tuple[int, ...] | None
"""Strides of an array, None for a C-contiguous one."""
_WAYS_IN = "give a CUDA tensor of PyTorch, an array of CuPy, or what has __dlpack__"


@dataclass(frozen=True)
class DeviceArray:
    """A C-contiguous uint8 array on the GPU.

    Attributes:
        address: in the GPU's memory.
        shape: of the array.
        stream: handle of the stream in which its library works on it; None where unknown.
        imported: keeps the memory of an array that came through DLPack.
        is_read_only: it must not be written to.
    """

    address: int
    shape: tuple[int, ...]
    stream: int | None = None
    imported: object = None
    is_read_only: bool = False

    def pictures(self) -> list[DeviceArray]:
        """Return each of its pictures, 1×H×W×3."""
        shape = (1, *self.shape[-3:])
        starts = range(self.address, self.address + math.prod(self.shape), math.prod(shape))
        return [replace(self, address=start, shape=shape) for start in starts]


def is_device_array(array: Any) -> bool:
    """Return whether an object of any library declares that it is in a GPU's memory."""
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
    """Return the place of uint8 pictures, H×W×3 or N×H×W×3.

    Args:
        array: of any library that has `__cuda_array_interface__` or DLPack.
        what: its name in messages.
        stream: handle of the stream in which it will be used.
        axes: numbers of axes that it may have.
        expected: the shape of an array to be written to; by default it is read, whatever its shape.

    Raises:
        InputError: it is no such array.
    """
    place, dtype, strides = _through_interface(array, what) or _through_dlpack(array, what, stream)
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
    """Return whether bytes follow one another; an axis of one element may have any stride."""
    if strides is None:
        return True
    steps = (math.prod(shape[axis + 1 :]) for axis in range(len(shape)))
    return all(
        size == 1 or stride == step
        for size, stride, step in zip(shape, strides, steps, strict=True)
    )


def _through_interface(array: Any, what: str) -> tuple[DeviceArray, str, Strides] | None:
    """Read `__cuda_array_interface__`; None where there is none."""
    try:
        interface = getattr(array, "__cuda_array_interface__", None)
    except RuntimeError as error:  # of a tensor that is being trained
        raise InputError(f"{what} is not available ({error})") from error
    if interface is None:
        return None
    shape, strides = tuple(map(int, interface["shape"])), interface.get("strides")
    typestr, (address, is_read_only) = str(interface["typestr"]), interface["data"]
    stream = _stream(array, interface)
    place = DeviceArray(int(address), shape, stream, is_read_only=bool(is_read_only))
    return place, "uint8" if typestr == "|u1" else typestr, strides


def _stream(array: Any, interface: Any) -> int | None:
    """Return the stream in which its library works on it."""
    if _library(array) == "torch":  # whose interface has none
        current: int = sys.modules["torch"].cuda.current_stream(array.device).cuda_stream
        return current or LEGACY_STREAM
    stream: int | None = interface.get("stream")
    return stream


def _through_dlpack(array: Any, what: str, stream: int) -> tuple[DeviceArray, str, Strides]:
    if not hasattr(array, "__dlpack__") or not is_device_array(array):
        raise InputError(
            f"{what} is a {type(array).__name__}, which is not in GPU memory", cure=_WAYS_IN
        )
    try:
        imported = ImportedArray(array, stream)
    except (BufferError, RuntimeError) as error:
        raise InputError(
            f"{what} is not exported by its library ({error})", cure=_WAYS_IN
        ) from error
    place = DeviceArray(
        imported.address, imported.shape, imported=imported, is_read_only=imported.is_read_only
    )
    return place, imported.dtype, imported.strides


def new_like(array: Any, shape: tuple[int, ...]) -> Any:
    """Return a new uint8 array of an array's library, on its GPU; None for unknown libraries."""
    library = _library(array)
    if library == "torch":
        return array.new_empty(shape)
    if library == "cupy":
        return sys.modules["cupy"].empty(shape, "uint8")
    return None


def _library(array: Any) -> str:
    """Return the name of the package that defines an object's type."""
    return type(array).__module__.partition(".")[0]
