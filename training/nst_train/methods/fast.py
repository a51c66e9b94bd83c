"""One style, one network: Johnson et al. 2016 with instance normalization (see `network.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_train.losses import content_loss, gram, style_loss, variation
from nst_train.perceptual import PerceptualNetwork
from nst_train.photos import Batch


@dataclass(frozen=True)
class FastObjective:
    """What "painted well" means: objective = content + style_weight·style + tv_weight·variation.

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
    """The objective for one painting, with all that does not depend on the network kept.

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
        """Named losses of an output from its features and the photo's content features."""
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
        """Content features of N×3×H×W pictures."""
        layer = self.objective.content_layer
        features: Tensor = self.perceptual(images, [layer])[layer]
        return features

    def _content_of(self, batch: Batch) -> Tensor:
        rows = [
            self._content_of_crop(index, batch.images[i : i + 1])
            for i, index in enumerate(batch.indices)
        ]
        # laid out as the output's features are: the loss between two layouts is five times slower
        return torch.cat(rows).contiguous(memory_format=torch.channels_last)

    def _content_of_crop(self, index: int, image: Tensor) -> Tensor:
        kept = self.cache.get(index)
        if kept is not None:
            return kept.to(image.device)
        features = self.content_features(image).to(torch.bfloat16)
        if (len(self.cache) + 1) * features.nbytes <= self.cache_bytes:
            self.cache[index] = features.cpu()
        return features
