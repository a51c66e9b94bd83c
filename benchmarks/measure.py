"""The base of all programs: facts of the machine, interleaved timing, results and tables.

Times of different runs are never divided by each other: other work on the machine moves them by
half, while ratios within one run stay put. So candidates take turns, and what is reported is the
median of the ratios of single rounds.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import click
import numpy as np

from nst_rt.errors import NstError
from nst_rt.system.processor import cpuinfo, instruction_sets

RESULTS = Path(__file__).parent / "results"
PAUSE_S = 0.03
"""Rest between two candidates, so that the first one's idle threads stop spinning."""

_PACKAGES = ("nst-rt", "numpy", "pillow", "torch", "onnx", "onnxruntime", "openvino")
_FLAGS = (
    "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16",
    "amx_int8", "asimd", "sve", "bf16", "i8mm",
)  # fmt: skip
_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}

Row = Mapping[str, Any]
T = TypeVar("T")


def machine(*, threads: int) -> dict[str, Any]:
    """Return the facts of the machine that a reader needs; none names it or its folders."""
    info = cpuinfo()
    flags = instruction_sets(info)
    return {
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "family": f"{info.get('cpu family', '?')}/{info.get('model', '?')}",
        "flags": [flag for flag in _FLAGS if flag in flags],
        "bf16": bool(flags & _BF16_FLAGS),
        "cpus": os.cpu_count(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def interleave(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    warmup: int = 1,
    pause_s: float = PAUSE_S,
) -> dict[str, list[float]]:
    """Time candidates in turn.

    Args:
        candidates: what to call, by name.
        rounds: how often each is timed; every round begins with another one.
        warmup: calls of each beforehand that are not counted.
        pause_s: rest before each call.

    Returns:
        Seconds of every round, by name.
    """
    for call in candidates.values():
        for _ in range(warmup):
            call()
    names, seconds = list(candidates), {name: [0.0] * rounds for name in candidates}
    for index in range(rounds):
        turn = index % len(names)
        for name in names[turn:] + names[:turn]:
            time.sleep(pause_s)
            began = time.perf_counter()
            candidates[name]()
            seconds[name][index] = time.perf_counter() - began
    return seconds


def summarize(seconds: Mapping[str, Sequence[float]], *, baseline: str) -> list[dict[str, Any]]:
    """Return per candidate median, quartiles and minimum in ms, and its speed over `baseline`."""
    rows = []
    for name, values in seconds.items():
        low, middle, high = np.percentile(np.array(values) * 1e3, (25, 50, 75))
        rows.append(
            {
                "name": name,
                "median_ms": round(float(middle), 2),
                "quartiles_ms": [round(float(low), 2), round(float(high), 2)],
                "min_ms": round(min(values) * 1e3, 2),
                "ratio": round(median_ratio(seconds[baseline], values), 3),
            }
        )
    return rows


def median_ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """Return the median of the ratios slow ÷ fast of single rounds."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def markdown(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """Return a Markdown table of `rows`; `columns` are by default those of the first row."""
    if not rows:
        return "(no rows)"
    names = list(columns or rows[0])
    lines = [names, ["---"] * len(names)]
    lines += [[_cell(row.get(name)) for name in names] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_results(
    program: str, facts: Mapping[str, Any], contents: Mapping[str, Any], folder: Path
) -> Path:
    """Write `folder/PROGRAM.json`: when, on what machine, and what was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{program}.json"
    date = datetime.now(UTC).date().isoformat()
    document = {"program": program, "date": date, "machine": facts, **contents}
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def show(facts: Mapping[str, Any], *tables: str) -> None:
    """Print the machine on one line, then tables."""
    bf16 = "with" if facts["bf16"] else "WITHOUT"
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    print(
        f"{facts['cpu']} (family/model {facts['family']}), {facts['cpus']} CPUs, "
        f"{facts['threads']} threads in use, {bf16} bf16 instructions "
        f"({' '.join(facts['flags'])}), load {facts['load']}; Python {facts['python']}, {versions}"
    )
    for table in tables:
        print(f"\n{table}")


def progress(items: Sequence[T], label: str) -> Iterator[T]:
    """Yield `items`, with a bar on a terminal's standard error."""
    with click.progressbar(items, label=label, file=sys.stderr) as bar:
        yield from bar


def run(command: click.Command) -> None:
    """Run a program; report an error of ours in one line."""
    try:
        command()
    except NstError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


results_option = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=RESULTS,
    show_default="benchmarks/results",
    help="Folder for the JSON.",
)
threads_option = click.option("--threads", type=click.IntRange(1), default=2, show_default=True)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "…".join(_cell(item) for item in value)
    return str(value)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
