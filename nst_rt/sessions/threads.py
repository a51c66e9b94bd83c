"""The number of CPU threads that this process may use."""

from __future__ import annotations

import os
from pathlib import Path


def allowed_threads() -> int:
    """Return the CPUs of the affinity mask, bounded by cgroup quota and environment variables."""
    limits = [_affinity(), _cgroup_quota()]
    limits += [_variable(name) for name in ("OMP_NUM_THREADS", "ORT_INTRA_OP_NUM_THREADS")]
    return max(1, min(limit for limit in limits if limit is not None))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _variable(name: str) -> int | None:
    value = os.environ.get(name, "").split(",")[0].strip()
    return int(value) if value.isdigit() and int(value) > 0 else None


def _cgroup_quota(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return the container's CPU quota (cgroup 2, else 1), rounded up; None without one."""
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu/cpu.cfs_period_us").read_text().strip()
        except OSError:
            return None
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return -(-int(quota) // int(period))
