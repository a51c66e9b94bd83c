"""What may be said of how a picture is painted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Literal, TypedDict

from nst_rt.arguments import share, whole_number

DEFAULT_SIZE = 1280
"""Long side in pixels at which larger pictures are painted: strokes keep a visible size."""
Size = int | Literal["full"]


class CallOptions(TypedDict, total=False):
    """What a call may say of one picture; see `Stylizer.__call__`."""

    size: Size | None
    strength: float | None
    keep_color: bool | None
    color: Literal["rgb", "bgr"]
    layout: Literal["hwc", "chw"]
    output: str | PathLike[str] | None
    overwrite: bool


@dataclass(frozen=True)
class PaintOptions:
    """How one picture is painted; a Stylizer has its own, and a call may change them."""

    size: Size
    strength: float
    keep_color: bool

    def __post_init__(self) -> None:
        size: object = self.size  # callers without a type checker give anything
        if not (isinstance(size, str) and size == "full"):
            size = whole_number("size", size, cure='give a long side in pixels, or "full"')
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "strength", share("strength", self.strength))
        object.__setattr__(self, "keep_color", bool(self.keep_color))

    def changed(
        self, size: Size | None, strength: float | None, keep_color: bool | None
    ) -> PaintOptions:
        """These options with those that are given in their place.

        Raises:
            UsageError: a value out of range.
        """
        given = {"size": size, "strength": strength, "keep_color": keep_color}
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        return replace(self, **changes) if changes else self
