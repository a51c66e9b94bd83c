"""Reading bytes from a file or standard input without seeking, and writing to either."""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from nst_rt.errors import InputError, OutputError
from nst_rt.system.atomic import move_into_place, part_of
from nst_rt.system.cancellation import raise_if_cancelled

STANDARD = "-"
"""Name of standard input and standard output."""
_POLL_MS = 100
"""Milliseconds of waiting for a pipe between two checks whether the work was cancelled."""
Write = Callable[[bytes | memoryview], object]


class ByteReader:
    """Reads a file or standard input from beginning to end without seeking.

    Args:
        name: a path, or "-".

    Attributes:
        name: name for messages.
        total: size of a regular file in bytes, None for a pipe.

    Raises:
        InputError: it does not exist, cannot be read, or is a folder or a terminal.
    """

    def __init__(self, name: str) -> None:
        self.name = "standard input" if name == STANDARD else name
        self._ahead = b""
        try:
            self._file: IO[bytes] = (
                open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - closed by close()
                if name == STANDARD
                else Path(name).open("rb", buffering=0)  # noqa: SIM115
            )
            status = os.fstat(self._file.fileno())
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})", path=self.name) from error
        regular = stat.S_ISREG(status.st_mode)
        self.total = status.st_size if regular else None
        self._poll = None
        if not regular and os.name != "nt":
            self._poll = select.poll()
            self._poll.register(self._file, select.POLLIN)
        if self._file.isatty():
            raise InputError("is a terminal", path=self.name, cure="pipe a video into it")

    def peek(self, size: int) -> bytes:
        """Return the next bytes without consuming them; fewer at the end."""
        self._ahead = bytes(self.read(size))
        return self._ahead

    def read(self, size: int) -> bytearray:
        """Read exactly `size` bytes, in however many pieces they arrive; fewer at the end."""
        data = bytearray(size)
        known, self._ahead = self._ahead[:size], self._ahead[size:]
        data[: len(known)] = known
        filled = len(known)
        with memoryview(data) as view:
            while filled < size:
                self._wait()
                try:
                    count = self._file.readinto(view[filled:])  # type: ignore[attr-defined]
                except OSError as error:
                    raise InputError(
                        f"cannot be read ({error.strerror})", path=self.name
                    ) from error
                if not count:
                    break
                filled += count
        del data[filled:]
        return data

    def line(self, limit: int) -> bytes:
        """Read up to the next line break, which is dropped, but at most `limit` bytes."""
        line = bytearray()
        while len(line) < limit:
            byte = bytes(self.read(1))
            if byte in (b"", b"\n"):
                break
            line += byte
        return bytes(line)

    def close(self) -> None:
        self._file.close()

    def _wait(self) -> None:
        """Wait until there is something to read; raise `CancelledError` if cancelled."""
        while self._poll and not self._poll.poll(_POLL_MS):
            raise_if_cancelled()


class ByteWriter:
    """Writes to standard output, or to a file that gets its name when it is finished.

    Args:
        name: a path, or "-".
        write: takes the bytes for standard output; by default they go there.

    Raises:
        OutputError: it cannot be written.
    """

    def __init__(self, name: str, write: Write | None = None) -> None:
        self._target = None if name == STANDARD else Path(name)
        self._part = self._file = None
        if self._target is None:
            self._write: Write = write or _to_standard_output
            return
        self._part = part_of(self._target)
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("wb")
        except OSError as error:
            raise self._failed(error) from error
        self._write = self._file.write

    def write(self, data: Any) -> None:
        """Write all of a bytes-like object.

        Raises:
            BrokenPipeError: the reader of standard output has closed it.
            OutputError: it cannot be written.
        """
        try:
            self._write(data)
        except (BrokenPipeError, OutputError):
            raise
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise BrokenPipeError(*error.args) from error
            raise self._failed(error) from error

    def finish(self) -> None:
        if self._file is None or self._part is None or self._target is None:
            return
        try:
            self._file.close()
            move_into_place(self._part, self._target)
        except OSError as error:
            raise self._failed(error) from error
        self._part = None

    def abort(self) -> None:
        if self._file is not None and self._part is not None:
            with suppress(OSError):  # the output is discarded anyway
                self._file.close()
            self._part.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> OutputError:
        return OutputError.from_error(error, self._target or "standard output")


def _to_standard_output(data: bytes | memoryview) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
