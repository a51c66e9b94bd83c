"""A machine where TensorRT seems to work: ONNX Runtime's own provider over stand-ins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cuda.echo import echo_model
from tests.cuda.scripts import OPEN

TENSORRT = (
    OPEN.replace('device="cuda"', 'device="tensorrt"')
    + """
    import logging
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
"""
)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return echo_model(tmp_path_factory.mktemp("tensorrt") / "echo.onnx")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NST_RT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def machine(cuda_machine, tmp_path: Path):
    """Runs a script where TensorRT seems to work, in an empty folder."""

    def run(code: str, *arguments: str | Path, **options):
        (tmp_path / "here").mkdir(exist_ok=True)
        before = f"{TENSORRT}    os.chdir({str(tmp_path / 'here')!r})\n"
        options = {"tensorrt": True, **options}
        return cuda_machine.run(code, *arguments, before=before, **options)

    return run


def engines(cache: Path) -> list[Path]:
    return sorted((cache / "engines").glob("*/*.engine"))
