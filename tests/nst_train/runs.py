"""Parts of the tests of whole runs: callbacks, logs, checkpoints, damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nst_train.checkpoint import Checkpoint, latest_checkpoint
from nst_train.config import FastConfig
from nst_train.loop import StepReport, TrainingState

MakeConfig = Callable[..., FastConfig]


class After:
    """A callback that does something after every step."""

    def __init__(self, then: Callable[[StepReport], object]) -> None:
        self.then = then

    def on_step(self, report: StepReport, state: TrainingState) -> None:
        self.then(report)

    def close(self) -> None: ...


def losses(folder: Path) -> list[Any]:
    """Return everything in the log but the times."""
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [{**json.loads(line), "seconds": None} for line in lines]


def final(folder: Path) -> Checkpoint:
    found, _ = latest_checkpoint(folder / "checkpoints")
    assert found is not None
    return found


def assert_same_run(one: Path, two: Path) -> None:
    """Compare network, average, optimizer, scaler and random state, bit by bit, and the log."""
    ours, theirs = final(one), final(two)
    assert ours.header["step"] == theirs.header["step"]
    assert ours.tensors.keys() == theirs.tensors.keys()
    kinds = {name.split(".")[0] for name in ours.tensors}
    assert {"network", "ema", "optimizer", "random"} <= kinds
    for name, tensor in ours.tensors.items():
        assert torch.equal(tensor, theirs.tensors[name]), name
    assert (one / "style.safetensors").read_bytes() == (two / "style.safetensors").read_bytes()
    assert losses(one) == losses(two)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
