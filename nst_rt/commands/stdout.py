"""Standard output that carries results and nothing else, whatever libraries print."""

from __future__ import annotations

import ctypes
import json
import os
import select
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from nst_rt.errors import OutputError, UsageError
from nst_rt.system.cancellation import raise_if_cancelled

_WAIT_MS = 100
"""Milliseconds of waiting for a pipe between two checks for cancellation."""


class Results:
    """Output of a command's results: bytes of a picture, lines of text or of JSON."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = None
        if os.name != "nt" and stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLOUT)
        self._encoding = getattr(sys.stdout, "encoding", None) or "utf-8"

    @property
    def is_terminal(self) -> bool:
        return os.isatty(self._descriptor)

    @property
    def is_closed(self) -> bool:
        """Whether standard output was closed at the start, so that all output is lost."""
        return sys.stdout is None

    def check_takes(self, what: str, *, as_json: bool, otherwise: str) -> None:
        """Check that standard output can take the bytes of a picture or of a video.

        Args:
            what: "a picture" or "a video".
            as_json: whether JSON lines go there.
            otherwise: the cure that needs no standard output.

        Raises:
            UsageError: it takes JSON, is a terminal, or is closed.
        """
        if as_json:
            raise UsageError(f"{what} and --json cannot share standard output", cure=otherwise)
        if self.is_terminal:
            raise UsageError("standard output is a terminal", cure=f"redirect it, or {otherwise}")
        if self.is_closed:
            raise UsageError("standard output is closed", cure=f"open it, or {otherwise}")

    def write(self, data: bytes | memoryview) -> None:
        """Write all data now; cancellation does not wait for a slow reader.

        Raises:
            BrokenPipeError: the reader closed the pipe.
            OutputError: there is no room.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, self._fitting(rest)) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"standard output cannot be written ({error.strerror})") from error

    def _fitting(self, data: memoryview) -> memoryview:
        """Wait for room in the pipe; return as much data as can be written without waiting."""
        if self._poll is None:
            return data
        while not self._poll.poll(_WAIT_MS):
            raise_if_cancelled()
        return data[: select.PIPE_BUF]

    def line(self, text: str) -> None:
        self.write(f"{text}\n".encode(self._encoding, "backslashreplace"))

    def json(self, value: Any) -> None:
        """Write one JSON value as a line of ASCII."""
        self.write(json.dumps(value).encode() + b"\n")


@contextmanager
def clean_stdout() -> Iterator[Results]:
    """Redirect what others print to standard error while entered; results go to standard output.

    Libraries print from C, so the file descriptor is redirected, not `sys.stdout`.
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
    """Return a duplicate of a descriptor, or of `otherwise` if it was closed at the start."""
    try:
        return os.dup(descriptor)
    except OSError:
        return os.dup(otherwise)


def _flush() -> None:
    """Flush the buffers of Python and of the C library, which libraries print into."""
    if sys.stdout is not None:
        sys.stdout.flush()
    with suppress(OSError, AttributeError, TypeError):  # no such handle outside POSIX
        ctypes.CDLL(None).fflush(None)
