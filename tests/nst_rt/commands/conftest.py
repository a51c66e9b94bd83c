"""The command line in this process, and in one of its own where signals and limits matter."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt import diagnosis
from nst_rt.commands import main
from tests.measuring import MEASURED
from tests.nst_rt.video.clips import Sound, make_clip

RUN = "from nst_rt.commands import main; main()"


@dataclass(frozen=True)
class Ended:
    """The end of a command: exit code, standard output, lines of standard error."""

    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


@pytest.fixture
def nst(capfdbinary, monkeypatch) -> Callable[..., Ended]:
    """Run `nst-rt ARGUMENTS…` in this process."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfdbinary.readouterr()
        code = main.main([str(argument) for argument in arguments], standalone_mode=False)
        out, err = capfdbinary.readouterr()
        return Ended(code, out, err.decode())

    return run


@pytest.fixture
def ask(nst, monkeypatch) -> Callable[..., Ended]:
    """Run `nst-rt doctor` in this process with some engines alone, as each takes a process."""

    def run(*engines: str, path: Path | None = None, json: bool = False, **environment: str):
        modules = {name: diagnosis._MODULES[name] for name in engines}
        for name, value in (MEASURED | environment).items():
            monkeypatch.setenv(name, value)
        if "PYTHONPATH" in environment:
            monkeypatch.setattr(sys, "path", environment["PYTHONPATH"].split(os.pathsep))
        if path:
            monkeypatch.syspath_prepend(path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(diagnosis, "_MODULES", modules)
            return nst("doctor", *(["--json"] if json else []))

    return run


def start(*arguments: str | Path | bytes, code: str = RUN, **options) -> subprocess.Popen:
    """Start `nst-rt ARGUMENTS…` as a process; its standard error is a pipe."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        **options.pop("env", {}),
    }
    if "preexec_fn" in options:  # limits files: of bytecode, which stays cut
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    command = [*options.pop("before", ()), sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, env=environment, **options)


def finish(process: subprocess.Popen) -> Ended:
    out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out or b"", (err or b"").decode())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def clip(folder: Path) -> Path:
    """Four seconds of numbered frames with sound."""
    sound = Sound(seconds=Fraction(4096, 1000))
    return make_clip(folder / "in.mp4", range(0, 4000, 40), sounds=[sound])


@pytest.fixture
def style(model_path: Path) -> tuple[str, ...]:
    """Options that paint with the thin network."""
    return ("--style", str(model_path), "--threads", "1")


def save(path: Path | str, mode: str = "RGB", size: tuple[int, int] = (24, 16)) -> Path:
    """Save a picture of seeded noise, `size` wide and high."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(5).integers(0, 256, (size[1], size[0], channels), np.uint8)
    image = Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels)
    image.save(path, None if path.suffix else "PNG")
    return path


def records(out: bytes) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def opened(path: Path | str) -> Image.Image:
    return Image.open(io.BytesIO(Path(path).read_bytes()))


def pixels(path: Path | str) -> np.ndarray:
    return np.asarray(opened(path).convert("RGB"))


def names(folder: Path | str) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in Path(folder).iterdir())
