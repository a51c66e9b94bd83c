"""Which shared libraries a shared library is linked to, read from its file without loading it."""

from __future__ import annotations

import struct
from pathlib import Path

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRINGS = 1, 5


def linked_to(library: Path) -> list[str]:
    """Names of the libraries that the loader looks for; none for what is no 64-bit ELF file.

    Raises:
        OSError: the file cannot be read.
    """
    with library.open("rb") as file:
        head = file.read(64)
        if head[:6] != b"\x7fELF\x02\x01":
            return []
        (table,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        file.seek(table)
        headers = [struct.unpack_from("<IIQQQQ", file.read(size)) for _ in range(count)]

        def read(address: int, length: int) -> bytes:
            """Bytes at an address that the file will have in memory."""
            for kind, _, offset, start, _, filled in headers:
                if kind == _LOAD and start <= address < start + filled:
                    file.seek(offset + address - start)
                    return file.read(length)
            return b""

        names, strings = [], 0
        for kind, _, offset, _, _, length in headers:
            if kind == _DYNAMIC:
                file.seek(offset)
                for tag, value in struct.iter_unpack("<QQ", file.read(length)):
                    if tag == _NEEDED:
                        names.append(value)
                    elif tag == _STRINGS:
                        strings = value
        return [read(strings + place, 256).split(b"\0")[0].decode() for place in names]
