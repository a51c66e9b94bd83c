"""Running all probes at the same time, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from typing import IO, Any

Answer = dict[str, Any]


def run_probes(names: Iterable[str], *, timeout_s: float = 60) -> dict[str, Answer]:
    """Return the answers of probes; one that crashes or hangs gets a "problem", too.

    The default leaves TensorRT time to load gigabytes from a slow disk before its first engine.
    """
    deadline = time.monotonic() + timeout_s
    with ExitStack() as stack:
        children = {name: stack.enter_context(_Child(name, _stderr_file(stack))) for name in names}
        return {name: child.answer(deadline) for name, child in children.items()}


class _Child:
    """A running probe, in a POSIX session of its own, whose processes all end with it."""

    def __init__(self, name: str, stderr: IO[bytes] | int) -> None:
        path = os.pathsep.join(path for path in sys.path if path)
        self._stderr = stderr
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nst_rt.diagnosis.probes", name],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
        )

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        with self._process:  # closes the pipe and waits
            pass

    def answer(self, deadline: float) -> Answer:
        """Return its answer, waiting no longer than until a time of `time.monotonic`."""
        try:
            code = self._process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return {"problem": "does not answer"}
        self._end()  # processes that it left behind hold the pipe
        try:
            answer = json.loads(self._process.communicate()[0])
        except ValueError:
            return {"problem": _ending(code, self._errors())}
        return answer if isinstance(answer, dict) else {"problem": "answers nonsense"}

    def _end(self) -> None:
        with suppress(OSError):  # all have ended
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def _errors(self) -> str:
        if isinstance(self._stderr, int):
            return ""
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")


def _stderr_file(stack: ExitStack) -> IO[bytes] | int:
    """Return a file for a probe's standard error; the null device if none can be made."""
    try:
        return stack.enter_context(tempfile.TemporaryFile())
    except OSError:
        return subprocess.DEVNULL


def _ending(code: int, errors: str) -> str:
    """Describe how a process without an answer ended, with the last line of its errors."""
    names = {-number: number.name for number in signal.Signals}
    ending = f"crashes ({names[code]})" if code in names else f"ends with code {code}"
    lines = errors.strip().splitlines()
    return f"{ending}: {lines[-1]}" if lines else ending
