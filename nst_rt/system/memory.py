"""Memory that this process may still take, and messages of engines that got none."""

from __future__ import annotations

import re
from pathlib import Path

_REFUSED = re.compile(
    r"failed to allocate|can't alloc|bad_alloc|out.of.memory|ALLOC_FAILED|CUDA\w* failure 2:"
    r"|smaller than requested bytes",
    re.IGNORECASE,
)


def is_lack_of_memory(message: str) -> bool:
    """Return whether an engine's or driver's message reports that memory was refused."""
    return bool(_REFUSED.search(message))


def free_memory(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the bytes that are available within the container's limit; None where unknown."""
    known = [value for value in (_available(proc), _within_quota(cgroup)) if value is not None]
    return max(0, min(known)) if known else None


def _available(proc: Path) -> int | None:
    kibibytes = _numbers(proc / "meminfo").get("MemAvailable:")
    return None if kibibytes is None else kibibytes * 1024


def _within_quota(cgroup: Path) -> int | None:
    """Return the bytes that a cgroup 2 has left of its quota; its caches count as free."""
    try:
        quota = (cgroup / "memory.max").read_text().strip()
    except OSError:
        return None
    taken = _numbers(cgroup / "memory.stat").get("anon", 0)
    return int(quota) - taken if quota.isdigit() else None


def _numbers(file: Path) -> dict[str, int]:
    """Return the numbers of a kernel's file with lines "name number …"."""
    try:
        fields = (line.split() for line in file.read_text().splitlines())
        return {field[0]: int(field[1]) for field in fields if len(field) > 1}
    except (OSError, ValueError):
        return {}
