"""Freed memory that stays with the process."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Make glibc reuse freed memory instead of returning it to the system.

    A training step allocates the same large activations again and again. By default each comes from
    a fresh mapping whose pages the system has to clear first, which costs a memory-bound layer five
    times its arithmetic. Returns whether it took effect; other C libraries are left alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    options = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, 256 * 2**20))
    return all(mallopt(option, value) == 1 for option, value in options)
