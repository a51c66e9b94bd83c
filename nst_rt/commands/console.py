"""Messages on standard error: one line each, in any locale, no more than asked for."""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from nst_rt.system.current_file import current_file

PROGRAM = "nst-rt"
_OUR_LOGGERS = ("nst_rt", "nst_train", "nst_export")
_METADATA_READER = "TiffImagePlugin.py"
"""Pillow's module that reads EXIF data of any format, and warns as if the pixels were damaged."""


class Console:
    """Writer of errors, warnings and notes; `-q`, `-v` and `--debug` set how much.

    Attributes:
        debug: whether to show where an error came from.
        quiet: whether to show errors only.
    """

    def __init__(self) -> None:
        self.debug = False
        self.quiet = False
        self._handler = _Lines(self)
        self._warned: set[str] = set()
        self.set_verbosity(0)

    def set_verbosity(self, count: int) -> None:
        """Show warnings with 0, what is in use with 1, everything with 2."""
        self._level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(count, 2)]
        for name in _OUR_LOGGERS:
            logging.getLogger(name).setLevel(self._level)

    @property
    def shows_progress(self) -> bool:
        """Whether to show a progress bar: on a terminal, unless quiet."""
        return not self.quiet and sys.stderr is not None and sys.stderr.isatty()

    def error(self, text: str) -> None:
        """Write a line even if quiet.

        Raises:
            BrokenPipeError: the reader closed the pipe. If the disk is full, the line is lost.
        """
        if sys.stderr is None:
            return
        try:
            sys.stderr.write(f"{PROGRAM}: {_one_line(text)}\n")
            sys.stderr.flush()
        except BrokenPipeError:
            raise
        except OSError:
            point_to_nothing(sys.stderr)

    def note(self, text: str) -> None:
        """Write a line unless quiet."""
        if not self.quiet:
            self.error(text)

    def warning(self, text: str) -> None:
        self.note(f"warning: {text}")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Show what libraries log and warn of; escape characters that the locale lacks."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        root = logging.getLogger()
        root.addHandler(self._handler)
        try:
            with warnings.catch_warnings():
                warnings.showwarning = self._show_warning
                warnings.filterwarnings("always", module=r"PIL\.")  # for every file
                # Pillow's, far below --max-pixels, which refuses in one line
                warnings.filterwarnings("ignore", message="Image size .* decompression bomb")
                yield
        finally:
            root.removeHandler(self._handler)
            for name in _OUR_LOGGERS:
                logging.getLogger(name).setLevel(logging.NOTSET)

    def _show_warning(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text, named = str(message).strip(), current_file()
        if filename.endswith(_METADATA_READER):
            text = f"its metadata is damaged ({text.rstrip('.')})"
        if named:
            text = f"{named}: {text}"
        if text not in self._warned:
            self._warned.add(text)
            self.warning(text)


class _Lines(logging.Handler):
    """Handler that passes log records to the console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self._console.warning(record.getMessage())
        else:
            self._console.note(record.getMessage())


def point_to_nothing(stream: TextIO) -> None:
    """Discard what a stream still holds, so that Python's last flush does not fail on it."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def _one_line(text: str) -> str:
    """Return text as one line; control characters, which a terminal would obey, are escaped."""
    joined = " ".join(text.split())
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in joined)
