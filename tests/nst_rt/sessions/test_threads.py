"""The number of CPU threads that a process may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nst_rt.sessions.threads import _cgroup_quota, allowed_threads


@pytest.mark.parametrize(
    ("quota", "period", "count"),
    [("150000", "100000", 2), ("-1", "100000", None), ("100000", "0", None)],
)
def test_quota_of_an_older_container(tmp_path: Path, quota, period, count) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text(f"{period}\n")
    assert _cgroup_quota(tmp_path) == count
    assert _cgroup_quota(tmp_path / "without") is None


def test_system_without_affinity_counts_its_processors(monkeypatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert allowed_threads() == 1
