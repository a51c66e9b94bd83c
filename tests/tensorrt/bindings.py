"""The real Python bindings of TensorRT, over stand-ins for its libraries, which pip does not have.

Each version lives in a folder of its own and runs in processes of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests import forks
from tests.cuda.machine import Ended
from tests.cuda.stand_ins import SOURCES as CUDA_SOURCES
from tests.measuring import MEASURED

VERSIONS = ("10.13.3.9", "10.16.1.11", "11.4.0.106")
"""The oldest that is supported, the last of TensorRT 10, and the newest."""
SITE = "NST_RT_TENSORRT_SITE"
"""The environment variable that names the folder where they are installed already."""
SOURCE = Path(__file__).with_name("forwarding.c")
_LIBRARIES = ("libnvinfer", "libnvinfer_plugin", "libnvonnxparser")
_DRIVER = ("driver.c", "memory.c", "streams.c", "graphs.c", "switches.c")
_MODULE = "from tensorrt_bindings import *\nfrom tensorrt_bindings import __version__\n"
"""What NVIDIA's package `tensorrt` is, but for its libraries."""


@dataclass(frozen=True)
class TensorRt:
    """One version of the bindings; `libraries` are the stand-ins."""

    version: str
    site: Path
    libraries: Path

    def run(
        self,
        code: str,
        *arguments: str | Path,
        gpu: bool = True,
        rtx: Path | None = None,
        timeout_s: float = 120,
    ) -> Ended:
        """Run a script.

        Args:
            gpu: whether there is a GPU, to look at.
            rtx: the folder of TensorRT-RTX's libraries, for a TensorRT that works.
        """
        libraries = [str(self.libraries), *([str(self.libraries / "gpu")] if gpu else [])]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            "PYTHONPATH": os.pathsep.join([str(self.site), *(path for path in sys.path if path)]),
            "LD_LIBRARY_PATH": os.pathsep.join(libraries),
            **MEASURED,
            **({"FORWARD_TO": str(rtx)} if rtx else {}),
        }
        script, given = textwrap.dedent(code), list(map(str, arguments))
        done = forks.run(script, given, environment, timeout_s)
        return Ended(done.returncode, done.stdout, done.stderr, [])


def make_tensorrt(version: str, cache: Path, scratch: Path) -> TensorRt:
    """Install into `cache` unless the environment names a folder, and build the stand-ins."""
    given = os.environ.get(SITE)
    site = Path(given, version) if given else _installed(version, cache / version)
    (scratch / "gpu").mkdir(parents=True)
    (site / "tensorrt.py").write_text(_MODULE)
    major = version.partition(".")[0]
    for name in _LIBRARIES:
        _build(scratch / f"{name}.so.{major}", [SOURCE])
    driver = [CUDA_SOURCES / name for name in _DRIVER]
    _build(scratch / "gpu/libcuda.so.1", driver, f"-I{CUDA_SOURCES}")
    over = (f"-I{CUDA_SOURCES}", f"-L{scratch / 'gpu'}", "-Wl,--no-as-needed", "-l:libcuda.so.1")
    _build(scratch / "gpu/libnvidia-ml.so.1", [CUDA_SOURCES / "management.c"], *over)
    return TensorRt(version, site, scratch)


def _build(library: Path, sources: list[Path], *options: str) -> None:
    command = ["gcc", "-shared", "-fPIC", "-O1", f"-Wl,-soname,{library.name}", *options]
    subprocess.run([*command, "-o", str(library), *map(str, sources), "-ldl"], check=True)


def _installed(version: str, site: Path) -> Path:
    if not site.exists():
        unfinished = site.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--target", str(unfinished), f"tensorrt-cu13-bindings=={version}"]
        subprocess.run(command, check=True)
        unfinished.rename(site)
    return site
