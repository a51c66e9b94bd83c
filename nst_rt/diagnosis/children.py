"""Asking all probes at the same time, each in a process of its own."""

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


def ask(names: Iterable[str], *, patience_s: float = 30) -> dict[str, Answer]:
    """The answers of probes; what crashes or hangs has a "problem" like what fails."""
    until = time.monotonic() + patience_s
    with ExitStack() as stack:
        children = {name: stack.enter_context(_Child(name, _scratch(stack))) for name in names}
        return {name: child.answer(until) for name, child in children.items()}


class _Child:
    """A probe at work, in a session of its own, which ends with it and all that it started."""

    def __init__(self, name: str, words: IO[bytes] | int) -> None:
        path = os.pathsep.join(path for path in sys.path if path)
        self._words = words
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nst_rt.diagnosis.probes", name],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=words,
            start_new_session=True,
        )

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        with self._process:  # closes the pipe and waits
            pass

    def answer(self, until: float) -> Answer:
        """What it found, waiting no longer than until that time of the clock."""
        try:
            code = self._process.wait(timeout=max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return {"problem": "does not answer"}
        self._end()  # whatever it left behind holds the pipe
        try:
            answer = json.loads(self._process.communicate()[0])
        except ValueError:
            return {"problem": _ending(code, self._last_words())}
        return answer if isinstance(answer, dict) else {"problem": "answers nonsense"}

    def _end(self) -> None:
        with suppress(OSError):  # nothing is left of it
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def _last_words(self) -> str:
        if isinstance(self._words, int):
            return ""
        self._words.seek(0)
        return self._words.read().decode(errors="replace")


def _scratch(stack: ExitStack) -> IO[bytes] | int:
    """A file for what a probe prints, nothing where no file can be made."""
    try:
        return stack.enter_context(tempfile.TemporaryFile())
    except OSError:
        return subprocess.DEVNULL


def _ending(code: int, said: str) -> str:
    """How a process ended that gave no answer, and its last words."""
    names = {-number: number.name for number in signal.Signals}
    ending = f"crashes ({names[code]})" if code in names else f"ends with code {code}"
    lines = said.strip().splitlines()
    return f"{ending}: {lines[-1]}" if lines else ending
