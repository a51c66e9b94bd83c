"""Sizes as text: WIDTHxHEIGHT, while code orders them height, width."""

from __future__ import annotations


def size_text(size: tuple[int, int]) -> str:
    """Return a height and width as WIDTHxHEIGHT."""
    return f"{size[1]}x{size[0]}"


def parse_size(text: str) -> tuple[int, int]:
    """Return the height and width of a text WIDTHxHEIGHT.

    Raises:
        ValueError: another text, or a side of 0.
    """
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ValueError(f"{text!r} is no size; write it like 1280x720")
    return int(height), int(width)
