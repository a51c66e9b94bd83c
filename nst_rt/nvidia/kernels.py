"""What TensorRT-RTX compiles on the GPU that runs an engine, kept in a file for the next time."""

from __future__ import annotations

import logging
import os
import weakref
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from nst_rt.atomic import replace_file
from nst_rt.errors import shown

if TYPE_CHECKING:
    import tensorrt as trt

logger = logging.getLogger(__name__)


def use_kernel_cache(
    trt: ModuleType, config: trt.IRuntimeConfig, file: Path | None, owner: object
) -> trt.IRuntimeCache:
    """Give contexts of `config` the kernels of an earlier run, and keep theirs when `owner` goes.

    A file that is damaged, or of another version, GPU or driver, begins anew.

    Args:
        trt: the library's module.
        config: of the engine whose kernels they are. It captures CUDA graphs by itself from here
            on, as it alone knows when a kernel that was compiled meanwhile takes another's place.
        file: where they are kept; in a folder of this user alone, since kernels are code.
        owner: whoever has the engine.

    Returns:
        What the contexts use as long as they live, which nothing else sees to.
    """
    config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    cache = config.create_runtime_cache()
    known = _read(file)
    if known and not cache.deserialize(known):
        logger.info("%s: kernels that are of no use here, they are compiled again", file)
        cache = config.create_runtime_cache()
    config.set_runtime_cache(cache)
    weakref.finalize(owner, _keep, cache, file, known, os.getpid())
    return cache


def _read(file: Path | None) -> bytes:
    try:
        return file.read_bytes() if file else b""
    except OSError:
        return b""


def _keep(cache: trt.IRuntimeCache, file: Path | None, known: bytes, process: int) -> None:
    if os.getpid() != process:  # a forked child, which leaves the GPU alone
        return
    serialized = cache.serialize() if file else None
    if file is None or serialized is None or (kernels := bytes(serialized)) == known:
        return
    try:
        replace_file(file, kernels)
    except OSError as error:
        logger.warning(
            "%s: the GPU's kernels are not kept for the next time (%s)", shown(file), error.strerror
        )
