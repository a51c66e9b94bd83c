"""A machine with an NVIDIA GPU, pretended: onnxruntime-gpu and cuda-python over the stand-ins.

onnxruntime-gpu and onnxruntime are one module in two builds and cannot share an environment, so it
is installed in a folder of its own, and what uses it runs in processes of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import forks
from tests.cuda.stand_ins import build_stand_ins
from tests.cuda.tensorrt import build_tensorrt
from tests.measuring import MEASURED

SITE = "NST_RT_CUDA_SITE"
"""The environment variable that names the folder where it is installed already."""
PACKAGES = ("onnxruntime-gpu", "cuda-bindings", "cuda-pathfinder")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """What a process left, and the CUDA functions that it called, in order."""

    code: int
    out: str
    err: str
    calls: list[str]

    def count(self, call: str) -> int:
        return self.calls.count(call)


@dataclass(frozen=True)
class CudaMachine:
    """Runs Python where CUDA seems to work; `libraries` and `tensorrt` are the stand-ins."""

    site: Path
    libraries: Path
    tensorrt: Path
    scratch: Path

    def run(
        self,
        code: str,
        *arguments: str | Path,
        before: str = "",
        libraries: Path | None = None,
        tensorrt: bool = False,
        timeout_s: float = 120,
        **switches: str | int,
    ) -> Ended:
        """Run a script with `STAND_IN_…` switches, written small: `devices=0`, `fail="…"`.

        Args:
            code: the script.
            arguments: its `sys.argv[1:]`.
            before: a script that goes before it.
            libraries: another folder of CUDA libraries; an empty one for a machine without any.
            tensorrt: whether there is TensorRT, too.
        """
        trace = self.scratch / "trace"
        trace.unlink(missing_ok=True)
        environment = self.environment(libraries, tensorrt, trace=str(trace), **switches)
        script = "".join(map(textwrap.dedent, (before, code)))
        done = forks.run(script, list(map(str, arguments)), environment, timeout_s)
        assert done.returncode >= 0, f"signal {-done.returncode}\n{done.stdout}{done.stderr}"
        calls = trace.read_text().splitlines() if trace.exists() else []
        return Ended(done.returncode, done.stdout, done.stderr, calls)

    def environment(
        self, libraries: Path | None = None, tensorrt: bool = False, **switches: str | int
    ) -> dict[str, str]:
        """Environment variables of such a process."""
        folders = [libraries or self.libraries, *([self.tensorrt] if tensorrt else [])]
        own = {f"STAND_IN_{name.upper()}": str(value) for name, value in switches.items()}
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            "PYTHONPATH": os.pathsep.join([str(self.site), *(path for path in sys.path if path)]),
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, folders)),
            "PYTHONFAULTHANDLER": "1",
            "PYTHONUNBUFFERED": "1",  # what was printed before it died is worth knowing
            **MEASURED,
            **own,
        }


def make_machine(cache: Path, scratch: Path) -> CudaMachine:
    """Install into `cache` unless the environment names a folder, and build the stand-ins."""
    site = Path(os.environ.get(SITE) or installed(PACKAGES, cache))
    providers = [
        site / f"onnxruntime/capi/libonnxruntime_providers_{name}.so"
        for name in ("cuda", "tensorrt")
    ]
    libraries = build_stand_ins(scratch / "libraries", *providers)
    tensorrt = build_tensorrt(scratch / "tensorrt", libraries)
    return CudaMachine(site, libraries, tensorrt, scratch)


def installed(packages: Sequence[str], cache: Path) -> Path:
    """A folder in `cache` with packages in the versions that the tests pass with."""
    constraints = ROOT / "constraints.txt"
    wanted = hashlib.sha256(constraints.read_bytes() + sys.version.encode()).hexdigest()[:12]
    site = cache / wanted
    if not site.exists():
        unfinished = Path(tempfile.mkdtemp(dir=cache))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        command += ["--constraint", str(constraints), "--target", str(unfinished)]
        subprocess.run([*command, *packages], check=True)
        try:
            unfinished.rename(site)
        except OSError:  # another run was faster
            shutil.rmtree(unfinished)
    return site
