from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nst_rt.errors import OutputError
from nst_train import reporting
from nst_train.checkpoint import read_checkpoint
from nst_train.loop import Plan, StepReport, TrainingState, start
from nst_train.network import NetworkConfig, StyleNetwork
from nst_train.reporting import Checkpoints, JsonLines, ProgressBar, SampleSheets, TensorBoard

SHAPE = NetworkConfig(width=0.25, blocks=0)


@pytest.fixture(scope="module")
def state() -> TrainingState:
    plan = Plan(steps=9, learning_rate=0.01)
    return start(StyleNetwork(SHAPE), StyleNetwork(SHAPE), plan, torch.device("cpu"))


def report(step: int, steps: int = 9, *, loss: float = 0.5, skipped: bool = False) -> StepReport:
    return StepReport(step, steps, {"total": loss}, 0.01, 0.25, (3, 4) if skipped else ())


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def disk_is_full(*args: object, **options: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


class TestJsonLines:
    def test_every_step_is_a_line_at_once(self, tmp_path: Path, state: TrainingState) -> None:
        log = JsonLines(tmp_path / "log.jsonl")
        log.on_step(report(1), state)
        assert lines(log.path) == [
            {"step": 1, "steps": 9, "losses": {"total": 0.5}, "learning_rate": 0.01,
             "seconds": 0.25, "skipped": []},
        ]  # fmt: skip
        log.on_step(report(2, loss=float("nan"), skipped=True), state)
        assert lines(log.path)[1]["losses"] == {"total": None}
        assert lines(log.path)[1]["skipped"] == [3, 4]
        log.close()

    def test_a_resumed_run_goes_on_after_its_step(
        self, tmp_path: Path, state: TrainingState
    ) -> None:
        path = tmp_path / "log.jsonl"
        first = JsonLines(path)
        for step in (1, 2, 3):
            first.on_step(report(step), state)
        first.close()
        with path.open("ab") as file:
            file.write(b'{"step": 4, "los\xff')  # killed while writing
        second = JsonLines(path, start=2)
        assert [line["step"] for line in lines(path)] == [1, 2]  # kept, were it killed now
        second.on_step(report(3), state)
        second.close()
        assert [line["step"] for line in lines(path)] == [1, 2, 3]

    def test_a_fresh_run_has_a_fresh_log(self, tmp_path: Path) -> None:
        path = tmp_path / "log.jsonl"
        path.write_text('{"step": 1}\n')
        JsonLines(path).close()
        assert path.read_text() == ""

    def test_a_full_disk_stops_the_log_and_nothing_else(
        self, tmp_path: Path, state: TrainingState, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = JsonLines(tmp_path / "log.jsonl")
        log.close()
        log.file = Path("/dev/full").open("a", encoding="utf-8")  # noqa: SIM115
        for step in (1, 2):
            log.on_step(report(step), state)
        log.close()
        assert caplog.text.count("training goes on") == 1


class TestSampleSheets:
    def test_a_sheet_shows_photos_above_their_paintings(
        self, tmp_path: Path, state: TrainingState
    ) -> None:
        photos = [np.full((32, 32, 3), value, np.uint8) for value in (0, 100, 200)]
        sheets = SampleSheets(tmp_path / "samples", photos, every=2)
        for step in (1, 2, 3):
            sheets.on_step(report(step), state)
        sheets.close()
        assert [path.name for path in sheets.folder.iterdir()] == ["step-0000002.png"]
        sheet = np.array(Image.open(sheets.folder / "step-0000002.png"))
        assert sheet.shape == (64, 96, 3)
        assert np.array_equal(sheet[:32], np.concatenate(photos, axis=1))
        assert len(np.unique(sheet[32:])) > 1

    def test_the_last_step_has_one(self, tmp_path: Path, state: TrainingState) -> None:
        sheets = SampleSheets(tmp_path, [np.zeros((16, 16, 3), np.uint8)], every=100)
        sheets.on_step(report(9), state)
        assert (tmp_path / "step-0000009.png").exists()

    def test_a_full_disk_is_told_of(
        self,
        tmp_path: Path,
        state: TrainingState,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(reporting, "replace_file", disk_is_full)
        sheets = SampleSheets(tmp_path, [np.zeros((16, 16, 3), np.uint8)], every=1)
        sheets.on_step(report(1), state)
        assert "no sample sheet" in caplog.text


class TestCheckpoints:
    @staticmethod
    def names(folder: Path) -> list[int]:
        return [int(path.stem.removeprefix("step-")) for path in sorted(folder.iterdir())]

    def at(self, checkpoints: Checkpoints, state: TrainingState, *steps: int, **how: bool) -> None:
        for step in steps:
            state.step = step
            checkpoints.on_step(report(step, 23, **how), state)  # type: ignore[arg-type]

    def test_the_newest_two_stay_and_the_end_has_one(
        self, tmp_path: Path, state: TrainingState
    ) -> None:
        checkpoints = Checkpoints(tmp_path, {"config": {}}, every=2)
        self.at(checkpoints, state, *range(1, 8))
        assert self.names(tmp_path) == [4, 6]
        checkpoints.close()
        assert self.names(tmp_path) == [6, 7]
        assert read_checkpoint(tmp_path / "step-0000007.safetensors").header == {
            "config": {}, "step": 7, "skipped": 0,
        }  # fmt: skip

    def test_the_last_step_has_one(self, tmp_path: Path, state: TrainingState) -> None:
        self.at(Checkpoints(tmp_path, {}, every=100), state, 22, 23)
        assert self.names(tmp_path) == [23]

    def test_the_one_just_written_stays_beside_damaged_later_ones(
        self, tmp_path: Path, state: TrainingState
    ) -> None:
        for step in (8, 9):
            (tmp_path / f"step-{step:07d}.safetensors").write_bytes(b"damaged")
        checkpoints = Checkpoints(tmp_path, {}, every=1)
        self.at(checkpoints, state, 4, 5, 6)
        assert self.names(tmp_path) == [5, 6, 8, 9]

    def test_torsos_of_a_killed_run_are_removed(self, tmp_path: Path) -> None:
        (tmp_path / ".step-0000004.safetensors.part-123").write_bytes(b"torso")
        Checkpoints(tmp_path, {}, every=1)
        assert not list(tmp_path.iterdir())

    def test_a_stop_after_a_skipped_step_loses_nothing(
        self, tmp_path: Path, state: TrainingState
    ) -> None:
        checkpoints = Checkpoints(tmp_path, {}, every=5)
        self.at(checkpoints, state, 1, 2)
        self.at(checkpoints, state, 3, skipped=True)
        checkpoints.close()
        assert self.names(tmp_path) == [3]

    def test_weights_that_lead_nowhere_are_not_kept(
        self, tmp_path: Path, state: TrainingState
    ) -> None:
        checkpoints = Checkpoints(tmp_path, {}, every=5)
        self.at(checkpoints, state, *range(1, 13))
        self.at(checkpoints, state, *range(13, 23), skipped=True)
        checkpoints.close()
        assert self.names(tmp_path) == [5, 10]

    def test_a_state_in_the_middle_of_an_update_is_not_kept(
        self, tmp_path: Path, state: TrainingState
    ) -> None:
        checkpoints = Checkpoints(tmp_path, {}, every=5)
        self.at(checkpoints, state, 1)
        state.whole = False
        checkpoints.close()
        state.whole = True
        assert not list(tmp_path.iterdir())

    def test_failures_in_a_row_are_counted_until_one_is_written(
        self,
        tmp_path: Path,
        state: TrainingState,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        checkpoints = Checkpoints(tmp_path, {}, every=1)
        with monkeypatch.context() as patched:
            patched.setattr(reporting, "write_checkpoint", disk_is_full)
            self.at(checkpoints, state, 1, 2)
        assert caplog.text.count("No space left on device); training goes on") == 2
        self.at(checkpoints, state, 3)
        monkeypatch.setattr(reporting, "write_checkpoint", disk_is_full)
        self.at(checkpoints, state, 4, 5)
        with pytest.raises(OutputError, match=r"3 checkpoints in a row .* make room") as caught:
            self.at(checkpoints, state, 6)
        assert caught.value.exit_code == 6
        checkpoints.close()  # does not try, and fail, once more
        assert self.names(tmp_path) == [3]


class TestTensorBoard:
    def test_training_goes_on_without_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
        assert TensorBoard.if_installed(tmp_path) == []

    def test_scalars_are_written_where_it_is(
        self, tmp_path: Path, state: TrainingState, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls: list[object] = []

        class SummaryWriter:
            def __init__(self, folder: str, purge_step: int) -> None:
                calls.append((folder, purge_step))

            def add_scalar(self, *scalar: object) -> None:
                calls.append(scalar)

            def close(self) -> None:
                calls.append("closed")

        module = ModuleType("tensorboard")
        module.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
        (board,) = TensorBoard.if_installed(tmp_path, start=4)
        board.on_step(report(5), state)
        board.close()
        assert calls == [(str(tmp_path), 5), ("loss/total", 0.5, 5), "closed"]

    def test_a_writer_that_fails_stops_and_nothing_else(
        self, state: TrainingState, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Failing:
            add_scalar = staticmethod(disk_is_full)

        board = TensorBoard(Failing())
        for step in (1, 2):
            board.on_step(report(step), state)
        board.close()
        assert caplog.text.count("TensorBoard stopped") == 1


def test_progress_shows_steps_losses_and_time_left_on_stderr(
    state: TrainingState, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    bar = ProgressBar(2, 9)
    bar.close()  # never started: nothing may be left on the terminal
    bar = ProgressBar(2, 9)
    bar.on_step(report(3), state)
    bar.close()
    output = capsys.readouterr()
    assert output.out == ""
    assert "3/9 total 0.500" in " ".join(output.err.split())
