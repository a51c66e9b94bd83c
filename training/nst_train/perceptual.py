"""The perceptual network: frozen VGG features by the names of their layers.

Source: Simonyan and Zisserman 2014 (arXiv 1409.1556), in torchvision's published layout. Weights
come from a local safetensors or npz file, or from torchvision's published ones. Files of the slim
VGG-19 student of Wang et al. 2020 ("Collaborative Distillation for Ultra-Resolution Universal Style
Transfer", CVPR) give the deep layers where the whole network is not at hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_rt.errors import UsageError
from nst_train.probe import MEAN, STD
from nst_train.vgg_files import CONVOLUTIONS, Weights, arrange, read_weights, untrained

UNTRAINED = "untrained"
"""Name of the small seeded network for tests; its features mean nothing."""


class Chain(nn.Module):
    """One stack of convolutions, ReLUs and max pools that returns the features of named layers."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.padding = weights.padding
        self.names = sorted(weights.convolutions)  # "1_1" < "1_2" < "2_1": the network's order
        self.heads = sorted(weights.heads)
        for kind, pairs in (("", weights.convolutions), ("head", weights.heads)):
            for name, (weight, bias) in pairs.items():
                self.register_buffer(f"weight{kind}{name}", weight, persistent=False)
                self.register_buffer(f"bias{kind}{name}", bias, persistent=False)

    @property
    def layers(self) -> list[str]:
        return [f"relu{name}" for name in (self.heads or self.names)]

    def forward(self, x: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        left = set(wanted)
        features: dict[str, Tensor] = {}
        block = "1"
        for name in self.names:
            if not left:
                break
            if name[0] != block:
                x, block = F.max_pool2d(x, 2), name[0]
            x = F.relu_(self._convolve(x, name))
            layer = f"relu{name}"
            if layer in left:
                left.remove(layer)
                features[layer] = self._head(x, name) if name in self.heads else x
        return features

    def _convolve(self, x: Tensor, name: str) -> Tensor:
        weight, bias = getattr(self, f"weight{name}"), getattr(self, f"bias{name}")
        if self.padding == "zeros":
            return F.conv2d(x, weight, bias, padding=1)
        return F.conv2d(F.pad(x, (1,) * 4, mode=self.padding), weight, bias)

    def _head(self, x: Tensor, name: str) -> Tensor:
        weight, bias = getattr(self, f"weighthead{name}"), getattr(self, f"biashead{name}")
        return F.relu_(F.conv2d(x, weight, bias))


class PerceptualNetwork(nn.Module):
    """Frozen network: from N×3×H×W pictures in [0, 1] to {"relu3_1": N×C×h×w, …}.

    Several chains may make up one network: the first that has a layer provides it.
    """

    def __init__(self, chains: Sequence[Chain], *, identity: str) -> None:
        super().__init__()
        self.chains = nn.ModuleList(chains)
        self.identity = identity
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    @property
    def layers(self) -> list[str]:
        """Names of all layers, shallow ones first."""
        return sorted({layer for chain in self._chains() for layer in chain.layers})

    def check(self, layers: Iterable[str]) -> None:
        """Raise `UsageError` for a layer that these weights do not reach."""
        for layer in layers:
            if layer not in self.layers:
                raise UsageError(
                    f"the perceptual network has no layer {layer!r}",
                    cure=f"choose among {', '.join(self.layers)} (--style-layers), or add a file "
                    "that reaches it (--features)",
                )

    def to_precision(self, precision: str) -> PerceptualNetwork:
        """Compute the features in "fp32", "bf16" or "fp16"; means and losses stay in float32."""
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        self.chains.to(dtype)
        return self

    def forward(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        wanted = list(dict.fromkeys(layers))
        self.check(wanted)
        dtype = self._chains()[0].weight1_1.dtype
        x = ((x - self.mean) / self.std).to(dtype, memory_format=torch.channels_last)  # type: ignore[arg-type,operator]
        features: dict[str, Tensor] = {}
        for chain in self._chains():
            mine = [layer for layer in wanted if layer in chain.layers and layer not in features]
            if mine:
                features.update(chain(x, mine))
        return features

    def _chains(self) -> list[Chain]:
        return cast("list[Chain]", list(self.chains))


def load_features(names: str | Path | Sequence[str | Path]) -> PerceptualNetwork:
    """Read a perceptual network.

    Args:
        names: "vgg16" or "vgg19" for torchvision's published weights, "untrained" for the network
            of tests, or one or more files (.safetensors, .npz), the more faithful one first.

    Raises:
        ModelError: a file is damaged, of another kind, or holds no trained network.
        UsageError: nothing is named.
    """
    sources = [names] if isinstance(names, str | Path) else list(names)
    if not sources:
        raise UsageError(
            "no perceptual network is named",
            cure='features=("vgg19",) (--features vgg19), or a file',
        )
    chains, digest = [], hashlib.sha256()
    for source in sources:
        weights, fingerprint = _load(source)
        chains.append(Chain(weights))
        digest.update(fingerprint)
    return PerceptualNetwork(chains, identity=digest.hexdigest()[:16])


def _load(source: str | Path) -> tuple[Weights, bytes]:
    """Return the weights of one source and the bytes that identify them."""
    if str(source) == UNTRAINED:
        return untrained(), UNTRAINED.encode()
    if str(source) in CONVOLUTIONS:
        from nst_train.hub import published_weights

        return arrange(published_weights(str(source)), Path(source)), str(source).encode()
    path = Path(source)
    return read_weights(path), path.read_bytes()
