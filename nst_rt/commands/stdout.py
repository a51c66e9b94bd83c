"""Standard output that carries results and nothing else, whatever engines print."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nst_rt.errors import OutputError


class Results:
    """Where a command's results go: bytes of a picture, lines of text or of JSON."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._encoding = getattr(sys.stdout, "encoding", None) or "utf-8"

    @property
    def is_terminal(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: bytes) -> None:
        """Write all of it now.

        Raises:
            BrokenPipeError: the reader left.
            OutputError: there is no room.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"standard output cannot be written ({error.strerror})") from error

    def line(self, text: str) -> None:
        self.write(f"{text}\n".encode(self._encoding, "backslashreplace"))

    def json(self, value: Any) -> None:
        """One JSON value as a line of plain ASCII."""
        self.write(json.dumps(value).encode() + b"\n")


@contextmanager
def clean_stdout() -> Iterator[Results]:
    """While entered, what others print goes to standard error; results go where they belong.

    Engines print from C, so it is the descriptor that is turned, not `sys.stdout`.
    """
    _flush()
    nothing = os.open(os.devnull, os.O_WRONLY)
    own = _duplicate(1, otherwise=nothing)
    errors = _duplicate(2, otherwise=nothing)
    try:
        os.dup2(errors, 1)
        yield Results(own)
    finally:
        _flush()
        os.dup2(own, 1)
        for descriptor in (nothing, own, errors):
            os.close(descriptor)


def _duplicate(descriptor: int, *, otherwise: int) -> int:
    """A second descriptor of the same stream; of another one where whoever started us closed it."""
    try:
        return os.dup(descriptor)
    except OSError:
        return os.dup(otherwise)


def _flush() -> None:
    """Empty Python's buffer and that of the C library, which engines print into."""
    if sys.stdout is not None:
        sys.stdout.flush()
    with suppress(OSError, AttributeError, TypeError):  # no such handle outside POSIX
        ctypes.CDLL(None).fflush(None)
