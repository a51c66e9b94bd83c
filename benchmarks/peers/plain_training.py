"""A training loop as the public fast-neural-style examples have it.

Everything at PyTorch's defaults: float32, contiguous tensors, the system's memory allocator, Adam,
one optimizer step for each batch. As there, the perceptual network is a stack of modules, both the
painting and the photo pass through all of it at every step, and a Gram matrix is a `bmm` of
flattened features. Network class, perceptual weights and the definition of the loss are ours, so
that the final losses can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_train.methods.fast import FastObjective
from nst_train.network import StyleNetwork
from nst_train.perceptual import Chain, PerceptualNetwork
from nst_train.probe import MEAN, STD


class PlainTraining:
    """Network, perceptual network, targets and optimizer of the plain loop."""

    def __init__(
        self,
        network: StyleNetwork,
        perceptual: PerceptualNetwork,
        painting: Tensor,
        objective: FastObjective,
        *,
        learning_rate: float = 1e-3,
    ) -> None:
        self.network, self.objective = network.train(), objective
        self.features = PlainFeatures(perceptual, objective.layers)
        self.optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate)
        with torch.no_grad():
            style = self.features(painting)
            self.grams = {layer: gram(style[layer]) for layer in objective.style_layers}
            self.painting_variation = variation(painting)

    def step(self, photos: Tensor, learning_rate: float) -> float:
        """Make one update on N×3×H×W photos in [0, 1]; return the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad()
        loss = self.loss(photos, self.network(photos))
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.item()

    def loss(self, photos: Tensor, painted: Tensor) -> Tensor:
        objective = self.objective
        of_painted, of_photos = self.features(painted), self.features(photos)
        layer = objective.content_layer
        content = distance(of_painted[layer], of_photos[layer])
        style = torch.stack(
            [
                distance(gram(of_painted[layer]), target.expand(len(photos), -1, -1))
                for layer, target in self.grams.items()
            ]
        ).mean()
        total = content + objective.style_weight * style
        return total + objective.tv_weight * variation(painted) / self.painting_variation


class PlainFeatures(nn.Module):
    """The weights of a perceptual network as plain stacks of modules, contiguous, in float32."""

    def __init__(self, perceptual: PerceptualNetwork, layers: Sequence[str]) -> None:
        super().__init__()
        self.mean = torch.tensor(MEAN).view(1, 3, 1, 1)
        self.std = torch.tensor(STD).view(1, 3, 1, 1)
        self.stacks = nn.ModuleList()
        left = list(layers)
        for chain in perceptual.chains:
            assert isinstance(chain, Chain)
            mine = [layer for layer in left if layer in chain.layers]
            left = [layer for layer in left if layer not in mine]
            if mine:
                self.stacks.append(PlainStack(chain, mine))
        self.requires_grad_(False).eval()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = (x - self.mean) / self.std
        features: dict[str, Tensor] = {}
        for stack in self.stacks:
            features |= stack(x)
        return features


class PlainStack(nn.Module):
    """One chain, cut after the deepest layer that is wanted."""

    def __init__(self, chain: Chain, layers: Sequence[str]) -> None:
        super().__init__()
        self.slices, self.heads = nn.ModuleDict(), nn.ModuleDict()
        modules: list[nn.Module] = []
        block = "1"
        for name in chain.names:
            if name[0] != block:
                modules.append(nn.MaxPool2d(2))
                block = name[0]
            modules += [_convolution(chain, name), nn.ReLU(inplace=True)]
            if f"relu{name}" in layers:
                self.slices[f"relu{name}"] = nn.Sequential(*modules)
                modules = []
            if f"relu{name}" in layers and name in chain.heads:
                head = _convolution(chain, name, kind="head")
                self.heads[f"relu{name}"] = nn.Sequential(head, nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = {}
        for layer, modules in self.slices.items():
            x = modules(x)
            features[layer] = self.heads[layer](x) if layer in self.heads else x
        return features


def gram(features: Tensor) -> Tensor:
    """Return Gram matrices N×C×C of N×C×H×W features, divided by H·W."""
    count, channels, height, width = features.shape
    rows = features.view(count, channels, height * width)
    return rows.bmm(rows.transpose(1, 2)) / (height * width)


def distance(value: Tensor, target: Tensor) -> Tensor:
    """Return ‖value − target‖² ÷ ‖target‖², averaged over the batch."""
    axes = tuple(range(1, value.dim()))
    return (F.mse_loss(value, target, reduction="none").sum(axes) / (target**2).sum(axes)).mean()


def variation(x: Tensor) -> Tensor:
    """Return the mean squared difference of neighbouring pixels."""
    rows = ((x[:, :, 1:] - x[:, :, :-1]) ** 2).mean()
    return rows + ((x[:, :, :, 1:] - x[:, :, :, :-1]) ** 2).mean()


def _convolution(chain: Chain, name: str, *, kind: str = "") -> nn.Conv2d:
    weights: Mapping[str, Tensor] = dict(chain.named_buffers())
    weight, bias = weights[f"weight{kind}{name}"], weights[f"bias{kind}{name}"]
    outputs, inputs, size = weight.shape[:3]
    mode = chain.padding
    layer = nn.Conv2d(inputs, outputs, size, padding=size // 2, padding_mode=mode)  # type: ignore[arg-type]
    layer.weight.data = weight.detach().clone(memory_format=torch.contiguous_format)
    layer.bias.data = bias.detach().clone()  # type: ignore[union-attr]
    return layer
