"""Bytes of a file or of standard input, read whole or told short; and bytes into either end."""

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

from nst_rt.atomic import move_into_place, part_of
from nst_rt.cancellation import raise_if_cancelled
from nst_rt.errors import InputError, OutputError

STANDARD = "-"
"""The name of standard input and of standard output."""
_WAIT_MS = 100
"""How long a pipe is waited for before somebody may stop the work."""
Write = Callable[[bytes | memoryview], object]


class ByteReader:
    """A file, or standard input, that is read from its beginning to its end without seeking.

    Args:
        name: a path, or "-".

    Attributes:
        name: for messages.
        total: bytes of a regular file, None for a pipe.

    Raises:
        InputError: absent, unreadable, a folder, or a terminal.
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
        """The next bytes, which stay to be read; fewer at the end."""
        self._ahead = bytes(self.read(size))
        return self._ahead

    def read(self, size: int) -> bytearray:
        """As many bytes as are asked for, in however many pieces they come; fewer at the end."""
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
        """Bytes up to and without the next line break; at most `limit`, and then without one."""
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
        """Until there is something to read, which may be never, or somebody stops the work."""
        while self._poll and not self._poll.poll(_WAIT_MS):
            raise_if_cancelled()


class ByteWriter:
    """Standard output, or a file that has its name when it is finished.

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
            BrokenPipeError: the reader of standard output left.
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
            with suppress(OSError):  # what it could not write does not matter any more
                self._file.close()
            self._part.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> OutputError:
        path = self._target or "standard output"
        return OutputError(f"cannot be written ({error.strerror or error})", path=path)


def _to_standard_output(data: bytes | memoryview) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
