"""Which shared libraries a shared library is linked to, read from its file without loading it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRINGS = 1, 5


def linked_to(library: Path) -> list[str]:
    """Names of the libraries that the loader looks for; none for what is no whole 64-bit ELF file.

    Raises:
        OSError: the file cannot be read.
    """
    with library.open("rb") as file:
        if file.read(6) != b"\x7fELF\x02\x01":
            return []
        try:
            return _names(file)
        except (struct.error, StopIteration):
            return []


def _names(file: BinaryIO) -> list[str]:
    file.seek(0)
    head = file.read(64)
    (table,) = struct.unpack_from("<Q", head, 32)
    size, count = struct.unpack_from("<HH", head, 54)
    file.seek(table)
    headers = [struct.unpack_from("<IIQQQQ", file.read(size)) for _ in range(count)]
    names, strings = [], 0
    for kind, _, offset, _, _, length in headers:
        if kind == _DYNAMIC:
            file.seek(offset)
            for tag, value in struct.iter_unpack("<QQ", file.read(length)):
                if tag == _NEEDED:
                    names.append(value)
                elif tag == _STRINGS:
                    strings = value
    # an address in memory, of which the segment around it says where it is in the file
    offset, start = next(
        (offset, start)
        for kind, _, offset, start, _, filled in headers
        if kind == _LOAD and start <= strings < start + filled
    )
    return [_text(file, offset + strings - start + place) for place in names]


def _text(file: BinaryIO, offset: int) -> str:
    file.seek(offset)
    return file.read(256).split(b"\0")[0].decode()
