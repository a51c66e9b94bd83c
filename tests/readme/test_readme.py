"""Every command of the README runs, as it stands there.

The first two blocks set up environments; the continuous integration script runs them. Training is
cut short by options that come last, and so win.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = (
    "--features untrained --steps 2 --batch 1 --size 64 --style-size 96 --threads 1 --width 0.25 "
    "--style-layers relu1_1,relu2_1 --content-layer relu2_1"
)


def blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the examples, and a home folder with pictures of one's own."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(ROOT / "examples", home / "examples")
    shutil.copytree(ROOT / "examples" / "photos", home / "Pictures")
    shutil.copy(ROOT / "examples" / "photos" / "parrots.jpg", home / "photo.jpg")
    return home


def run(command: list[str] | str, home: Path, **options: object) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(home), "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stderr


def test_first_two_blocks_end_with_a_painting_and_the_tests() -> None:
    paint, test = blocks("sh")[:2]
    assert re.search(r"nst-rt stylize examples/photos/\S+ -o painting\.jpg", paint.splitlines()[-1])
    assert test.splitlines()[-1].endswith("python -m pytest")


@pytest.mark.parametrize("number", range(len(blocks("sh")) - 2))
def test_command_block_runs(number: int, home: Path) -> None:
    block = blocks("sh")[2 + number].replace("\\\n", " ")
    lines = [f"{line} {SHORT}" if " train " in line else line for line in block.splitlines()]
    run("\n".join(lines), home, shell=True, executable="/bin/bash")


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_block_runs(number: int, home: Path) -> None:
    run([sys.executable, "-c", blocks("python")[number]], home)


def test_pictures_that_it_shows_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r'(?:\]\(|src=")([^)"#]+)', text):
        if "://" not in link:
            assert (ROOT / link).exists(), link
