"""The key of a kept engine: the facts that it has to fit."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class BuildTarget:
    """The compiler of engines and the GPU that they are for, whatever their model."""

    backend: str
    """The libraries that compile it, with their versions."""
    gpu: str
    capability: str
    driver: str

    @property
    def digest(self) -> str:
        """Sixteen digits that stand for it in file names."""
        return _digest([self.backend, self.gpu, self.capability, self.driver])


@dataclass(frozen=True)
class EngineKey:
    """The facts that an engine has to fit; another one is built where any of them differs."""

    model: str
    """SHA-256 of the model file."""
    target: BuildTarget
    precision: str
    shapes: str
    """Smallest, usual and largest picture."""

    @property
    def facts(self) -> dict[str, str]:
        """All of them by name."""
        rest = {"model": self.model, "precision": self.precision, "shapes": self.shapes}
        return rest | asdict(self.target)

    @property
    def folder_name(self) -> str:
        return f"{self._model}-{_digest(self.facts)}"

    @property
    def siblings(self) -> str:
        """Pattern of the folder names of this model's engines."""
        return f"{self._model}-*"

    @property
    def _model(self) -> str:
        return self.model[:16]


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
