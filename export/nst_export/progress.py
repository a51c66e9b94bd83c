"""How far a piece of work is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], object]
"""Told the share that is done, 0…1 and never less than before, and the name of the phase."""


def silent(share: float, phase: str) -> None:
    """Nobody is told."""
