"""What does `import nst_rt` cost on top of NumPy, and how long does `nst-rt --help` take?

    python -m benchmarks.startup

Every measurement is a fresh interpreter; they take turns. The exit code is 1 when one of the heavy
modules was loaded.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks import measure
from nst_rt.errors import NstError

HEAVY = ("torch", "torchvision", "onnx", "onnxruntime", "openvino", "tensorrt", "cv2", "av", "PIL")
GOALS_MS = {"import nst_rt": 50.0, "nst-rt --help": 300.0}

_IMPORT = """
import json, sys, time
import numpy
before, began = set(sys.modules), time.perf_counter()
import nst_rt
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "loaded": sorted(set(sys.modules) - before)}))
"""
_HELP = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from nst_rt.program import main
sys.argv[1:] = ["--help"]
main()
"""


def import_cost() -> tuple[float, list[str]]:
    """Return the seconds of `import nst_rt` after `import numpy`, and the modules it loads."""
    found = json.loads(_python("-c", _IMPORT).stdout)
    return found["seconds"], found["loaded"]


def help_cost() -> tuple[float, list[str]]:
    """Return the seconds of `nst-rt --help`, the interpreter's included, and what is loaded."""
    modules = json.loads(_python("-c", _HELP).stderr.splitlines()[-1])
    began = time.perf_counter()
    _python("-c", "from nst_rt.program import main; main()", "--help")
    return time.perf_counter() - began, modules


def empty_cost() -> tuple[float, list[str]]:
    """Return the seconds of an interpreter that does nothing."""
    began = time.perf_counter()
    _python("-c", "")
    return time.perf_counter() - began, []


def heavy(modules: Sequence[str]) -> list[str]:
    """Return the heavy packages among loaded modules."""
    return [name for name in HEAVY if name in modules]


def rows_of(rounds: int) -> list[dict[str, Any]]:
    """Return median times of `rounds` fresh interpreters each, and their heavy modules."""
    costs = {
        "import nst_rt": import_cost,
        "nst-rt --help": help_cost,
        "python -c ''": empty_cost,
    }
    found: dict[str, list[tuple[float, list[str]]]] = {name: [] for name in costs}
    for call in costs.values():
        call()  # the first one reads files that the later ones find in memory
    for _ in range(rounds):
        for name, call in costs.items():
            found[name].append(call())
    return [
        {
            "what": name,
            "median ms": round(statistics.median(seconds for seconds, _ in values) * 1e3, 1),
            "min ms": round(min(seconds for seconds, _ in values) * 1e3, 1),
            "goal ms": GOALS_MS.get(name),
            "modules": len(values[0][1]),
            "heavy": heavy(values[0][1]),
        }
        for name, values in found.items()
    ]


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=_ROOT, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise NstError(f"a fresh interpreter failed ({lines[-1]})")
    return done


_ROOT = Path(__file__).parent.parent


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True)
@measure.results_option
def startup(rounds: int, results: Path) -> None:
    """Time fresh interpreters."""
    facts = measure.machine(threads=1)
    rows = rows_of(rounds)
    measure.write_results("startup", facts, {"rounds": rounds, "rows": rows}, results)
    measure.show(facts, measure.markdown(rows))
    if any(row["heavy"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    measure.run(startup)
