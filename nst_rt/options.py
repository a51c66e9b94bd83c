"""Options for painting one picture: size, strength, colours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Literal, TypedDict

from nst_rt.system.arguments import share, whole_number

DEFAULT_SIZE = 1280
"""Long side in pixels at which larger pictures are painted: strokes keep a visible size."""
Size = int | Literal["full"]
"""Long side in pixels to paint at, or the picture's own."""


class CallOptions(TypedDict, total=False):
    """Keyword arguments of a call for one picture; see `Stylizer.__call__`."""

    size: Size | None
    strength: float | None
    keep_color: bool | None
    color: Literal["rgb", "bgr"]
    layout: Literal["hwc", "chw"]
    output: str | PathLike[str] | None
    overwrite: bool


@dataclass(frozen=True)
class PaintOptions:
    """Options for one picture; a Stylizer has its own, and a call may change them."""

    size: Size
    strength: float
    keep_color: bool

    def __post_init__(self) -> None:
        size: object = self.size  # any type, from callers without a type checker
        if not (isinstance(size, str) and size == "full"):
            size = whole_number("size", size, cure='give a long side in pixels, or "full"')
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "strength", share("strength", self.strength))
        object.__setattr__(self, "keep_color", bool(self.keep_color))

    def changed(
        self, size: Size | None, strength: float | None, keep_color: bool | None
    ) -> PaintOptions:
        """Return these options with those that are not None replaced.

        Raises:
            UsageError: a value out of range.
        """
        given = {"size": size, "strength": strength, "keep_color": keep_color}
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        return replace(self, **changes) if changes else self
