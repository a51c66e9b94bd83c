"""The check that an engine fits this machine: the library's version, the GPU and the system."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from nst_rt.engines.rebuild_command import rebuild_command
from nst_rt.engines.side_car import PORTABLE, EngineFacts, this_platform
from nst_rt.errors import ModelError, ProviderError
from nst_rt.nvidia.driver import DriverInfo, GpuInfo, query_driver
from nst_rt.nvidia.tensorrt import LIBRARIES, Library, import_library

_RTX_MAGIC = b"vtrt"
_RTX_VERSION = struct.Struct("4B")
_RTX_VERSION_AT = 24
"""Offset of the four bytes of TensorRT-RTX's version; reading them needs no TensorRT-RTX."""


@dataclass(frozen=True)
class Fit:
    """The library, GPU and driver that run an engine here."""

    library: Library
    module: ModuleType
    gpu: GpuInfo
    driver: DriverInfo

    @property
    def title(self) -> str:
        """The library's name in messages, "TensorRT 11.4.0.106"."""
        return f"{self.library.title} {self.module.__version__}"


def check_fit(path: Path, facts: EngineFacts, data: bytes) -> Fit:
    """Find the library that runs an engine, before it sees the engine.

    Args:
        path: of the engine, for messages.
        facts: its side-car.
        data: its bytes.

    Raises:
        ModelError: it was built for another version, GPU or system; both are named.
        ProviderError: the library or a GPU is absent.
    """
    name = next((name for name in LIBRARIES if name == facts.backend), None)
    if name is None:
        raise ModelError(f"was built by {facts.backend}, which nst-rt does not know", path=path)
    library, here = LIBRARIES[name], this_platform()
    if not _same_platform(facts.platform, here, library):
        raise _misfit(path, facts, f"for {facts.platform}", here)
    trt = import_library(name)
    version = _plain(trt.__version__)
    for built in (_plain(facts.backend_version), _rtx_version(data) or version):
        if built != version:
            raise _misfit(path, facts, f"by {library.title} {built}", f"version {version}")
    driver = query_driver()
    if not driver.gpus:
        raise ProviderError(
            f"an engine runs on a GPU: {driver.problem}",
            path=path,
            cure="give the .onnx file that it was built from",
        )
    gpu = driver.gpus[0]
    if facts.gpu not in (PORTABLE, gpu.name) or gpu.capability not in facts.compute_capabilities:
        built = f"for {facts.gpu} (compute capability {', '.join(facts.compute_capabilities)})"
        target = _target(trt, gpu, library)
        raise _misfit(path, facts, built, f"{gpu.name} ({gpu.capability})", target)
    return Fit(library, trt, gpu, driver)


def _misfit(
    path: Path, facts: EngineFacts, built: str, here: str, target: list[str] | None = None
) -> ModelError:
    """The error that names both, and the command that builds for what is here."""
    what = f"was built {built}, here is {here}"
    again = rebuild_command(path, facts, target=target)
    return ModelError(what, path=path, cure=f"build it here: {again}")


def _target(trt: ModuleType, gpu: GpuInfo, library: Library) -> list[str]:
    """Return the options that build an engine for this GPU."""
    if not library.portable:
        return []
    known = "SM" + gpu.capability.replace(".", "") in trt.ComputeCapability.__members__
    if not known:
        return ["--backend tensorrt"]
    return ["--backend tensorrt-rtx", f"--compute-capability {gpu.capability}"]


def _same_platform(built: str, here: str, library: Library) -> bool:
    """Return whether an engine fits this system; a portable one only needs the processor."""
    if not library.portable:
        return built == here
    one, other = (text.rpartition("-")[2].replace("amd64", "x86_64") for text in (built, here))
    return one == other


def _plain(version: str) -> str:
    """Return a version without the suffix of a package's post-release."""
    return version.partition(".post")[0]


def _rtx_version(data: bytes) -> str:
    """Return the version in the header of a TensorRT-RTX engine, empty for other bytes."""
    if not data.startswith(_RTX_MAGIC) or len(data) < _RTX_VERSION_AT + _RTX_VERSION.size:
        return ""
    return ".".join(map(str, _RTX_VERSION.unpack_from(data, _RTX_VERSION_AT)))
