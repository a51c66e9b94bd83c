"""TensorRT and TensorRT-RTX: one table of all that differs between the two libraries."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal

from nst_rt.errors import MissingExtraError, ProviderError

BackendName = Literal["tensorrt", "tensorrt-rtx"]


@dataclass(frozen=True)
class Library:
    """One row of the table; all else is alike in all known versions."""

    title: str
    module: str
    extra: str
    oldest: tuple[int, int]
    """The first version whose names the tests check the code against."""
    before: tuple[int, int]
    """The first version that nobody has tested."""
    portable: bool
    """Whether it builds without a GPU, for all of a list of compute capabilities; the GPU finishes
    the engine when it is loaded, and captures CUDA graphs by itself."""
    tunes: bool
    """Whether it times kernels: only then a level and a timing cache have an effect."""


LIBRARIES: dict[BackendName, Library] = {
    "tensorrt": Library(
        title="TensorRT", module="tensorrt", extra="tensorrt",
        oldest=(10, 13), before=(12, 0), portable=False, tunes=True,
    ),
    "tensorrt-rtx": Library(
        title="TensorRT-RTX", module="tensorrt_rtx", extra="rtx",
        oldest=(1, 7), before=(2, 0), portable=True, tunes=False,
    ),
}  # fmt: skip

PORTABLE_TO = ("8.0", "8.6", "8.9", "12.0", "12.1")
"""Default compute capabilities of a portable engine: all that TensorRT-RTX 1.7 builds for from
Ampere on. 8.0 is in its API (`ComputeCapability`), but not in NVIDIA's support list.
With these named, the builder plans less memory than when it chooses them itself."""


def import_library(name: BackendName) -> ModuleType:
    """Import the Python module of a library.

    Raises:
        MissingExtraError: it is not installed, or does not load.
        ProviderError: its version is not known.
    """
    library = LIBRARIES[name]
    cure = f'pip install "nst-rt[{library.extra}]"'
    try:
        trt = import_module(library.module)
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError)
        needs = f"{library.title} needs {error.name}"
        what = needs if absent else f"{library.title} does not load ({error})"
        raise MissingExtraError(what, cure=cure) from error
    if not library.oldest <= _numbers(trt.__version__) < library.before:
        known = f"{_dotted(library.oldest)} up to, not including, {_dotted(library.before)}"
        raise ProviderError(
            f"{library.title} is {trt.__version__}, nst-rt knows {known}", cure=cure
        )
    return trt


def _numbers(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _dotted(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))
