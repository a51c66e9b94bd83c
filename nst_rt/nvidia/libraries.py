"""CUDA libraries that an engine needs: loading them from where pip puts them, naming missing ones.

An engine's own search misses the folders of NVIDIA's wheels, and its message names the first
missing library at best. Libraries that are loaded already are found by every later search.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from pathlib import Path

from nst_rt.nvidia.elf import linked_to

DRIVER = "libcuda.so.1"
CUDNN = "libcudnn.so.9"
"""cuDNN, which ONNX Runtime's provider needs without being linked to it."""
_TOOLKIT = 'pip install "onnxruntime-gpu[cuda,cudnn]"'
_CURES = {
    "libcuda.": "install the NVIDIA driver",
    **{
        f"lib{part}": _TOOLKIT for part in ("cudart", "cublas", "curand", "cufft", "cudnn", "nvrtc")
    },
    **{
        f"lib{part}.so.10": 'pip install "tensorrt-cu13<11"'
        for part in ("nvinfer", "nvinfer_plugin", "nvonnxparser")
    },
    "libnvinfer": 'pip install "nst-rt[tensorrt]"',
    "libnvonnxparser": 'pip install "nst-rt[tensorrt]"',
    "libtensorrt_": 'pip install "nst-rt[rtx]"',
}
"""Cures by the beginnings of libraries' names, of which the first that fits counts, in the order in
which to apply them. ONNX Runtime is linked to TensorRT 10, whatever the newest is."""


def load_dependencies(provider: Path) -> list[str]:
    """Load the libraries that an execution provider for GPUs, a shared library, needs.

    They come from NVIDIA's wheels, or else from the loader's own path.

    Returns:
        Names of the missing libraries, in the order of need.

    Raises:
        OSError: the provider cannot be read.
    """
    names = [name for name in linked_to(provider) if name.startswith(tuple(_CURES))]
    missing: dict[str, None] = {}
    for name in [DRIVER, *names, CUDNN]:
        lacking = load(name)
        if lacking:
            missing[lacking] = None
    return list(missing)


def load(name: str) -> str | None:
    """Load a library by its name; return the missing one's name, its own or a dependency's."""
    if _is_loaded(name):
        return None
    reasons = []
    for place in [*map(str, _in_wheels(name)), name]:
        lacking = _attempt(place)
        if lacking is None:
            return None
        reasons.append(lacking)
    return reasons[0]


def library_versions(provider: Path) -> dict[str, str]:
    """Return the versions of "CUDA" and "cuDNN" that the provider finds, without missing ones.

    Raises:
        OSError: the provider cannot be read.
    """
    versions = {}
    runtime = next((name for name in linked_to(provider) if name.startswith("libcudart.")), None)
    if runtime and load(runtime) is None:
        number = ctypes.c_int()
        ctypes.CDLL(runtime).cudaRuntimeGetVersion(ctypes.byref(number))
        versions["CUDA"] = f"{number.value // 1000}.{number.value % 1000 // 10}"
    if load(CUDNN) is None:
        version = ctypes.CDLL(CUDNN).cudnnGetVersion()
        versions["cuDNN"] = f"{version // 10_000}.{version // 100 % 100}.{version % 100}"
    return versions


def cure_for(missing: list[str]) -> str:
    """Return the cure for missing libraries; empty if none of them is NVIDIA's."""
    first = [next((p for p in _CURES if name.startswith(p)), "") for name in missing]
    return " and ".join(dict.fromkeys(cure for prefix, cure in _CURES.items() if prefix in first))


def _is_loaded(name: str) -> bool:
    """Return whether the process has it, from PyTorch for example: a second one would conflict."""
    try:
        ctypes.CDLL(name, mode=getattr(os, "RTLD_NOLOAD", 0))
    except OSError:
        return False
    return True


def _attempt(name: str) -> str | None:
    try:
        # global: libraries that are loaded later find it by name, and its symbols
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        found = re.match(r"(\S+): cannot open shared object file", str(error))
        return Path(found[1]).name if found else f"{Path(name).name} ({error})"
    return None


def _in_wheels(name: str) -> list[Path]:
    """Return a library's files in NVIDIA's wheels: nvidia/cu13/lib, nvidia/cudnn/lib and others."""
    places = (f"nvidia/*/lib/{name}", f"tensorrt_libs/{name}")
    folders = [Path(path) for path in sys.path if path]
    return [file for one in folders for place in places for file in sorted(one.glob(place))]
