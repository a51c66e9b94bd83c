"""Kernels that TensorRT-RTX compiles are cached in a folder that only its user can write to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nst_rt.sessions.engine import KERNELS_KEPT
from tests.cuda.scripts import OPEN
from tests.tensorrt.machine import RTX, EngineMachine, stand_in_engine

PAINT = """
    import logging
    logging.basicConfig(level="INFO", format="%(levelname)s %(message)s", stream=sys.stdout)
    session = opened(trust_engine=True)
    for height in map(int, sys.argv[2:]):
        session.run(black(height, 20))
"""


@pytest.fixture
def machine(engine_machine_of: Callable[[str], EngineMachine], tmp_path: Path) -> EngineMachine:
    """TensorRT-RTX with an empty cache."""
    return replace(engine_machine_of(RTX), scratch=tmp_path)


@pytest.fixture
def engine(machine: EngineMachine, tmp_path: Path) -> Path:
    return stand_in_engine(tmp_path / "echo.engine", machine)


def kept(folder: Path) -> dict[str, bytes]:
    files = sorted((folder / "cache/engines/kernels").glob("*.bin"))
    return {file.name: file.read_bytes() for file in files}


def test_kernels_are_kept_and_found_again(
    machine: EngineMachine, engine: Path, tmp_path: Path
) -> None:
    machine.run(PAINT, engine, "10", "20", before=OPEN)
    assert list(kept(tmp_path).values()) == [b"stand-in cache 2"]
    machine.run(PAINT, engine, "30", before=OPEN)
    assert list(kept(tmp_path).values()) == [b"stand-in cache 3"]
    (file,) = (tmp_path / "cache/engines/kernels").iterdir()
    file.touch()
    before = file.stat().st_ino
    machine.run(PAINT, engine, before=OPEN)
    assert file.stat().st_ino == before  # not written again: there was nothing new


def test_another_gpu_or_engine_has_kernels_of_its_own(
    machine: EngineMachine, engine: Path, tmp_path: Path
) -> None:
    facts = {"compute_capabilities": ["8.6", "8.9"]}
    engine = stand_in_engine(engine, machine, **facts)
    machine.run(PAINT, engine, "10", before=OPEN)
    machine.run(PAINT, engine, "10", before=OPEN, capability=86)
    other = stand_in_engine(tmp_path / "other.engine", machine, data=engine.read_bytes() + b" ")
    machine.run(PAINT, other, "10", before=OPEN)
    assert len(kept(tmp_path)) == 3


def test_kernels_used_least_are_deleted(
    machine: EngineMachine, engine: Path, tmp_path: Path
) -> None:
    machine.run(PAINT, engine, "10", before=OPEN)
    (own,) = kept(tmp_path)
    folder = tmp_path / "cache/engines/kernels"
    os.utime(folder / own, (0, 0))
    for number in range(KERNELS_KEPT + 2):
        (folder / f"{number}.bin").write_bytes(b"kernels")
        os.utime(folder / f"{number}.bin", (number + 1, number + 1))
    machine.run(PAINT, engine, "10", before=OPEN)
    others = {f"{number}.bin" for number in range(3, KERNELS_KEPT + 2)}
    assert set(kept(tmp_path)) == {own, *others}


def test_kernels_of_no_use_begin_anew(machine: EngineMachine, engine: Path, tmp_path: Path) -> None:
    machine.run(PAINT, engine, "10", before=OPEN)
    (name,) = kept(tmp_path)
    file = tmp_path / "cache/engines/kernels" / name
    file.write_bytes(b"of another version")
    ended = machine.run(PAINT, engine, "10", "20", before=OPEN)
    assert f"INFO {file}: its kernels cannot be used here and are compiled again" in ended.out
    assert kept(tmp_path) == {name: b"stand-in cache 2"}


def test_kernels_that_others_could_have_written_are_left_alone(
    machine: EngineMachine, engine: Path, tmp_path: Path
) -> None:
    machine.run(PAINT, engine, "10", before=OPEN)
    (tmp_path / "cache/engines/kernels").chmod(0o777)
    ended = machine.run(PAINT, engine, "10", "20", before=OPEN)
    assert ended.code == 0, ended.err
    assert "WARNING" in ended.out
    assert list(kept(tmp_path).values()) == [b"stand-in cache 1"]


def test_kernels_that_cannot_be_kept_cost_a_warning(
    machine: EngineMachine, engine: Path, tmp_path: Path
) -> None:
    code = (
        PAINT
        + """
    for file in __import__("pathlib").Path(os.environ["NST_RT_CACHE"]).rglob("kernels"):
        file.rename(file.with_name("gone"))
    """
    )
    ended = machine.run(code, engine, "10", before=OPEN)
    assert ended.code == 0, ended.err
    assert "the GPU's kernels are not kept for the next time (No such file" in ended.out
