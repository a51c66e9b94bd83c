"""Styles under measurement: a shipped one by name, or a checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from nst_rt import zoo
from nst_rt.errors import UsageError
from nst_train.config import FastConfig
from nst_train.methods.fast import FastLoss, style_objective
from nst_train.network import StyleNetwork
from nst_train.style_file import load_style

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Style:
    """A trained network, the configuration that it was trained with, and what identifies both."""

    name: str
    network: StyleNetwork
    config: FastConfig
    checkpoint: str
    """First digits of the checkpoint's SHA-256."""

    def loss(self, device: torch.device = CPU) -> FastLoss:
        """Return the training objective in float32."""
        return style_objective(self.config, device, exact=True)

    def objective_identity(self, loss: FastLoss) -> str:
        """Return a hash that objectives share if they give equal numbers for any network."""
        painting = hashlib.sha256(Path(self.config.style).read_bytes()).hexdigest()
        facts = (painting, self.config.style_size, repr(loss.objective), loss.perceptual.identity)
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def shipped(name: str) -> zoo.Card:
    """Return the card of a shipped style.

    Raises:
        UsageError: there is no such style.
    """
    card = zoo.find(name)
    if card is None:
        raise UsageError(f"no shipped style {name!r}", cure="see nst-rt models")
    return card


def load(name_or_path: str, *, paintings: Path, features: Sequence[str]) -> Style:
    """Read a style; its checkpoint names the painting, `paintings` holds it.

    Args:
        name_or_path: a shipped style's name, or a checkpoint.
        paintings: folder that holds the painting.
        features: the perceptual network that it was trained with (see `load_features`).

    Raises:
        ModelError: no such style, or damaged.
    """
    card = zoo.find(name_or_path)
    path = card.file("checkpoint") if card else Path(name_or_path)
    network, header = load_style(path)
    painting = paintings / Path(header["config"]["style"]).name
    here = {"style": str(painting), "features": list(features), "cache_gib": 0.0}
    return Style(
        name=card.name if card else painting.stem,
        network=network,
        config=FastConfig.from_mapping({**header["config"], **here}),
        checkpoint=hashlib.sha256(path.read_bytes()).hexdigest()[:16],
    )
