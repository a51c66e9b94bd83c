"""The library that builds an engine: the chosen one, or one that works here."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from nst_export.engine.messages import refusal
from nst_rt.errors import MissingExtraError, ModelError, NstError, ProviderError
from nst_rt.nvidia.driver import GpuInfo, query_driver
from nst_rt.nvidia.tensorrt import LIBRARIES, BackendName, Library, import_library
from nst_rt.nvidia.tensorrt_log import Messages, shared_logger

if TYPE_CHECKING:
    import tensorrt as trt

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backend:
    """An installed library that works."""

    name: BackendName
    module: ModuleType
    version: str
    gpu: GpuInfo | None
    driver: str | None
    """Version of NVIDIA's driver, where there is one."""

    @property
    def library(self) -> Library:
        return LIBRARIES[self.name]

    @property
    def title(self) -> str:
        """Name and version for messages: "TensorRT 11.4.0.106"."""
        return f"{self.library.title} {self.version}"

    def builder(self, messages: Messages) -> trt.Builder:
        """Return a new builder.

        Raises:
            ProviderError: the library is installed, and does not start.
        """
        trt = self.module
        try:
            return trt.Builder(shared_logger(trt))
        except TypeError as error:  # what a null pointer becomes
            raise _does_not_start(messages, self.title) from error


def open_backend(name: BackendName | None = None) -> Backend:
    """Open the chosen library; by default TensorRT where it has a GPU, else TensorRT-RTX.

    Raises:
        MissingExtraError: it is not installed, or does not load.
        ProviderError: it is of an unknown version, or lacks its GPU.
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
    except MissingExtraError as error:
        raise ProviderError(
            f"no engine can be built here: {passed_over.what}; {error.what}",
            cure='pip install "nst-rt[rtx]", or "nst-rt[tensorrt]" where the GPU is',
        ) from error


def _open(name: BackendName) -> Backend:
    library = LIBRARIES[name]
    trt = import_library(name)
    driver = query_driver()
    if not driver.gpus and not library.portable:
        raise ProviderError(
            f"{library.title} builds on the GPU that the engine is for: {driver.problem}",
            cure='build it there, or with backend="tensorrt-rtx" (--backend), which needs none',
        )
    gpu = driver.gpus[0] if driver.gpus else None
    return Backend(name, trt, trt.__version__, gpu, driver.version or None)


def _does_not_start(messages: Messages, title: str) -> NstError:
    error = refusal(messages, title)
    if isinstance(error, ModelError):  # nobody knows why, but it is no model's fault
        return ProviderError(f"{title} is installed and does not start", cure="see nst-rt doctor")
    return error
