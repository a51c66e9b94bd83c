"""Runs of `nst-rt doctor` in processes of their own, and modules that break it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.measuring import MEASURED

from .conftest import Ended, finish, start

BROKEN = {
    "syntax": "def",
    "import": "raise ImportError('DLL load failed while importing onnxruntime_pybind11_state')",
    "library": "raise ImportError('libgomp.so.1: cannot open shared object file: No such file')",
    "exit": "import os, sys; print('hello', flush=True); sys.stderr.write('why\\n'); os._exit(7)",
    "crash": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "system exit": "raise SystemExit('no')",
    "child": "import os, time; os.fork() or time.sleep(600); raise OSError('so')",
    "empty": "",
}


def lines(ended: Ended) -> dict[str, str]:
    """Return what is printed of each device and fact, by its name."""
    text = ended.out.decode().splitlines()
    verdicts = dict(line.split(": ", 1) for line in text[: text.index("")])
    return verdicts | {line[:10].strip(): line[11:] for line in text[text.index("") + 1 :]}


def doctor(*arguments: str, path: Path | None = None, **environment: str) -> Ended:
    """Run it as a process, with a folder of modules that come before the installed ones."""
    paths = [str(path), *sys.path] if path else sys.path
    variables = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), **MEASURED, **environment}
    return finish(start("doctor", *arguments, env=variables))


def module(folder: Path, name: str, code: str) -> Path:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(code)
    return folder
