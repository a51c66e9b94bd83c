"""Processes for scripts, forked from one that has started already: half of what each would cost.

Python, NumPy and the measuring of coverage take longer to start than most scripts run. Nothing of
ours is loaded before the fork, and nothing that it disturbs. A script begins as after `python -c`,
with an environment, arguments, a folder and streams of its own.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

from tests.measuring import BEGIN

_READ_AT_THE_START = ("PYTHONPATH", "LD_LIBRARY_PATH")
_ready: dict[tuple[str, ...], Forks] = {}


def run(
    script: str, arguments: Sequence[str], environment: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """What `python -c SCRIPT ARGUMENTS…` leaves; what takes longer than `timeout_s` is killed."""
    places = tuple(environment.get(name, "") for name in _READ_AT_THE_START)
    if places not in _ready:
        _ready[places] = Forks(environment)
    return _ready[places].run(script, arguments, environment, timeout_s)


class Forks:
    """A process that waits for scripts to fork for; it ends with this one.

    Args:
        environment: of which it keeps where Python's modules and shared libraries are.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        begun = {name: value for name, value in environment.items() if name != BEGIN}
        begun["OPENBLAS_NUM_THREADS"] = "1"  # others would not be there after a fork
        code = "from tests.forks import serve; exec(serve())"
        ours, its = socket.socketpair()
        with ours, its:
            command = [sys.executable, "-c", code, str(its.fileno())]
            self._process = subprocess.Popen(command, env=begun, pass_fds=[its.fileno()])
            self._asking = ours.makefile("rw")
        atexit.register(self._end)

    def _end(self) -> None:
        self._asking.close()
        self._process.wait()

    def run(
        self,
        script: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        timeout_s: float,
    ) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as folder:
            streams = [Path(folder, name) for name in ("out", "err")]
            asked = {
                "arguments": ["-c", *arguments],
                "environment": dict(environment),
                "folder": str(Path.cwd()),
                "streams": list(map(str, streams)),
                "script": script,
                "timeout_s": timeout_s,
            }
            print(json.dumps(asked), file=self._asking, flush=True)
            code = json.loads(self._asking.readline())
            out, err = (stream.read_text() for stream in streams)
        return subprocess.CompletedProcess(asked["arguments"], code, out, err)


def serve() -> CodeType:
    """Fork for all that is asked for; returns in the forked process alone, with its script."""
    import coverage
    import numpy as np  # noqa: F401

    with socket.socket(fileno=int(sys.argv[1])) as asking, asking.makefile("rw") as lines:
        for line in lines:
            asked = json.loads(line)
            pid = os.fork()
            if not pid:
                break
            print(_ended(pid, asked["timeout_s"]), file=lines, flush=True)
        else:
            sys.exit()
    _begin(asked)
    if BEGIN in os.environ:
        coverage.process_startup()
    return compile(asked["script"], "<string>", "exec")


def _begin(asked: dict[str, Any]) -> None:
    for number, stream in enumerate(asked["streams"], start=1):
        descriptor = os.open(stream, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.argv = asked["arguments"]


def _ended(pid: int, timeout_s: float) -> int:
    """The exit code of a process, once it has ended."""
    watched = os.pidfd_open(pid)
    if not select.select([watched], [], [], timeout_s)[0]:
        os.kill(pid, signal.SIGKILL)
    os.close(watched)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
