"""A file is complete or not there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nst_rt.system.atomic import part_of, remove_stale_parts, replace_file, replacing


def test_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "x.png"
    target.write_bytes(b"old")
    replace_file(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failure_keeps_the_old_file_and_leaves_no_part(tmp_path, monkeypatch, step) -> None:
    target = tmp_path / "x.png"
    target.write_bytes(b"old")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, fail)
    with pytest.raises(OSError, match="No space left"):
        replace_file(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    assert target.read_bytes() == b"old"


def test_error_of_who_writes_keeps_the_old_file_and_leaves_no_part(tmp_path) -> None:
    target = tmp_path / "x.mp4"
    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(target) as part:  # noqa: PT012
        part.write_bytes(b"half")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127 + "x", "a\nb"])
def test_part_of_any_name_is_a_name(tmp_path: Path, name: str) -> None:
    replace_file(tmp_path / name, b"data")
    assert (tmp_path / name).read_bytes() == b"data"
    assert len(os.fsencode(part_of(tmp_path / name).name)) <= 255


def test_only_parts_of_processes_that_are_gone_are_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale = tmp_path / f".{'x' * 40}\n.png.part-{dead.pid}-{dead.pid}"
    kept = [part_of(Path("x.png")).name, ".x.png.part-1", "x.png.part-999999", ".x.part-12a"]
    for path in [stale, *(tmp_path / name for name in kept)]:
        path.touch()
    (tmp_path / f".folder.part-{dead.pid}").mkdir()
    remove_stale_parts(tmp_path)
    assert not stale.exists()
    assert {path.name for path in tmp_path.iterdir()} == {*kept, f".folder.part-{dead.pid}"}
    remove_stale_parts(tmp_path / "nowhere")


def test_threads_that_write_one_file_never_share_a_part(tmp_path: Path, monkeypatch) -> None:
    flush, both = os.fsync, threading.Barrier(2, timeout=20)

    def wait_and_flush(descriptor: int) -> None:
        both.wait()
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", wait_and_flush)
    target, contents = tmp_path / "x.png", [b"a" * 9000, b"b" * 5000]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda data: replace_file(target, data), contents))
    assert target.read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
