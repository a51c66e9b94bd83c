"""Progress of a piece of work."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], object]
"""A callback with the share done, 0…1 and never less than before, and the phase's name."""


def silent(share: float, phase: str) -> None:
    """Report to nobody."""
