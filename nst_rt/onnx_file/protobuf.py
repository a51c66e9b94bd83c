"""The wire format of protobuf messages, whatever their schema.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """The bytes are no protobuf message, or end before it does."""


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of every field; length-delimited values are views, not copies.

    Raises:
        WireError: not protobuf, or truncated.
    """
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == _BYTES:
            size, position = _varint(message, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise WireError("not a protobuf message")
        if number == 0:
            raise WireError("not a protobuf message")
        if position + size > end:
            raise WireError(f"truncated: {position + size - end:,} bytes are missing")
        yield number, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise WireError("truncated")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise WireError("not a protobuf message")


def message_of(value: int | memoryview) -> memoryview:
    """Return the message, or text, that a field holds; a number is refused."""
    if isinstance(value, int):
        raise WireError("not an ONNX model")
    return value


def text_of(value: int | memoryview) -> str:
    """Decode text that is only shown or compared; damaged UTF-8 is replaced."""
    return bytes(message_of(value)).decode("utf-8", "replace")


def name_of(value: int | memoryview) -> str:
    """Decode a name that an engine will look up, and in which it would fail on damaged UTF-8."""
    try:
        return bytes(message_of(value)).decode()
    except UnicodeDecodeError as error:
        raise WireError("a name in it is not UTF-8") from error
