"""The operators' libraries: for the CPU, and the GPU's kernels thread by thread on the CPU."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nst_rt.ops import build_library
from nst_rt.ops.building import SOURCES

SIMULATED = Path(__file__).with_name("simulated.cpp")


@pytest.fixture(scope="session")
def on_cpu() -> Path:
    return build_library("cpu")


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What nvcc compiles for GPUs, run on the CPU."""
    library = tmp_path_factory.mktemp("operators") / "simulated.so"
    files = [str(SIMULATED), str(SOURCES / "library.cpp")]
    command = ["g++", "-std=c++17", "-O2", "-shared", "-fPIC", f"-I{SOURCES}", *files]
    subprocess.run([*command, "-o", str(library)], check=True)
    return library


@pytest.fixture(params=["on_cpu", "kernels"])
def operators(request: pytest.FixtureRequest) -> Path:
    library: Path = request.getfixturevalue(request.param)
    return library
