"""The NVIDIA driver and its GPUs, queried through the driver's own libraries."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""


@dataclass(frozen=True)
class GpuInfo:
    """The facts of a GPU: `memory` is its total in bytes, `capability` is written like 8.9."""

    name: str
    capability: str
    memory: int


@dataclass(frozen=True)
class DriverInfo:
    """The facts of the driver and its GPUs.

    Attributes:
        version: the driver's; empty where unknown.
        cuda: the newest CUDA that it supports, like 13.0; empty where unknown.
        gpus: all that are visible.
        problem: why there are no GPUs; empty where there are some.
        cure: what to do about it; empty where nothing is known.
    """

    version: str = ""
    cuda: str = ""
    gpus: tuple[GpuInfo, ...] = ()
    problem: str = ""
    cure: str = ""


def query_driver(bus: Path = Path("/sys/bus/pci/devices")) -> DriverInfo:
    """Query the driver of this machine; a failure is described in `problem`.

    Args:
        bus: the folder in which the kernel lists PCI devices.
    """
    windows = sys.platform == "win32"
    cuda = _library("nvcuda.dll" if windows else "libcuda.so.1")
    if cuda is None:
        seen = _is_plugged_in(bus)
        problem = "a GPU without its driver" if seen else "no NVIDIA driver"
        return DriverInfo(problem=problem, cure="install the NVIDIA driver")
    version = _version(_library("nvml.dll" if windows else "libnvidia-ml.so.1"))
    supported = ctypes.c_int()
    cuda.cuDriverGetVersion(ctypes.byref(supported))
    known = f"{supported.value // 1000}.{supported.value % 1000 // 10}"
    code = cuda.cuInit(0)
    gpus = () if code else tuple(_gpus(cuda))
    problem = "" if gpus else f"no GPU is visible ({_message(cuda, code)})"
    return DriverInfo(version, known, gpus, problem)


def _library(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


def _version(management: ctypes.CDLL | None) -> str:
    """Return the driver's version from its management library."""
    text = ctypes.create_string_buffer(80)
    if management is None or management.nvmlInit_v2():
        return ""
    failed = management.nvmlSystemGetDriverVersion(text, len(text))
    management.nvmlShutdown()
    return "" if failed else text.value.decode(errors="replace")


def _gpus(cuda: ctypes.CDLL) -> list[GpuInfo]:
    count = _number(cuda.cuDeviceGetCount)
    return [_gpu(cuda, ordinal) for ordinal in range(count)]


def _gpu(cuda: ctypes.CDLL, ordinal: int) -> GpuInfo:
    device, memory = ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(128)
    cuda.cuDeviceGet(ctypes.byref(device), ordinal)
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    major, minor = (
        _number(cuda.cuDeviceGetAttribute, attribute, device) for attribute in (_MAJOR, _MINOR)
    )
    return GpuInfo(name.value.decode(errors="replace"), f"{major}.{minor}", memory.value)


def _number(function: Callable[..., int], *arguments: object) -> int:
    """Return the number that a function writes into its first argument; 0 where it fails."""
    value = ctypes.c_int()
    return 0 if function(ctypes.byref(value), *arguments) else value.value


def _message(cuda: ctypes.CDLL, code: int) -> str:
    text = ctypes.c_char_p()
    cuda.cuGetErrorString(code, ctypes.byref(text))
    return f"CUDA error {code}: {text.value.decode(errors='replace') if text.value else 'unknown'}"


def _is_plugged_in(bus: Path) -> bool:
    """Return whether a display or 3-D device of NVIDIA's is on the bus."""
    try:
        return any(
            (device / "vendor").read_text().strip() == "0x10de"
            and (device / "class").read_text().startswith("0x03")
            for device in bus.iterdir()
        )
    except OSError:
        return False
