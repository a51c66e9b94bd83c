"""Progress of a build, and how it is stopped."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from nst_export.engine import build_engine, building
from nst_export.engine.progress import Progress, Steps


def test_shares_rise_to_one(tmp_path: Path, shipped: Path) -> None:
    told: list[tuple[float, str]] = []
    build_engine(shipped, tmp_path / "x.engine", progress=lambda *told_: told.append(told_))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert len(set(shares)) > 50
    assert {"Building engine", "Cloning network graph"} <= {phase for _, phase in told}


def test_phases_within_phases_are_one_number() -> None:
    told: list[float] = []
    steps = Steps(lambda share, phase: told.append(round(share, 3)))
    steps.begin("all", None, 2)
    steps.begin("part", "all", 4)
    for index in range(4):
        assert steps.step("part", index)
    steps.end("part")
    assert steps.step("all", 0)
    steps.begin("empty", "all", 0)
    steps.end("empty")
    steps.end("all")
    assert told == [0, 0, 0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.5, 0.5, 1]


def test_ctrl_c_stops_the_build_and_leaves_nothing(
    tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Steps] = []
    told: list[float] = []

    def make(progress: Progress) -> Steps:
        made.append(Steps(progress))
        return made[-1]

    def interrupt(share: float, phase: str) -> None:
        told.append(share)
        if len(told) == 30:
            os.kill(os.getpid(), signal.SIGINT)
            assert made[0].stopped.wait(30)

    monkeypatch.setattr(building, "Steps", make)
    with pytest.raises(KeyboardInterrupt):
        build_engine(shipped, tmp_path / "x.engine", progress=interrupt)
    assert max(told[:-1]) < 0.5  # closing its phases, the builder calls the last one done
    assert list(tmp_path.iterdir()) == []
    build_engine(shipped, tmp_path / "x.engine")


@pytest.mark.parametrize("in_thread", [False, True])
def test_an_error_of_who_is_told_ends_the_build(
    tmp_path: Path, shipped: Path, in_thread: bool
) -> None:
    caught: list[BaseException] = []

    def fail(share: float, phase: str) -> None:
        raise ZeroDivisionError("mine")

    def build() -> None:
        try:
            build_engine(shipped, tmp_path / "x.engine", progress=fail)
        except BaseException as error:
            caught.append(error)

    if in_thread:
        thread = threading.Thread(target=build)
        thread.start()
        thread.join()
    else:
        build()
    assert isinstance(caught[0], ZeroDivisionError)
    assert list(tmp_path.iterdir()) == []
