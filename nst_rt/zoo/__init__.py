"""The shipped styles: a card (TOML) and a checkpoint and three model files each, found by name."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FILES = {
    "fp32": ".onnx",
    "fp16": ".fp16.onnx",
    "steady": ".steady.onnx",
    "checkpoint": ".safetensors",
}


@dataclass(frozen=True)
class FileFacts:
    """Size and hash that a shipped file must have."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Card:
    """Facts about a shipped style."""

    name: str
    title: str
    painter: str
    year: str
    licence: str
    files: dict[str, FileFacts]
    facts: dict[str, Any] = field(repr=False)

    @property
    def sha256(self) -> str:
        """Hash of the fp32 model file."""
        return self.files["fp32"].sha256

    def file(self, kind: str) -> Path:
        """Return the path of the "fp32", "fp16" or "steady" model file, or of the "checkpoint"."""
        return FOLDER / (self.name + FILES[kind])

    def as_dict(self) -> dict[str, Any]:
        """Return the whole card, JSON-ready."""
        return {"name": self.name, **self.facts}


@cache
def cards() -> tuple[Card, ...]:
    """Return the cards of all shipped styles, sorted by name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.toml")))


def find(name: str) -> Card | None:
    """Return the card of a shipped style, None for other names."""
    return next((card for card in cards() if card.name == name), None)


def _read(path: Path) -> Card:
    facts = tomllib.loads(path.read_text(encoding="utf-8"))
    return Card(
        name=path.stem,
        title=facts["title"],
        painter=facts["painter"],
        year=facts["year"],
        licence=facts["licence"],
        files={kind: FileFacts(**facts["files"][kind]) for kind in FILES},
        facts=facts,
    )
