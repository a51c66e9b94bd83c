"""The perceptual network: frozen VGG features, asked for by the names of their layers.

Source: Simonyan and Zisserman 2014 (arXiv 1409.1556), in torchvision's published layout. Weights
come from a local safetensors or npz file, or from torchvision's published ones. Files of the slim
VGG-19 student of Wang et al. 2020 ("Collaborative Distillation for Ultra-Resolution Universal Style
Transfer", CVPR) give the deep layers where the whole network is not at hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from nst_rt.errors import InputError, ModelError
from torch import Tensor, nn

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
UNTRAINED = "untrained"
"""Name of the small seeded network that serves tests; its features mean nothing."""


class Chain(nn.Module):
    """One stack of convolutions, ReLUs and max pools that yields named layers on the way down."""

    def __init__(
        self,
        convolutions: Mapping[str, tuple[Tensor, Tensor]],
        heads: Mapping[str, tuple[Tensor, Tensor]] | None = None,
        *,
        padding: str,
    ) -> None:
        super().__init__()
        self.padding = padding
        self.names = sorted(convolutions)  # "1_1" < "1_2" < "2_1": the order of the network
        self.heads = sorted(heads or {})
        for name, (weight, bias) in {**convolutions, **_prefixed(heads or {})}.items():
            self.register_buffer(f"weight{name}", weight, persistent=False)
            self.register_buffer(f"bias{name}", bias, persistent=False)

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
    """Features of N×3×H×W pictures in [0, 1], as {"relu3_1": N×C×h×w, …}.

    Several chains may serve one network: the first that has a layer gives it.
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
        """The layers that can be asked for, shallow ones first."""
        return sorted({layer for chain in self.chains for layer in chain.layers})  # type: ignore[union-attr]

    def check(self, layers: Iterable[str]) -> None:
        """Raise `InputError` for a layer that these weights do not reach."""
        for layer in layers:
            if layer not in self.layers:
                raise InputError(
                    f"the perceptual network has no layer {layer!r}",
                    cure=f"choose among {', '.join(self.layers)}, or give a file that reaches it",
                )

    def to_precision(self, precision: str) -> PerceptualNetwork:
        """Compute the features in "fp32", "bf16" or "fp16"; means and losses stay in float32."""
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        self.chains.to(dtype)
        return self

    def forward(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        wanted = list(dict.fromkeys(layers))
        self.check(wanted)
        dtype = self.chains[0].weight1_1.dtype
        x = ((x - self.mean) / self.std).to(dtype, memory_format=torch.channels_last)  # type: ignore[arg-type,operator]
        features: dict[str, Tensor] = {}
        for chain in self.chains:
            mine = [layer for layer in wanted if layer in chain.layers and layer not in features]
            if mine:
                features.update(chain(x, mine))
        return features


def load_features(names: str | Sequence[str | Path]) -> PerceptualNetwork:
    """Read a perceptual network.

    Args:
        names: "vgg16" or "vgg19" for torchvision's published weights, "untrained" for the network
            of tests, or one or more files (.safetensors, .npz), the more faithful one first.

    Raises:
        ModelError: a file is damaged, of another kind, or gives features that no VGG gives.
    """
    sources = [names] if isinstance(names, str | Path) else list(names)
    chains, digest = [], hashlib.sha256()
    for source in sources:
        if str(source) == UNTRAINED:
            chains.append(_untrained())
            digest.update(UNTRAINED.encode())
        elif str(source) in CONVOLUTIONS:
            tensors = _from_torchvision(str(source))
            chains.append(_chain_of(tensors, str(source)))
            digest.update(str(source).encode())
        else:
            path = Path(source)
            tensors = _read_tensors(path)
            chains.append(_chain_of(tensors, path.name))
            _probe(chains[-1], path)
            digest.update(path.read_bytes())
    return PerceptualNetwork(chains, identity=digest.hexdigest()[:16])


def _prefixed(heads: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, tuple[Tensor, Tensor]]:
    return {f"head{name}": pair for name, pair in heads.items()}


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors or npz file; a pickle is never opened."""
    if not path.is_file():
        raise ModelError("no such perceptual network", path=path, cure="see the README, Training")
    try:
        if path.suffix == ".npz":
            import numpy as np

            with np.load(path, allow_pickle=False) as archive:
                return {key: torch.from_numpy(archive[key]).float() for key in archive.files}
        from safetensors.torch import load_file

        return {key: tensor.float() for key, tensor in load_file(path).items()}
    except Exception as error:
        raise ModelError(
            f"not a readable safetensors or npz file ({error})",
            path=path,
            cure="convert the weights to safetensors; pickles (.pth, .pt) are not opened",
        ) from error


def _chain_of(tensors: Mapping[str, Tensor], name: str) -> Chain:
    """The chain that a file's keys describe: torchvision's `features.N` or the slim `convB_I`."""
    if "features.0.weight" in tensors:
        layout = "vgg19" if "features.16.weight" in tensors else "vgg16"
        convolutions = {}
        for index, layer in _layout(layout).items():
            weight = tensors.get(f"features.{index}.weight")
            if weight is None:
                break
            convolutions[layer] = (weight, tensors[f"features.{index}.bias"])
        return Chain(convolutions, padding="zeros")
    if "conv1_1.weight" in tensors:
        return Chain(_pairs(tensors, "conv"), _pairs(tensors, "head"), padding="reflect")
    raise ModelError(
        f"{name} is no perceptual network that we know",
        cure="expected torchvision's keys (features.0.weight …) or conv1_1.weight …; "
        f"found {', '.join(sorted(tensors)[:4])} …",
    )


def _layout(name: str) -> dict[int, str]:
    """Index in torchvision's `features` of every convolution, and its layer name ("3_1")."""
    layout, index = {}, 0
    for block, count in enumerate(CONVOLUTIONS[name], start=1):
        for step in range(1, count + 1):
            layout[index] = f"{block}_{step}"
            index += 2  # the convolution and its ReLU
        index += 1  # the pool
    return layout


def _pairs(tensors: Mapping[str, Tensor], kind: str) -> dict[str, tuple[Tensor, Tensor]]:
    names = [key[len(kind) : -len(".weight")] for key in tensors if key.startswith(kind)]
    return {
        name: (tensors[f"{kind}{name}.weight"], tensors[f"{kind}{name}.bias"])
        for name in names
        if f"{kind}{name}.bias" in tensors
    }


def _from_torchvision(name: str) -> dict[str, Tensor]:
    from nst_train.hub import published_weights

    return published_weights(name)


def _untrained() -> Chain:
    """A thin VGG-16 of seeded random weights: quick, deterministic, good for nothing but tests."""
    generator = torch.Generator().manual_seed(1905)
    convolutions, inputs = {}, 3
    for block, (count, outputs) in enumerate(
        zip(CONVOLUTIONS["vgg16"][:4], (4, 8, 16, 16), strict=True), start=1
    ):
        for step in range(1, count + 1):
            scale = (2 / (9 * inputs)) ** 0.5
            weight = torch.randn(outputs, inputs, 3, 3, generator=generator) * scale
            convolutions[f"{block}_{step}"] = (weight, torch.zeros(outputs))
            inputs = outputs
    return Chain(convolutions, padding="zeros")


def _probe(chain: Chain, path: Path) -> None:
    """Refuse weights whose features on a plain picture are dead, wild or blind to colour order.

    A trained VGG keeps a third or more of its first units alive on a smooth ramp; zeros, NaN and
    shuffled files do not. Weights that expect BGR 0…255 and were not folded answer a picture in
    [0, 1] with their biases alone, so a picture and its negative look the same to them.
    """
    ramp = torch.linspace(0, 1, 32)
    picture = torch.stack(
        [ramp.expand(32, 32), ramp.view(-1, 1).expand(32, 32), ramp.flip(0).expand(32, 32)]
    )[None]
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    layer = chain.layers[min(1, len(chain.layers) - 1)]
    with torch.no_grad():
        answer = chain((picture - mean) / std, [layer])[layer]
        negative = chain((1 - picture - mean) / std, [layer])[layer]
    alive = (answer > 0).float().mean().item()
    if not torch.isfinite(answer).all() or not 0.05 < alive:
        raise ModelError(
            f"gives {alive:.0%} live units on a plain picture: not a trained perceptual network",
            path=path,
            cure="check where the file comes from and download it again",
        )
    change = (answer - negative).norm() / answer.norm()
    if change < 0.2:
        raise ModelError(
            "hardly answers to pictures in [0, 1]: it expects another input (BGR, 0…255?)",
            path=path,
            cure="fold the input change into the first convolution (see the README, Training)",
        )
