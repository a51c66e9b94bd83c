"""Names of the libraries that a shared library is linked to, read from its ELF file.

Source: System V Application Binary Interface, "Object Files" and "Program Loading and Dynamic
Linking", whose names of fields and values these are; 64-bit, little-endian files alone.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

_IDENT = b"\x7fELF\x02\x01"
"""The magic number, ELFCLASS64 and ELFDATA2LSB."""
_HEADER_SIZE, _E_PHOFF, _E_PHENTSIZE = 64, 32, 54
"""Size of the file header, and where in it the place of the program headers and their size are."""
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NEEDED, _DT_STRTAB = 1, 5


class _Segment(NamedTuple):
    """The beginning of a program header, Elf64_Phdr."""

    p_type: int
    p_flags: int
    p_offset: int
    p_vaddr: int
    p_paddr: int
    p_filesz: int


def linked_to(library: Path) -> list[str]:
    """Return the libraries that the loader looks for; none if it is not a complete 64-bit ELF file.

    Raises:
        OSError: the file cannot be read.
    """
    with library.open("rb") as file:
        if file.read(len(_IDENT)) != _IDENT:
            return []
        try:
            return _needed(file)
        except (struct.error, StopIteration):
            return []


def _needed(file: BinaryIO) -> list[str]:
    segments = _segments(file)
    names, strings = [], 0
    for segment in segments:
        if segment.p_type == _PT_DYNAMIC:
            file.seek(segment.p_offset)
            for tag, value in struct.iter_unpack("<QQ", file.read(segment.p_filesz)):
                if tag == _DT_NEEDED:
                    names.append(value)
                elif tag == _DT_STRTAB:
                    strings = value
    # DT_STRTAB is an address in memory; the segment around it says where in the file that is
    loaded = next(
        segment
        for segment in segments
        if segment.p_type == _PT_LOAD
        and segment.p_vaddr <= strings < segment.p_vaddr + segment.p_filesz
    )
    table = loaded.p_offset + strings - loaded.p_vaddr
    return [_text(file, table + name) for name in names]


def _segments(file: BinaryIO) -> list[_Segment]:
    file.seek(0)
    header = file.read(_HEADER_SIZE)
    (offset,) = struct.unpack_from("<Q", header, _E_PHOFF)
    size, count = struct.unpack_from("<HH", header, _E_PHENTSIZE)  # e_phentsize, e_phnum
    file.seek(offset)
    return [_Segment(*struct.unpack_from("<IIQQQQ", file.read(size))) for _ in range(count)]


def _text(file: BinaryIO, offset: int) -> str:
    file.seek(offset)
    return file.read(256).split(b"\0")[0].decode()
