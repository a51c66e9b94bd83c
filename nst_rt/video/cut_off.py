"""Detecting truncated Matroska and WebM files, whose demuxer accepts any end."""

from __future__ import annotations

from pathlib import Path

_HEADER, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def missing_bytes(path: Path) -> int:
    """Return how many bytes of its stated size a file lacks; 0 for other formats or unknown."""
    with path.open("rb") as file:
        head = file.read(4096)
    if not head.startswith(_HEADER):
        return 0
    position, size = _size(head, len(_HEADER))
    position += size
    if head[position : position + len(_SEGMENT)] != _SEGMENT:
        return 0
    position, size = _size(head, position + len(_SEGMENT))
    return max(0, position + size - path.stat().st_size)


def _size(data: bytes, position: int) -> tuple[int, int]:
    """Return where the content of an element begins, and its length, 0 if unknown.

    Source: RFC 8794, section 4.
    """
    first = data[position] if position < len(data) else 0
    width = 9 - first.bit_length()
    bits = 7 * width
    value = int.from_bytes(data[position : position + width], "big") & (1 << bits) - 1
    unknown = value == (1 << bits) - 1 or width > 8
    return position + width, 0 if unknown else value
