"""How much faster than a plain loop is a training step of ours, and is it paid for in quality?

    python -m benchmarks.training_speed --style PAINTING --photos FOLDER --features FILE[,FILE]

`train fast` and the loop of `peers/plain_training.py` start from the same weights and see the same
crops in the same order at the same learning rates. Each lives in a process of its own, since ours
changes how the C library keeps memory, and they take turns step by step: one waits while the other
computes. Reading photos is outside both times. In the first epoch ours computes the content
features of every crop as the peer does at every step; later ones find them kept.
"""

from __future__ import annotations

import math
import multiprocessing
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks import measure
from benchmarks.peers.plain_training import PlainTraining
from nst_rt.errors import NstError
from nst_train.config import FastConfig
from nst_train.loop import Plan, StepReport, TrainingState
from nst_train.methods.fast import style_objective, train_fast
from nst_train.network import NetworkConfig, StyleNetwork
from nst_train.painting import read_painting
from nst_train.photos import Batch, CropBatches, CropPool, find_photos

NEVER = 10**6
WARMUP = 2
"""Steps at the start that are not timed."""
EVALUATED = 8
"""Crops on which both networks are compared at the end."""


@dataclass(frozen=True)
class Turn:
    """One step of one side: seconds, the training loss, and after the last step the final one."""

    seconds: float
    loss: float
    final: float = math.nan


def ours(config: FastConfig, turns: Connection) -> None:
    """Train as `nst-rt train fast` does, a step whenever `turns` says so."""

    class TakeTurns:
        def on_step(self, report: StepReport, state: TrainingState) -> None:
            last = report.step == report.steps
            final = final_loss(config, state.network) if last else math.nan
            turns.send(Turn(report.seconds, report.losses["total"], final))
            if not last:
                turns.recv()

        def close(self) -> None: ...

    turns.recv()
    with tempfile.TemporaryDirectory() as folder:
        train_fast(config, Path(folder), callbacks=[TakeTurns()])


def plain(config: FastConfig, turns: Connection) -> None:
    """Train with the plain loop, a step whenever `turns` says so."""
    turns.recv()
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    network = StyleNetwork(NetworkConfig(config.width, config.blocks, config.upsample))
    terms = style_objective(config, torch.device("cpu"), exact=True)
    painting = read_painting(Path(config.style), long_side=config.style_size)
    training = PlainTraining(network, terms.perceptual, painting, terms.objective)
    batches = CropBatches(_pool(config, config.seed), batch=config.batch, seed=config.seed)
    plan = Plan(config.steps, config.learning_rate)
    for step in range(config.steps):
        if step:
            turns.recv()
        photos = batches.load(step).images.contiguous()
        began = time.perf_counter()
        loss = training.step(photos, plan.learning_rate_at(step))
        seconds = time.perf_counter() - began
        last = step + 1 == config.steps
        turns.send(Turn(seconds, loss, final_loss(config, network) if last else math.nan))


@torch.no_grad()
def final_loss(config: FastConfig, network: torch.nn.Module) -> float:
    """Return the mean objective in float32 on other crops than those of the training."""
    loss = style_objective(config, torch.device("cpu"), exact=True)
    pool = _pool(config, config.seed + 1)
    batches = CropBatches(pool, batch=1, seed=config.seed)
    values = []
    for step in range(min(EVALUATED, len(pool))):
        images = batches.load(step).images
        values.append(loss(Batch(images, (step,)), network(images))["total"].item())
    return statistics.mean(values)


def alternate(
    sides: Mapping[str, Connection], steps: int, *, pause_s: float = measure.PAUSE_S
) -> dict[str, list[Turn]]:
    """Let the sides make `steps` steps in turn; who begins changes from step to step."""
    turns: dict[str, list[Turn]] = {name: [] for name in sides}
    for step in measure.progress(range(steps), "steps"):
        for name in sorted(sides, reverse=step % 2 == 1):
            time.sleep(pause_s)
            sides[name].send("go")
            try:
                turns[name].append(sides[name].recv())
            except EOFError as error:
                raise NstError(f"the process of {name!r} ended in step {step + 1}") from error
    return turns


def side_by_side(config: FastConfig) -> dict[str, list[Turn]]:
    """Return all turns of "ours" and "plain", each in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        sides = {}
        for side in (ours, plain):
            here, there = context.Pipe()
            process = context.Process(target=side, args=(config, there), daemon=True)
            process.start()
            there.close()
            stack.callback(process.join)
            stack.callback(here.close)
            sides[side.__name__] = here
        return alternate(sides, config.steps)


def speed_rows(turns: Mapping[str, Sequence[Turn]], epoch: int) -> list[dict[str, Any]]:
    """Return step times and their ratio in the first epoch of `epoch` steps and in later ones."""
    rows = []
    steps = len(turns["ours"])
    for name, part in (
        ("first epoch", range(min(WARMUP, epoch - 1), min(epoch, steps))),
        ("later epochs", range(epoch, steps)),
    ):
        mine, theirs = ([turns[side][i].seconds for i in part] for side in ("ours", "plain"))
        if mine:
            rows.append(
                {
                    "steps": name,
                    "timed": len(mine),
                    "ours ms": round(statistics.median(mine) * 1e3, 1),
                    "plain ms": round(statistics.median(theirs) * 1e3, 1),
                    "plain ÷ ours": round(measure.median_ratio(theirs, mine), 3),
                }
            )
    return rows


def loss_rows(turns: Mapping[str, Sequence[Turn]], epoch: int) -> list[dict[str, Any]]:
    """Return training losses of the last epoch, and the objective in float32 at the end."""
    rows = []
    last = {side: statistics.mean(turn.loss for turn in turns[side][-epoch:]) for side in turns}
    final = {side: turns[side][-1].final for side in turns}
    for name, values in (
        ("training, mean of last epoch", last),
        ("final, float32, other crops", final),
    ):
        mine, theirs = values["ours"], values["plain"]
        difference = round((mine / theirs - 1) * 100, 2)
        rows.append({"loss": name, "ours": mine, "plain": theirs, "difference %": difference})
    return rows


def _pool(config: FastConfig, seed: int) -> CropPool:
    return CropPool(
        Path(config.photos), size=config.size, crops_per_photo=config.crops_per_photo, seed=seed
    )


def _copy_some(photos: Path, count: int, folder: Path) -> int:
    """Copy `count` photos, evenly drawn from all, so that an epoch is short."""
    files = find_photos(photos)
    chosen = files[:: max(1, len(files) // count)][:count]
    for file in chosen:
        shutil.copy(file, folder / file.name)
    return len(chosen)


@click.command()
@click.option("--style", required=True, help="Painting.")
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--features", required=True, help="Perceptual network: name or FILE[,FILE].")
@click.option("--photos-used", default=40, show_default=True, help="Crops in an epoch.")
@click.option("--epochs", default=10, show_default=True)
@click.option("--size", default=256, show_default=True)
@click.option("--batch", default=4, show_default=True)
@click.option("--learning-rate", default=1e-3, show_default=True, help="Highest, of both.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]), default="auto")
@measure.threads_option
@measure.results_option
def training_speed(
    style: str,
    photos: Path,
    features: str,
    photos_used: int,
    epochs: int,
    size: int,
    batch: int,
    learning_rate: float,
    precision: str,
    threads: int,
    results: Path,
) -> None:
    """Train with both loops side by side and compare step times and losses."""
    with tempfile.TemporaryDirectory() as folder:
        used = _copy_some(photos, photos_used, Path(folder))
        epoch = max(1, used // batch)
        options = {
            "style": style,
            "photos": folder,
            "features": features.split(","),
            "steps": epoch * epochs,
            "size": size,
            "batch": batch,
            "learning_rate": learning_rate,
            "precision": precision,
            "threads": threads,
            "crops_per_photo": 1,
            "workers": 0,
            "checkpoint_every": NEVER,
            "sample_every": NEVER,
        }
        config = FastConfig.from_mapping(options)
        facts = measure.machine(threads=threads)
        turns = side_by_side(config)
    speed, losses = speed_rows(turns, epoch), loss_rows(turns, epoch)
    setting = {
        "painting": Path(style).name,
        "features": [Path(name).name for name in config.features],
        "steps": config.steps,
        "epoch": epoch,
        "size": size,
        "batch": batch,
        "learning_rate": learning_rate,
        "precision": precision,
        "width": config.width,
    }
    raw = {
        side: [{"seconds": turn.seconds, "loss": turn.loss} for turn in values]
        for side, values in turns.items()
    }
    contents = {"setting": setting, "speed": speed, "losses": losses, "turns": raw}
    measure.write_results("training_speed", facts, contents, results)
    measure.show(facts, measure.markdown(speed), measure.markdown(losses))


if __name__ == "__main__":
    measure.run(training_speed)
