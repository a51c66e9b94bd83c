"""Standard error of the process, kept in a file while a library prints its messages there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def keep_error_output(file: Path | None) -> Iterator[None]:
    """Write what the process prints on standard error to a file, and print it afterwards.

    ONNX Runtime passes the messages of TensorRT to standard error alone, and not to its exceptions.
    Without a file, or if it cannot be made or standard error is closed, nothing is changed.
    """
    log = _open(file)
    if log is None:
        yield
        return
    own = os.dup(2)
    os.dup2(log, 2)
    try:
        yield
    finally:
        os.dup2(own, 2)
        os.close(own)
        os.lseek(log, 0, os.SEEK_SET)
        with os.fdopen(log, "rb") as kept, suppress(OSError):
            while text := kept.read(2**16):
                while text:
                    text = text[os.write(2, text) :]


def _open(file: Path | None) -> int | None:
    if file is None:
        return None
    try:
        os.fstat(2)
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    except OSError:
        return None
