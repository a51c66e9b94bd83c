"""Arrays of other libraries in GPU memory, read through `__cuda_array_interface__`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nst_rt.errors import InputError


@dataclass(frozen=True)
class DeviceArray:
    """Where a C-contiguous uint8 array lies on the GPU."""

    address: int
    shape: tuple[int, ...]


def device_array(array: Any, what: str, expected: tuple[int, ...] | None = None) -> DeviceArray:
    """The place of uint8 N×H×W×3 pictures.

    Args:
        array: of any library that has the interface.
        what: what messages call it.
        expected: the one shape that will do; by default any.

    Raises:
        InputError: it is none.
    """
    interface = getattr(array, "__cuda_array_interface__", None)
    if interface is None:
        raise InputError(
            f"{what} is a {type(array).__name__}, which is not in GPU memory",
            cure="give a CUDA tensor of PyTorch or an array of CuPy",
        )
    shape = tuple(map(int, interface["shape"]))
    dtype, strides = str(interface["typestr"]), interface.get("strides")
    _, height, width, channels = shape if len(shape) == 4 else (0, 0, 0, 0)
    packed = (height * width * channels, width * channels, channels, 1)
    if dtype != "|u1" or channels != 3 or strides not in (None, packed):
        raise InputError(
            f"{what} is {dtype} of shape {shape}", cure="give uint8 N×H×W×3, C-contiguous"
        )
    if expected is not None and shape != expected:
        raise InputError(f"{what} has shape {shape}", cure=f"give one of shape {expected}")
    return DeviceArray(int(interface["data"][0]), shape)
