"""TensorRT's configuration of a build, from our options."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nst_export.engine.backends import Backend
from nst_export.engine.messages import refusal
from nst_export.engine.options import EngineOptions
from nst_export.engine.profiles import Profile
from nst_rt.errors import OutputError, UsageError
from nst_rt.nvidia.tensorrt import PORTABLE_TO
from nst_rt.nvidia.tensorrt_log import Messages
from nst_rt.system.atomic import replace_file

if TYPE_CHECKING:
    import tensorrt as trt

logger = logging.getLogger(__name__)


def configure(backend: Backend, builder: trt.Builder, options: EngineOptions) -> trt.IBuilderConfig:
    """Return a configuration without profiles.

    Raises:
        UsageError: an option that this library cannot follow.
    """
    trt = backend.module
    config = builder.create_builder_config()
    if options.workspace_mib is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mib << 20)
    if options.level is not None:
        config.builder_optimization_level = options.level
    if backend.library.portable:
        _set_capabilities(backend, config, capabilities_of(backend, options))
    elif options.capabilities:
        raise UsageError(
            f"{backend.title} builds for the GPU that is here",
            cure="leave out capabilities (--compute-capability), or choose "
            'backend="tensorrt-rtx" (--backend)',
        )
    for name, value in (("--level", options.level), ("--timing-cache", options.timing_cache)):
        if value is not None and not backend.library.tunes:
            logger.warning("%s changes nothing: %s tries no kernels out", name, backend.title)
    return config


def capabilities_of(backend: Backend, options: EngineOptions) -> Sequence[str]:
    """Return the compute capabilities that an engine will run on."""
    if backend.library.portable:
        return tuple(dict.fromkeys(options.capabilities)) or PORTABLE_TO
    return (backend.gpu.capability,) if backend.gpu else ()


def add_profile(
    builder: trt.Builder,
    network: trt.INetworkDefinition,
    config: trt.IBuilderConfig,
    profile: Profile,
    messages: Messages,
    name: str,
) -> None:
    """Add the sizes of the pictures.

    Raises:
        UsageError: the library called `name` does not take them.
    """
    sizes = builder.create_optimization_profile()
    shapes = profile.shapes()
    sizes.set_shape(network.get_input(0).name, shapes["min"], shapes["opt"], shapes["max"])
    if config.add_optimization_profile(sizes) < 0:
        raise refusal(messages, name)


def load_timing_cache(backend: Backend, config: trt.IBuilderConfig, options: EngineOptions) -> None:
    """Load the timings of earlier builds.

    A cache that is damaged, or of another version or GPU, is begun anew, and TensorRT warns of it.
    """
    path = options.timing_cache
    if path is None or not backend.library.tunes:
        return
    try:
        known = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise UsageError(f"cannot be read ({error.strerror})", path=path) from error
    for data in (known, b""):
        if config.set_timing_cache(config.create_timing_cache(data), ignore_mismatch=False):
            break


def save_timing_cache(backend: Backend, config: trt.IBuilderConfig, options: EngineOptions) -> None:
    """Save the timings of this build for later ones.

    Raises:
        OutputError: it cannot be written.
    """
    path = options.timing_cache
    if path is None or not backend.library.tunes:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, bytes(config.get_timing_cache().serialize()))
    except OSError as error:
        raise OutputError.from_error(error, path) from error


def _set_capabilities(
    backend: Backend, config: trt.IBuilderConfig, capabilities: Sequence[str]
) -> None:
    trt = backend.module
    known = trt.ComputeCapability.__members__
    config.num_compute_capabilities = len(capabilities)
    for index, capability in enumerate(capabilities):
        name = "SM" + capability.replace(".", "")
        if name not in known:
            have = ", ".join(f"{key[2:-1]}.{key[-1]}" for key in known if key.startswith("SM"))
            raise UsageError(
                f"{backend.title} has no compute capability {capability}", cure=f"it has {have}"
            )
        config.set_compute_capability(known[name], index)
