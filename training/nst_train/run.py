"""A run of `fast` on disk: a folder with its configuration, log, samples, checkpoints, result."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nst_rt._version import __version__
from nst_rt.atomic import replace_file
from nst_rt.errors import ModelError, NstError, OutputError, UsageError, shown
from nst_rt.lock import locked
from nst_train.allocator import keep_freed_memory
from nst_train.checkpoint import Checkpoint, latest_checkpoint, unpack
from nst_train.config import FastConfig
from nst_train.device import choose_device, choose_precision
from nst_train.loop import (
    Callback,
    Plan,
    StoppedError,
    TrainingError,
    TrainingState,
    start,
    train,
)
from nst_train.methods.fast import FastLoss, FastObjective
from nst_train.network import NetworkConfig, StyleNetwork
from nst_train.painting import read_painting
from nst_train.perceptual import load_features
from nst_train.photos import CropBatches, CropPool
from nst_train.reporting import Checkpoints, JsonLines, ProgressBar, SampleSheets, TensorBoard
from nst_train.style_file import load_style, write_style

logger = logging.getLogger(__name__)

CONFIG, LOG, RESULT = "config.json", "log.jsonl", "style.safetensors"
CHECKPOINTS, SAMPLES = "checkpoints", "samples"


def train_fast(
    config: FastConfig,
    folder: Path,
    *,
    resume: bool = False,
    progress: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Path:
    """Train a style into `folder` and return the path of its weights (`style.safetensors`).

    For the process's lifetime, freed memory is kept and, if `config` says so, the number of threads
    is set.

    Raises:
        UsageError: the folder holds a run and `resume` is not set, another process trains in it,
            its configuration differs, or there are no photos.
        InputError: the painting cannot be used, or too many photos cannot.
        ModelError: the perceptual network or a checkpoint is damaged or does not fit.
        ProviderError: the device that was asked for does not work.
        OutputError: the folder is not writable, or three checkpoints in a row failed.
        TrainingError: ten steps in a row were not finite; the last good checkpoint is named.
        StoppedError: a signal came (SIGINT, SIGTERM, SIGHUP); the last finished step is kept.
    """
    keep_freed_memory()
    if config.threads:
        torch.set_num_threads(config.threads)
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    plan = Plan(config.steps, config.learning_rate, precision, ema=config.ema)
    found = _resumed(config, folder) if resume else None
    if not resume and _has_steps(folder):
        raise UsageError(
            "holds a training run already", path=folder, cure="add --resume or another -o"
        )
    cache_bytes = int(config.cache_gib * 2**30)
    pool = CropPool(
        Path(config.photos),
        size=config.size,
        crops_per_photo=config.crops_per_photo,
        seed=config.seed,
        max_bad=config.max_bad,
        cache_bytes=cache_bytes,
    )
    # computing content features on CUDA is quicker than fetching them, and can be captured
    left = cache_bytes - pool.kept_bytes if device.type == "cpu" else 0
    loss = style_objective(config, device, cache_bytes=left)
    material = _material(config, pool, loss)
    if found:
        _check_material(found, material)
    state = _state(config, plan, device, found)
    header = {"config": config.as_dict(), "version": __version__, **material}
    with _explained(folder), locked(folder / CONFIG), _photos_told_of(pool):
        samples = _samples(pool)
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / CONFIG, json.dumps(config.as_dict(), indent=2).encode() + b"\n")
        batches = CropBatches(pool, batch=config.batch, seed=config.seed, workers=config.workers)
        reporters: list[Callback] = [
            *([ProgressBar(state.step, config.steps)] if progress else []),
            JsonLines(folder / LOG, start=state.step),
            *TensorBoard.if_installed(folder, start=state.step),
            SampleSheets(folder / SAMPLES, samples, every=config.sample_every),
            Checkpoints(folder / CHECKPOINTS, header, every=config.checkpoint_every),
            *callbacks,
        ]
        train(state, batches, loss, plan, reporters)
        network = copy.deepcopy(state.ema)
        assert isinstance(network, StyleNetwork)
        network.even_upsampling()
        write_style(folder / RESULT, network, config, state.step)
    return folder / RESULT


def resumed_config(folder: Path, changes: Mapping[str, Any]) -> FastConfig:
    """The configuration of the run in `folder` with `changes`; `train_fast` refuses wrong ones.

    Raises:
        ModelError: no run there, or all its checkpoints are damaged.
        UsageError: a change is no valid value.
    """
    found, _ = latest_checkpoint(folder / CHECKPOINTS)
    return FastConfig.from_mapping({**_began_with(folder, found), **changes})


def style_objective(
    config: FastConfig, device: torch.device, *, exact: bool = False, cache_bytes: int = 0
) -> FastLoss:
    """The training objective of `config`.

    Args:
        config: names painting, perceptual network, layers and weights.
        device: where it is computed.
        exact: keep the perceptual network in float32.
        cache_bytes: memory for the content features of crops.
    """
    perceptual = load_features(config.features)
    perceptual.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if not exact:
        perceptual.to_precision(choose_precision(config.precision, device))
    painting = read_painting(Path(config.style), long_side=config.style_size).to(device)
    objective = FastObjective(
        style_weight=config.style_weight,
        tv_weight=config.tv_weight,
        content_layer=config.content_layer,
        style_layers=config.style_layers,
    )
    return FastLoss(perceptual, painting, objective, cache_bytes=cache_bytes)


def _has_steps(folder: Path) -> bool:
    """Whether a run made a step in this folder; one that was refused before may start again."""
    log = folder / LOG
    return any((folder / CHECKPOINTS).glob("*.safetensors")) or (
        log.exists() and log.stat().st_size > 0
    )


def _resumed(config: FastConfig, folder: Path) -> Checkpoint | None:
    """The checkpoint to go on from; None if the run ended before its first one."""
    found, skipped = latest_checkpoint(folder / CHECKPOINTS)
    for line in skipped:
        logger.warning("%s", line)
    before = FastConfig.from_mapping(_began_with(folder, found))
    differences = before.differences(config)
    if differences:
        raise UsageError(
            f"the run began with another configuration ({'; '.join(differences)})",
            path=folder,
            cure="repeat its options; to train longer or otherwise, begin another folder with "
            "--initial and this one's style.safetensors",
        )
    return found


def _began_with(folder: Path, found: Checkpoint | None) -> dict[str, Any]:
    """The configuration that the run in `folder` has."""
    if found:
        return dict(found.header["config"])
    try:
        return dict(json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ModelError("holds no run to resume", path=folder, cure="drop --resume") from error


def _material(config: FastConfig, pool: CropPool, loss: FastLoss) -> dict[str, str]:
    """Hashes of what a run learns from, beside its configuration."""
    painting = hashlib.sha256(Path(config.style).read_bytes()).hexdigest()[:16]
    return {"pool": pool.identity, "painting": painting, "features": loss.perceptual.identity}


def _check_material(found: Checkpoint, material: Mapping[str, str]) -> None:
    names = {"pool": "photos", "painting": "painting", "features": "perceptual network"}
    changed = [names[key] for key in names if found.header.get(key, material[key]) != material[key]]
    if changed:
        raise UsageError(
            f"{' and '.join(changed)} changed since the run began",
            path=found.path,
            cure="put back what was there, or train into another folder",
        )


def _state(
    config: FastConfig, plan: Plan, device: torch.device, found: Checkpoint | None
) -> TrainingState:
    """The state to train from: that of a checkpoint, of initial weights, or a fresh one."""
    shape = NetworkConfig(width=config.width, blocks=config.blocks, upsample=config.upsample)
    torch.manual_seed(config.seed)
    network = StyleNetwork(shape)
    if config.initial and not found:
        network.load_state_dict(_initial(config.initial, shape).state_dict())
    state = start(network.use_phases(), StyleNetwork(shape), plan, device)
    if found:
        unpack(found, state)
    return state


def _initial(path: str, shape: NetworkConfig) -> StyleNetwork:
    network, _ = load_style(Path(path))
    if network.config != shape:
        raise UsageError(
            f"has another network: {network.config} instead of {shape}",
            path=path,
            cure="give its --width, --blocks and --upsample",
        )
    return network


def _samples(pool: CropPool) -> list[NDArray[np.uint8]]:
    """The first crop of each of the first four photos."""
    return [pool.crop(index * pool.crops_per_photo) for index in range(min(4, len(pool.files)))]


@contextmanager
def _photos_told_of(pool: CropPool) -> Iterator[None]:
    """At the end, count and list the photos that could not be taken as they are."""
    try:
        yield
    finally:
        for name, reason in pool.bad.items():
            logger.warning("%s: skipped (%s)", shown(name), reason)
        if pool.bad:
            logger.warning("%d of %d photos skipped", len(pool.bad), len(pool.files))
        if pool.enlarged:
            logger.warning("%d photos smaller than a crop were enlarged", len(pool.enlarged))


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Add to the errors of a run in `folder` where it is and how to go on."""
    try:
        yield
    except TrainingError as error:
        raise _with_last_good(error, folder / CHECKPOINTS) from error
    except StoppedError as stop:
        cure = f"resume with: nst-rt train fast --resume -o {shlex.quote(str(folder))}"
        raise StoppedError(stop.signal_number, stop.what, path=folder, cure=cure) from stop
    except NstError:
        raise
    except OSError as error:
        raise OutputError(f"cannot be written ({error})", path=folder) from error


def _with_last_good(error: TrainingError, folder: Path) -> TrainingError:
    """The same error, with the checkpoint that is worth going back to and how."""
    try:
        last, _ = latest_checkpoint(folder)
    except ModelError:
        last = None
    if last is None:
        return TrainingError(
            f"{error.what}, before the first checkpoint", cure="lower --learning-rate"
        )
    return TrainingError(
        f"{error.what}; the last good checkpoint is {shown(last.path)}",
        cure=f"go on from it elsewhere: --initial {shlex.quote(str(last.path))} with a lower "
        "--learning-rate and another -o",
    )
