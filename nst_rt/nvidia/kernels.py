"""Cache of the kernels that TensorRT-RTX compiles on the GPU that runs an engine."""

from __future__ import annotations

import logging
import os
import weakref
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from nst_rt.errors import shown
from nst_rt.system.atomic import replace_file

if TYPE_CHECKING:
    import tensorrt as trt

logger = logging.getLogger(__name__)


def use_kernel_cache(
    trt: ModuleType, config: trt.IRuntimeConfig, file: Path | None, owner: object
) -> trt.IRuntimeCache:
    """Give contexts of `config` the kernels of an earlier run, and save theirs when `owner` goes.

    A file that is damaged, or of another version, GPU or driver, is written anew.

    Args:
        trt: the library's module.
        config: the engine's. The library captures CUDA graphs by itself from here on, as it alone
            knows when a kernel that was compiled meanwhile replaces another.
        file: the file of the kernels, in a folder of this user alone, since kernels are code.
        owner: the object that has the engine.

    Returns:
        The cache; the caller has to keep it as long as the contexts live.
    """
    config.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    cache = config.create_runtime_cache()
    known = _read(file)
    if known and not cache.deserialize(known):
        logger.info("%s: its kernels cannot be used here and are compiled again", file)
        cache = config.create_runtime_cache()
    config.set_runtime_cache(cache)
    weakref.finalize(owner, _save, cache, file, known, os.getpid())
    return cache


def _read(file: Path | None) -> bytes:
    try:
        return file.read_bytes() if file else b""
    except OSError:
        return b""


def _save(cache: trt.IRuntimeCache, file: Path | None, known: bytes, process: int) -> None:
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
