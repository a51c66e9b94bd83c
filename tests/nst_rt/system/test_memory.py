"""Free memory, as the kernel reports it."""

from __future__ import annotations

from pathlib import Path

from nst_rt.system.memory import free_memory


def test_the_smaller_of_system_and_container_counts(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:  4000 kB\n")
    assert free_memory(tmp_path, tmp_path) == 4000 * 1024
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.stat").write_text("anon 1000000\nfile 900000\n")
    assert free_memory(tmp_path, tmp_path) == 2_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(tmp_path, tmp_path) == 4000 * 1024


def test_unknown_systems_set_no_limit(tmp_path: Path) -> None:
    assert free_memory(tmp_path, tmp_path) is None
