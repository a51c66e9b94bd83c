"""Callbacks that record a training run: progress bar, log, sample sheets, checkpoints."""

from __future__ import annotations

import io
import json
import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from PIL import Image

from nst_rt.errors import OutputError, shown
from nst_rt.system.atomic import replace_file
from nst_train.checkpoint import pack, write_checkpoint
from nst_train.loop import MAX_SKIPPED_IN_A_ROW, StepReport, TrainingState
from nst_train.network import StyleNetwork, paint

logger = logging.getLogger(__name__)

MAX_FAILED_WRITES = 3


class ProgressBar:
    """A bar of steps, losses and remaining time on the terminal."""

    def __init__(self, start: int, steps: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self.bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            speed_estimate_period=300,  # seconds: long enough for a few slow steps
        )
        self.task = self.bar.add_task("", total=steps, completed=start)

    def on_step(self, report: StepReport, state: TrainingState) -> None:
        self.bar.start()  # not before: what fails until then leaves the terminal alone
        text = "  ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
        self.bar.update(self.task, completed=report.step, description=text)

    def close(self) -> None:
        self.bar.stop()


class JsonLines:
    """A log with one line of JSON a step. A resumed run continues it after step `start`."""

    def __init__(self, path: Path, *, start: int = 0) -> None:
        self.path = path
        replace_file(path, "".join(_lines_up_to(path, start)).encode())
        self.file: TextIO | None = path.open("a", encoding="utf-8")

    def on_step(self, report: StepReport, state: TrainingState) -> None:
        if self.file is None:
            return
        try:
            self.file.write(json.dumps(_finite(asdict(report))) + "\n")
            self.file.flush()
        except OSError as error:
            logger.warning("%s: log stopped (%s); training goes on", shown(self.path), error)
            self.close()

    def close(self) -> None:
        """Close the file; write errors have been logged before."""
        if self.file is not None:
            with suppress(OSError):
                self.file.close()
            self.file = None


def _finite(report: dict[str, Any]) -> dict[str, Any]:
    """Return `report` with null for losses that are not finite: JSON has no other word for them."""
    losses = {k: v if math.isfinite(v) else None for k, v in report["losses"].items()}
    return report | {"losses": losses}


def _lines_up_to(path: Path, step: int) -> list[str]:
    """Return the log's whole lines of steps 1…`step`; what a killed run wrote later is redone."""
    kept: list[str] = []
    if step and path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (ValueError, KeyError, TypeError):
                break
    return kept


class TensorBoard:
    """Writer of losses as TensorBoard scalars; use `if_installed`."""

    def __init__(self, writer: Any) -> None:
        self.writer: Any | None = writer

    @classmethod
    def if_installed(cls, folder: Path, *, start: int = 0) -> list[TensorBoard]:
        """Return a writer that hides what a killed run wrote after step `start`, or none."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return []
        return [cls(SummaryWriter(str(folder), purge_step=start + 1))]

    def on_step(self, report: StepReport, state: TrainingState) -> None:
        if self.writer is None:
            return
        try:
            for name, value in report.losses.items():
                self.writer.add_scalar(f"loss/{name}", value, report.step)
        except Exception as error:  # of a thread of its own, whatever that raised
            logger.warning("TensorBoard stopped (%s); training goes on", error)
            self.writer = None

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class SampleSheets:
    """Writer of a PNG every `every` steps: photos above, the averaged network's paintings below."""

    def __init__(self, folder: Path, photos: Sequence[np.ndarray[Any, Any]], *, every: int) -> None:
        self.folder, self.photos, self.every = folder, photos, every
        folder.mkdir(parents=True, exist_ok=True)

    @torch.no_grad()
    def on_step(self, report: StepReport, state: TrainingState) -> None:
        if report.step % self.every and report.step != report.steps:
            return
        ema = state.ema
        assert isinstance(ema, StyleNetwork)
        device = next(ema.parameters()).device
        painted = paint(ema, torch.from_numpy(np.stack(self.photos)).to(device)).cpu().numpy()
        sheet = np.concatenate([np.concatenate(rows, axis=1) for rows in (self.photos, painted)])
        data = io.BytesIO()
        Image.fromarray(sheet).save(data, "PNG")
        try:
            replace_file(self.folder / f"step-{report.step:07d}.png", data.getvalue())
        except OSError as error:
            logger.warning("%s: no sample sheet (%s); training goes on", shown(self.folder), error)

    def close(self) -> None:
        pass


class Checkpoints:
    """Writer of a checkpoint every `every` steps and at the end; the newest `keep` stay.

    When training ends because no step is finite any more, the last checkpoint stays the one before:
    the weights that led there are not worth coming back to.
    """

    def __init__(
        self, folder: Path, header: Mapping[str, Any], *, every: int, keep: int = 2
    ) -> None:
        self.folder, self.header, self.every, self.keep = folder, header, every, keep
        self.failures, self.skipped_in_a_row = 0, 0
        self.unsaved: TrainingState | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob(".step-*.part-*"):  # of a run that was killed while writing
            unfinished.unlink(missing_ok=True)

    def on_step(self, report: StepReport, state: TrainingState) -> None:
        self.skipped_in_a_row = self.skipped_in_a_row + 1 if report.skipped else 0
        self.unsaved = state
        due = report.step % self.every == 0 and not report.skipped
        if due or report.step == report.steps:
            self._write(state, "training goes on")

    def close(self) -> None:
        """Save the last finished step if training stopped between two checkpoints."""
        state = self.unsaved
        if state and state.whole and self.skipped_in_a_row < MAX_SKIPPED_IN_A_ROW:
            self._write(state, "the one before is the newest")

    def _write(self, state: TrainingState, otherwise: str) -> None:
        header = {**self.header, "step": state.step, "skipped": state.skipped}
        try:
            write_checkpoint(self._path(state.step), pack(state), header)
        except OSError as error:
            self.failures += 1
            if self.failures >= MAX_FAILED_WRITES:
                self.unsaved = None
                kept = any(self.folder.glob("step-*.safetensors"))
                raise OutputError(
                    f"{self.failures} checkpoints in a row could not be written ({error})",
                    path=self.folder,
                    cure="make room and "
                    + ("resume; the last good checkpoint is intact" if kept else "begin again"),
                ) from error
            logger.warning("%s: no checkpoint (%s); %s", shown(self.folder), error, otherwise)
            return
        self.failures, self.unsaved = 0, None
        written = self._path(state.step)
        # later ones are damaged and were passed over on resuming: they do not count
        known = [p for p in sorted(self.folder.glob("step-*.safetensors")) if p <= written]
        for old in known[: -self.keep]:
            old.unlink(missing_ok=True)

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:07d}.safetensors"
