"""A training run on disk: a folder with its configuration, log, samples, checkpoints and result."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt._version import __version__
from nst_rt.errors import ModelError, NstError, OutputError, UsageError, shown
from nst_rt.system.atomic import replace_file
from nst_rt.system.lock import locked
from nst_train.checkpoint import Checkpoint, latest_checkpoint
from nst_train.loop import Callback, StoppedError, TrainingError
from nst_train.reporting import Checkpoints, JsonLines, SampleSheets, TensorBoard
from nst_train.run_config import Config, RunConfig

logger = logging.getLogger(__name__)

CONFIG, LOG, RESULT = "config.json", "log.jsonl", "style.safetensors"
CHECKPOINTS, SAMPLES = "checkpoints", "samples"

_MATERIAL = {"pool": "photos", "painting": "painting", "features": "perceptual network"}
"""Material that a run learns from beside its configuration: header keys, and names for people."""


class Run:
    """A run of any method in `folder`: begun there, or resumed with the configuration it has.

    Nothing is written before `recording` is entered.

    Attributes:
        checkpoint: where to resume; None for a run that begins, or ended before its first one.
        result: the file that training ends with.

    Raises:
        UsageError: the folder holds a run and `resume` is not set, or its configuration differs.
        ModelError: there is no run to resume, or all its checkpoints are damaged.
    """

    def __init__(self, config: RunConfig, folder: Path, *, resume: bool) -> None:
        self.config, self.folder, self.result = config, folder, folder / RESULT
        if not resume and _has_steps(folder):
            raise UsageError(
                "holds a training run already",
                path=folder,
                cure="pass resume=True (--resume), or choose another folder (-o)",
            )
        self.checkpoint = _resumed(config, folder) if resume else None

    def check_material(self, material: Mapping[str, str]) -> None:
        """Refuse to resume with other photos, another painting or another perceptual network.

        Args:
            material: hashes of what the run learns from.

        Raises:
            UsageError: it changed since the run began.
        """
        if self.checkpoint is None:
            return
        before = self.checkpoint.header
        changed = [
            words
            for key, words in _MATERIAL.items()
            if key in material and before.get(key, material[key]) != material[key]
        ]
        if changed:
            raise UsageError(
                f"{' and '.join(changed)} changed since the run began",
                path=self.checkpoint.path,
                cure="put back what was there, or train into another folder",
            )

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep other processes out of the folder and write the configuration into it.

        Errors raised inside name the folder and how to go on.

        Raises:
            UsageError: another process trains in the folder.
            OutputError: the folder is not writable.
        """
        with _explained(self.folder, self.config.method), locked(self.folder / CONFIG):
            self.folder.mkdir(parents=True, exist_ok=True)
            written = json.dumps(self.config.as_dict(), indent=2).encode() + b"\n"
            replace_file(self.folder / CONFIG, written)
            yield

    def recorders(
        self,
        material: Mapping[str, str],
        samples: Sequence[NDArray[np.uint8]],
        *,
        start: int,
        sample_every: int,
        checkpoint_every: int,
    ) -> list[Callback]:
        """Return the callbacks that write log, sample sheets and checkpoints into the folder.

        Args:
            material: hashes for `check_material` of a later run.
            samples: photos of one size that the sheets show, uint8 H×W×3.
            start: steps already made; the log goes on after them.
            sample_every: steps between two sample sheets.
            checkpoint_every: steps between two checkpoints.
        """
        header = {"config": self.config.as_dict(), "version": __version__, **material}
        return [
            JsonLines(self.folder / LOG, start=start),
            *TensorBoard.if_installed(self.folder, start=start),
            SampleSheets(self.folder / SAMPLES, samples, every=sample_every),
            Checkpoints(self.folder / CHECKPOINTS, header, every=checkpoint_every),
        ]


def resumed_config(kind: type[Config], folder: Path, changes: Mapping[str, Any]) -> Config:
    """Return the configuration of the run in `folder` with `changes`; `Run` refuses wrong ones.

    Raises:
        ModelError: no run there, or all its checkpoints are damaged.
        UsageError: a change is no valid value.
    """
    found, _ = latest_checkpoint(folder / CHECKPOINTS)
    return kind.from_mapping({**_began_with(folder, found), **changes})


def _has_steps(folder: Path) -> bool:
    """Return whether a run made a step here; one that was refused before may start again."""
    log = folder / LOG
    return any((folder / CHECKPOINTS).glob("*.safetensors")) or (
        log.exists() and log.stat().st_size > 0
    )


def _resumed(config: RunConfig, folder: Path) -> Checkpoint | None:
    """Return the checkpoint to go on from; None if the run ended before its first one."""
    found, skipped = latest_checkpoint(folder / CHECKPOINTS)
    for line in skipped:
        logger.warning("%s", line)
    before = type(config).from_mapping(_began_with(folder, found))
    differences = before.differences(config)
    if differences:
        raise UsageError(
            f"the run began with another configuration ({'; '.join(differences)})",
            path=folder,
            cure="repeat its options; to train longer or otherwise, begin in another folder with "
            "initial (--initial) this one's style.safetensors",
        )
    return found


def _began_with(folder: Path, found: Checkpoint | None) -> dict[str, Any]:
    """Return the configuration that the run in `folder` has."""
    if found:
        return dict(found.header["config"])
    try:
        return dict(json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ModelError(
            "holds no run to resume", path=folder, cure="leave out resume (--resume)"
        ) from error


@contextmanager
def _explained(folder: Path, method: str) -> Iterator[None]:
    """Add the folder, and how to go on, to the errors of a run."""
    try:
        yield
    except TrainingError as error:
        raise _with_last_good(error, folder / CHECKPOINTS) from error
    except StoppedError as stop:
        cure = f"resume with: nst-rt train {method} --resume -o {shlex.quote(str(folder))}"
        raise StoppedError(stop.signal_number, stop.what, path=folder, cure=cure) from stop
    except NstError:
        raise
    except OSError as error:
        raise OutputError.from_error(error, folder) from error


def _with_last_good(error: TrainingError, folder: Path) -> TrainingError:
    """Return the same error with the checkpoint that is worth going back to, and how."""
    try:
        last, _ = latest_checkpoint(folder)
    except ModelError:
        last = None
    if last is None:
        return TrainingError(
            f"{error.what}, before the first checkpoint",
            cure="lower learning_rate (--learning-rate)",
        )
    return TrainingError(
        f"{error.what}; the last good checkpoint is {shown(last.path)}",
        cure=f"go on from it elsewhere: --initial {shlex.quote(str(last.path))} with a lower "
        "--learning-rate and another -o",
    )
