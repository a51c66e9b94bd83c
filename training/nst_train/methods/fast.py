"""One style, one network: Johnson et al. 2016 with instance normalization (see `network.py`)."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nst_rt.errors import UsageError
from nst_train.allocator import keep_freed_memory
from nst_train.checkpoint import Checkpoint, unpack
from nst_train.config import FastConfig
from nst_train.device import choose_device, choose_precision
from nst_train.loop import Callback, Plan, TrainingState, start, train
from nst_train.losses import content_loss, gram, style_loss, variation
from nst_train.network import NetworkConfig, StyleNetwork
from nst_train.painting import read_painting
from nst_train.perceptual import PerceptualNetwork, load_features
from nst_train.photos import Batch, CropBatches, CropPool
from nst_train.reporting import ProgressBar
from nst_train.run import Run
from nst_train.style_file import load_style, write_style

SAMPLES = 4
"""Photos on a sample sheet."""


def train_fast(
    config: FastConfig,
    folder: Path,
    *,
    resume: bool = False,
    progress: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Path:
    """Train a style into `folder` and return the path of its weights (`style.safetensors`).

    For the process's lifetime, freed memory is kept and `config.threads`, if given, is set.

    Raises:
        UsageError: the folder holds a run and `resume` is not set, another process trains in it,
            its configuration differs, or there are no photos.
        InputError: the painting cannot be used, or too many photos cannot.
        ModelError: the perceptual network or a checkpoint is damaged or does not fit.
        ProviderError: the chosen device is not available.
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
    run = Run(config, folder, resume=resume)
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
    material = {
        "pool": pool.identity,
        "painting": hashlib.sha256(Path(config.style).read_bytes()).hexdigest()[:16],
        "features": loss.perceptual.identity,
    }
    run.check_material(material)
    state = _state(config, plan, device, run.checkpoint)
    with pool.problems_logged():
        samples = pool.first_crops(SAMPLES)
        with run.recording():
            batches = CropBatches(
                pool, batch=config.batch, seed=config.seed, workers=config.workers
            )
            recorders = run.recorders(
                material,
                samples,
                start=state.step,
                sample_every=config.sample_every,
                checkpoint_every=config.checkpoint_every,
            )
            bar = [ProgressBar(state.step, config.steps)] if progress else []
            train(state, batches, loss, plan, [*bar, *recorders, *callbacks])
            network = copy.deepcopy(state.ema)
            assert isinstance(network, StyleNetwork)
            write_style(run.result, network.even_upsampling(), config, state.step)
    return run.result


@dataclass(frozen=True)
class FastObjective:
    """Weights and layers of the objective: content + style_weight·style + tv_weight·variation.

    Content is a relative distance of deep features, style the mean relative distance of Gram
    matrices, variation relative to the painting's own. All are scale-free, so that the weights mean
    the same for other layers, sizes and perceptual networks.
    """

    style_weight: float
    tv_weight: float
    content_layer: str
    style_layers: tuple[str, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.content_layer, *self.style_layers)))


class FastLoss:
    """The objective for one painting, with everything kept that does not depend on the network.

    The painting's Gram matrices are computed once; the content features of a crop the first time
    it comes up, then kept while `cache_bytes` last. They are rounded to bfloat16 whether they are
    kept or not and computed one crop at a time (kernels for other batch sizes round otherwise), so
    that what is in the cache, and where a run was resumed, changes no result.
    """

    def __init__(
        self,
        perceptual: PerceptualNetwork,
        painting: Tensor,
        objective: FastObjective,
        *,
        cache_bytes: int = 0,
    ) -> None:
        perceptual.check(objective.layers)
        self.perceptual, self.objective = perceptual, objective
        self.cache_bytes = cache_bytes
        self.cache: dict[int, Tensor] = {}
        with torch.no_grad():
            features = perceptual(painting, objective.style_layers)
            self.grams = {layer: gram(features[layer]) for layer in objective.style_layers}
            self.painting_variation = variation(painting).clamp_min(1e-6)

    def __call__(self, batch: Batch, output: Tensor) -> dict[str, Tensor]:
        target = self._content_of(batch)
        features = self.perceptual(output, self.objective.layers)
        return self.losses(features, target, output)

    def losses(
        self, features: Mapping[str, Tensor], target: Tensor, output: Tensor
    ) -> dict[str, Tensor]:
        """Return the named losses of an output from its features and the photo's content."""
        objective = self.objective
        content = content_loss(features[objective.content_layer], target)
        style = style_loss(features, self.grams)
        total = content + objective.style_weight * style
        losses = {"content": content, "style": style}
        if objective.tv_weight:
            losses["variation"] = variation(output) / self.painting_variation
            total = total + objective.tv_weight * losses["variation"]
        return {"total": total, **losses}

    @torch.no_grad()
    def content_features(self, images: Tensor) -> Tensor:
        """Return the content features of N×3×H×W pictures."""
        layer = self.objective.content_layer
        features: Tensor = self.perceptual(images, [layer])[layer]
        return features

    def _content_of(self, batch: Batch) -> Tensor:
        rows = [
            self._content_of_crop(index, batch.images[i : i + 1])
            for i, index in enumerate(batch.indices)
        ]
        # in the memory format of the output's features: mixed formats are five times slower
        return torch.cat(rows).contiguous(memory_format=torch.channels_last)

    def _content_of_crop(self, index: int, image: Tensor) -> Tensor:
        kept = self.cache.get(index)
        if kept is not None:
            return kept.to(image.device)
        features = self.content_features(image).to(torch.bfloat16)
        if (len(self.cache) + 1) * features.nbytes <= self.cache_bytes:
            self.cache[index] = features.cpu()
        return features


def style_objective(
    config: FastConfig, device: torch.device, *, exact: bool = False, cache_bytes: int = 0
) -> FastLoss:
    """Return the training objective of `config`.

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


def _state(
    config: FastConfig, plan: Plan, device: torch.device, found: Checkpoint | None
) -> TrainingState:
    """Return the state to train from: that of a checkpoint, of initial weights, or a fresh one."""
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
    """Return the network of a style file or checkpoint, which must have `shape`."""
    network, _ = load_style(Path(path))
    if network.config != shape:
        raise UsageError(
            f"has another network: {network.config} instead of {shape}",
            path=path,
            cure="choose its width, blocks and upsample (--width, --blocks, --upsample)",
        )
    return network
