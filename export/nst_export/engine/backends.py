"""The two libraries that build engines, and all that differs between them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from nst_export.engine.messages import Messages, logger_of, refusal
from nst_rt.errors import ModelError, NstError, ProviderError
from nst_rt.nvidia.driver import Gpu, ask_driver

if TYPE_CHECKING:
    import tensorrt as trt

logger = logging.getLogger(__name__)

BackendName = Literal["tensorrt", "tensorrt-rtx"]


@dataclass(frozen=True)
class Library:
    """One row of the table. What no row names is alike in all versions that are known."""

    title: str
    module: str
    extra: str
    oldest: tuple[int, int]
    """The first version whose names the tests hold the code against."""
    before: tuple[int, int]
    """The first version that nobody has looked at."""
    portable: bool
    """Whether it builds without a GPU, for all of a list of compute capabilities."""
    tunes: bool
    """Whether it tries kernels out: only then a level and a timing cache mean something."""


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
"""Compute capabilities of a portable engine for which none are named: what TensorRT-RTX 1.7 has
from Ampere on. With them the builder plans less memory than when it is left to its own choice."""


@dataclass(frozen=True)
class Backend:
    """A library that is here and works."""

    name: BackendName
    module: ModuleType
    version: str
    gpu: Gpu | None

    @property
    def library(self) -> Library:
        return LIBRARIES[self.name]

    @property
    def title(self) -> str:
        """As in messages: "TensorRT 11.4.0.106"."""
        return f"{self.library.title} {self.version}"

    def builder(self, messages: Messages) -> trt.Builder:
        """A new builder.

        Raises:
            ProviderError: the library is here, and does not start.
        """
        trt = self.module
        try:
            return trt.Builder(logger_of(trt))
        except TypeError as error:  # what a null pointer becomes
            raise _does_not_start(messages, self.title) from error


def open_backend(name: BackendName | None = None) -> Backend:
    """The library that is asked for; TensorRT where it and a GPU are here, else TensorRT-RTX.

    Raises:
        ProviderError: it is absent, does not load, is of an unknown version or lacks its GPU.
    """
    if name:
        return _open(name)
    try:
        return _open("tensorrt")
    except ProviderError as error:
        logger.info("TensorRT is passed over: %s", error)
        passed_over = error
    try:
        return _open("tensorrt-rtx")
    except _AbsentError as error:
        raise ProviderError(
            f"no engine can be built here: {passed_over.what}; {error.what}",
            cure='pip install "nst-rt[rtx]", or "nst-rt[tensorrt]" where the GPU is',
        ) from error


class _AbsentError(ProviderError):
    """The package is not installed."""


def _open(name: BackendName) -> Backend:
    library = LIBRARIES[name]
    cure = f'pip install "nst-rt[{library.extra}]"'
    try:
        trt = import_module(library.module)
    except ModuleNotFoundError as error:
        raise _AbsentError(f"{library.title} needs {error.name}", cure=cure) from error
    except ImportError as error:
        raise ProviderError(f"{library.title} does not load ({error})", cure=cure) from error
    if not library.oldest <= _numbers(trt.__version__) < library.before:
        known = f"{_dotted(library.oldest)} up to, not including, {_dotted(library.before)}"
        raise ProviderError(
            f"{library.title} is {trt.__version__}, nst-rt knows {known}", cure=cure
        )
    driver = ask_driver()
    if not driver.gpus and not library.portable:
        raise ProviderError(
            f"{library.title} builds on the GPU that the engine is for: {driver.problem}",
            cure="build it there, or with --backend tensorrt-rtx, which needs none",
        )
    return Backend(name, trt, trt.__version__, driver.gpus[0] if driver.gpus else None)


def _does_not_start(messages: Messages, title: str) -> NstError:
    error = refusal(messages, title)
    if isinstance(error, ModelError):  # nobody knows why, but it is no model's fault
        return ProviderError(f"{title} is installed and does not start", cure="see nst-rt doctor")
    return error


def _numbers(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def _dotted(numbers: tuple[int, int]) -> str:
    return ".".join(map(str, numbers))
