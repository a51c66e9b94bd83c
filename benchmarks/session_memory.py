"""How much memory does each engine of the CPU take to paint one pixel?

    python -m benchmarks.session_memory [--fused]

Networks of random weights and several widths, plain and steady, are opened and paint one picture
in a process of its own; what is counted is its peak of resident memory above that of the open
session. Sessions estimate it (`Session.memory_per_pixel`), and tiles leave `ENGINE_BYTES` of
`nst_rt.painting.tiled` beside it. The exit code is 1 when a picture takes more than both together.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch

from benchmarks import measure
from nst_export.fused import fused_graph
from nst_export.graph import style_graph
from nst_rt.errors import NstError
from nst_rt.painting.tiled import ENGINE_BYTES
from nst_train.network import NetworkConfig, StyleNetwork

WIDTHS = (0.25, 0.5, 1.0)
SIZES = ((192, 192), (512, 512), (1024, 1024), (1500, 2000))
"""Heights and widths, from that of the smallest tiles on."""
LARGE = 10**6
"""Pixels from which the fixed part no longer counts."""
MIB = 1 << 20
ENGINES = (("openvino", "fp32"), ("openvino", "bf16"), ("onnxruntime", "fp32"))

_PAINT = """
import json, sys
from pathlib import Path
import numpy as np
from nst_rt.model import read_model
from nst_rt.sessions import SessionOptions, open_session

def resident(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))

path, device, precision, threads, height, width = sys.argv[1:]
options = SessionOptions(device=device, precision=precision, threads=int(threads))
session = open_session(read_model(path), options)
shape = 1, int(height), int(width), 3
image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
before = resident("VmRSS:")
Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
session.run(image)
taken = resident("VmHWM:") - before
print(json.dumps({"taken": taken, "estimate": session.memory_per_pixel}))
"""


class Candidate(NamedTuple):
    """A model file, and how it is opened."""

    path: Path
    engine: str
    precision: str
    variant: str
    width: float


def candidates(
    folder: Path, engines: Sequence[tuple[str, str]], widths: Sequence[float], *, fused: bool
) -> Iterator[Candidate]:
    """Write networks of all widths and variants; yield each with each engine that opens it."""
    for width in widths:
        torch.manual_seed(0)
        network = StyleNetwork(NetworkConfig(width=width)).eval().requires_grad_(False)
        for variant in ("plain", "steady", *(("fused",) if fused else ())):
            facts = {"schema": "1", "kind": "style", "variant": variant, "width": str(width)}
            metadata = {f"nst_rt.{key}": value for key, value in facts.items()}
            graph = (
                fused_graph(network, metadata)
                if variant == "fused"
                else style_graph(network, metadata, variant=variant)  # type: ignore[arg-type]
            )
            path = folder / f"{variant}-{width}.onnx"
            path.write_bytes(graph.SerializeToString())
            for engine, precision in [("onnxruntime", "fp16")] if variant == "fused" else engines:
                yield Candidate(path, engine, precision, variant, width)


def measure_one(candidate: Candidate, size: tuple[int, int], threads: int) -> dict[str, Any]:
    """Paint one picture in a fresh interpreter: bytes taken and estimated."""
    height, width = size
    arguments = (candidate.path, candidate.engine, candidate.precision, threads, height, width)
    command = [sys.executable, "-c", _PAINT, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NstError(f"{candidate.engine} failed ({done.stderr.strip().splitlines()[-1]})")
    found = json.loads(done.stdout)
    taken, estimate, pixels = found["taken"], found["estimate"], height * width
    return {
        "engine": candidate.engine,
        "precision": candidate.precision,
        "variant": candidate.variant,
        "width": candidate.width,
        "size": f"{width}x{height}",
        "pixels": pixels,
        "MiB": round(taken / MIB, 1),
        "bytes per pixel": round(taken / pixels, 1),
        "estimate": round(estimate, 1),
        "MiB beyond the estimate": round((taken - estimate * pixels) / MIB, 1),
    }


def summarize(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By engine: bytes per pixel as a linear function of the width, and what is beyond estimates.

    The line is laid through the most that large pictures of each width take.
    """
    found = []
    for engine, precision in dict.fromkeys((row["engine"], row["precision"]) for row in rows):
        own = [row for row in rows if (row["engine"], row["precision"]) == (engine, precision)]
        most: dict[float, float] = {}
        for row in own:
            if row["pixels"] >= LARGE:
                most[row["width"]] = max(row["bytes per pixel"], most.get(row["width"], 0.0))
        slope, base = np.polyfit(list(most), list(most.values()), 1) if len(most) > 1 else (0, 0)
        found.append(
            {
                "engine": engine,
                "precision": precision,
                "base": round(float(base), 1),
                "per width": round(float(slope), 1),
                "most MiB beyond the estimate": max(row["MiB beyond the estimate"] for row in own),
            }
        )
    return found


@click.command()
@click.option("--fused", is_flag=True, help="Also fused operators, which have to be compiled.")
@measure.threads_option
@measure.results_option
def session_memory(fused: bool, threads: int, results: Path) -> None:
    """Measure what engines of the CPU take per pixel, against their estimates."""
    facts = measure.machine(threads=threads)
    engines = [(name, kind) for name, kind in ENGINES if kind != "bf16" or facts["bf16"]]
    with tempfile.TemporaryDirectory() as folder:
        found = list(candidates(Path(folder), engines, WIDTHS, fused=fused))
        work = [(candidate, size) for candidate in found for size in SIZES]
        rows = [measure_one(*one, threads) for one in measure.progress(work, "painting")]
    summary = summarize(rows)
    measure.write_results("session_memory", facts, {"summary": summary, "rows": rows}, results)
    columns = [name for name in rows[0] if name != "pixels"]
    measure.show(facts, measure.markdown(rows, columns), measure.markdown(summary))
    if any(row["most MiB beyond the estimate"] > ENGINE_BYTES / MIB for row in summary):
        sys.exit(1)


if __name__ == "__main__":
    measure.run(session_memory)
