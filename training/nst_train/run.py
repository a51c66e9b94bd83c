"""A run of `fast` on disk: a folder with its configuration, log, samples, checkpoints, result."""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nst_rt._version import __version__
from nst_rt.errors import ModelError, NstError, OutputError, UsageError, shown
from nst_train.allocator import keep_freed_memory
from nst_train.checkpoint import (
    Checkpoint,
    latest_checkpoint,
    read_checkpoint,
    unpack,
    write_checkpoint,
)
from nst_train.config import FastConfig
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

logger = logging.getLogger(__name__)

RESULT = "style.safetensors"


def train_fast(
    config: FastConfig,
    folder: Path,
    *,
    resume: bool = False,
    progress: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Path:
    """Train a style into `folder` and return the path of its weights (`style.safetensors`).

    Raises:
        UsageError: the folder holds a run and `resume` is not set, its configuration differs, or
            there are no photos.
        InputError: the painting cannot be used, or too many photos cannot.
        ModelError: the perceptual network or a checkpoint is damaged or does not fit.
        OutputError: the folder is not writable, or three checkpoints in a row failed.
        TrainingError: ten steps in a row were not finite; the last good checkpoint is named.
        StoppedError: SIGINT or SIGTERM came; the last finished step is kept.
    """
    keep_freed_memory()
    if config.threads:
        torch.set_num_threads(config.threads)
    device, plan = _device(config), _plan(config)
    checkpoints = folder / "checkpoints"
    found = _resumed(config, checkpoints) if resume else None
    if not resume and (folder / "config.json").exists():
        raise UsageError(
            "holds a training run already", path=folder, cure="add --resume or another -o"
        )
    pool = CropPool(
        Path(config.photos),
        size=config.size,
        crops_per_photo=config.crops_per_photo,
        seed=config.seed,
        max_bad=config.max_bad,
    )
    batches = CropBatches(pool, batch=config.batch, seed=config.seed, workers=config.workers)
    if found and found.header["pool"] != pool.identity:
        raise UsageError("the photos differ from those that the run began with", path=pool.folder)
    loss = style_objective(config, device)
    state = _state(config, plan, device)
    if found:
        unpack(found, state)
    header = {"config": config.as_dict(), "pool": pool.identity, "version": __version__}
    result = folder / RESULT
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config.as_dict(), indent=2) + "\n")
        reporters: list[Callback] = [
            *([ProgressBar(state.step, config.steps)] if progress else []),
            JsonLines(folder / "log.jsonl", start=state.step),
            *TensorBoard.if_installed(folder),
            SampleSheets(folder / "samples", _samples(pool), every=config.sample_every),
            Checkpoints(checkpoints, header, every=config.checkpoint_every),
            *callbacks,
        ]
        train(state, batches, loss, plan, reporters)
        write_style(result, state, config)
    except TrainingError as error:
        raise _with_last_good(error, checkpoints) from error
    except StoppedError as stop:
        cure = f"resume with: nst-rt train fast --resume -o {shlex.quote(str(folder))}"
        raise StoppedError(stop.signal_number, stop.what, path=folder, cure=cure) from stop
    except NstError:
        raise
    except OSError as error:
        raise OutputError(f"cannot be written ({error})", path=folder) from error
    finally:
        for name, reason in pool.bad.items():
            logger.warning("%s: skipped (%s)", shown(name), reason)
        if pool.enlarged:
            logger.warning("%d photos smaller than a crop were enlarged", len(pool.enlarged))
    return result


def write_style(path: Path, state: TrainingState, config: FastConfig) -> None:
    """The averaged weights alone, with the facts that an export needs."""
    network = state.ema
    assert isinstance(network, StyleNetwork)
    names = {
        "style": Path(config.style).name,
        "photos": Path(config.photos).name,
        "features": [Path(name).name for name in config.features],
        "initial": config.initial and Path(config.initial).name,
    }
    facts = {
        "network": network.config.as_dict(),
        "config": config.as_dict() | names,  # a style is passed on; where it was trained is not
        "step": state.step,
        "version": __version__,
    }
    weights = {f"ema.{name}": value for name, value in network.state_dict().items()}
    write_checkpoint(path, weights, facts)


def load_style(path: Path) -> tuple[StyleNetwork, dict[str, Any]]:
    """The trained (averaged) network of a checkpoint or result file, and the file's header.

    Raises:
        ModelError: another architecture, damaged, or weights that are not finite.
    """
    checkpoint = read_checkpoint(path)
    header = checkpoint.header
    shape = header.get("network") or {
        key: header["config"][key] for key in ("width", "blocks", "upsample")
    }
    network = StyleNetwork(NetworkConfig(**shape)).eval().requires_grad_(False)
    _load_weights(network, checkpoint)
    return network, header


def _load_weights(network: StyleNetwork, checkpoint: Checkpoint) -> None:
    weights = checkpoint.part("ema")
    expected = network.state_dict()
    missing = expected.keys() - weights.keys()
    unexpected = weights.keys() - expected.keys()
    reshaped = {
        k for k in expected.keys() & weights.keys() if expected[k].shape != weights[k].shape
    }
    if missing or unexpected or reshaped:
        raise ModelError(
            f"another architecture: {len(missing)} keys missing, {len(unexpected)} unexpected, "
            f"{len(reshaped)} of another shape (first: "
            f"{sorted(missing | unexpected | reshaped)[0]})",
            path=checkpoint.path,
        )
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"weights of {name} are not finite", path=checkpoint.path)
    network.load_state_dict(weights)


def style_objective(config: FastConfig, device: torch.device, *, exact: bool = False) -> FastLoss:
    """The training objective of `config`; `exact` keeps the perceptual network in float32."""
    perceptual = load_features(config.features)
    perceptual.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if not exact:
        perceptual.to_precision(_plan(config).precision)
    painting = read_painting(Path(config.style), long_side=config.style_size).to(device)
    objective = FastObjective(
        style_weight=config.style_weight,
        tv_weight=config.tv_weight,
        content_layer=config.content_layer,
        style_layers=config.style_layers,
    )
    return FastLoss(perceptual, painting, objective, cache_bytes=int(config.cache_gib * 2**30))


def _state(config: FastConfig, plan: Plan, device: torch.device) -> TrainingState:
    shape = NetworkConfig(width=config.width, blocks=config.blocks, upsample=config.upsample)
    torch.manual_seed(config.seed)
    network = StyleNetwork(shape)
    if config.initial:
        initial, _ = load_style(Path(config.initial))
        if initial.config != shape:
            raise UsageError(
                f"has another network: {initial.config} instead of {shape}",
                path=config.initial,
                cure="give its --width, --blocks and --upsample",
            )
        network.load_state_dict(initial.state_dict())
    return start(network.use_phases(), StyleNetwork(shape), plan, device)


def _resumed(config: FastConfig, folder: Path) -> Checkpoint:
    found, skipped = latest_checkpoint(folder)
    for line in skipped:
        logger.warning("%s", line)
    before = FastConfig.from_mapping(found.header["config"])
    differences = before.differences(config)
    if differences:
        raise UsageError(
            f"the run began with another configuration ({'; '.join(differences)})",
            path=folder.parent,
            cure="repeat its options, or train into another folder",
        )
    return found


def _device(config: FastConfig) -> torch.device:
    if config.device != "auto":
        return torch.device(config.device)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _plan(config: FastConfig) -> Plan:
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if _has_bf16(_device(config)) else "fp32"
    return Plan(config.steps, config.learning_rate, precision, ema=config.ema)


def _has_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is computed by instructions of its own rather than emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capability = torch.cpu.get_capabilities()
    return bool(capability.get("avx512_bf16") or capability.get("amx_bf16"))


def resumed_config(folder: Path, changes: Mapping[str, Any]) -> FastConfig:
    """The configuration of the run in `folder` with `changes`; `train_fast` refuses wrong ones.

    Raises:
        ModelError: no undamaged checkpoint there.
        UsageError: a change is no valid value.
    """
    found, _ = latest_checkpoint(folder / "checkpoints")
    return FastConfig.from_mapping({**found.header["config"], **changes})


def _samples(pool: CropPool) -> list[NDArray[np.uint8]]:
    """The first crop of each of the first four photos."""
    return [pool.crop(index * pool.crops_per_photo) for index in range(min(4, len(pool.files)))]


def _with_last_good(error: TrainingError, folder: Path) -> TrainingError:
    """The same error, with the checkpoint that is worth going back to and how."""
    try:
        last = latest_checkpoint(folder)[0].path
    except ModelError:
        return TrainingError(
            f"{error.what}, before the first checkpoint", cure="lower --learning-rate"
        )
    return TrainingError(
        f"{error.what}; the last good checkpoint is {shown(last)}",
        cure=f"go on from it elsewhere: --initial {shlex.quote(str(last))} with a lower "
        "--learning-rate and another -o",
    )
