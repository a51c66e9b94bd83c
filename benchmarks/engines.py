"""How much GPU memory does an engine plan, and how large is its file, by the pictures it takes?

    python -m benchmarks.engines

TensorRT-RTX builds on any machine and reports what its engine will take: no GPU is needed, and the
speed is not measured.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks import measure
from nst_export.engine import EngineOptions, build_engine

SIZES = {"720p": (720, 1280), "1080p": (1080, 1920), "4K": (2160, 3840), "8K": (4320, 7680)}
"""Heights and widths."""
TURING = ("7.5", "8.0", "8.6", "8.9", "12.0", "12.1")
MIB = 2**20


def variants() -> list[tuple[str, str, EngineOptions]]:
    """Return the builds: the largest picture, what else is special in words, and the options."""
    found = [(name, "", EngineOptions(largest=size)) for name, size in SIZES.items()]
    high = SIZES["1080p"]
    found += [
        ("1080p", "no other size", EngineOptions(fixed=high)),
        ("1080p", "4 pictures at once", EngineOptions(largest=high, batch=4)),
        ("1080p", "fp32", EngineOptions(largest=high, precision="fp32")),
        ("1080p", "steady", EngineOptions(largest=high, variant="steady")),
        ("1080p", "steady, fp32", EngineOptions(largest=high, precision="fp32", variant="steady")),
        ("1080p", "for Turing too", EngineOptions(largest=high, capabilities=TURING)),
    ]
    return found


def row_of(style: str, largest: str, special: str, options: EngineOptions) -> dict[str, Any]:
    """Build one engine and return its memory and size."""
    with tempfile.TemporaryDirectory() as folder:
        portable = replace(options, backend="tensorrt-rtx")
        facts = build_engine(style, Path(folder, "x.engine"), portable).facts
    return {
        "largest picture": largest,
        "special": special,
        "precision": facts.precision,
        "GPU memory MiB": round(sum(facts.memory.values()) / MIB, 1),
        "file MiB": round(facts.engine_bytes / MIB, 1),
        "backend": f"{facts.backend} {facts.backend_version}",
    }


@click.command()
@click.argument("style", default="starry-night")
@measure.results_option
def engines(style: str, results: Path) -> None:
    """Build engines of a shipped STYLE with TensorRT-RTX."""
    facts = measure.machine(threads=1)
    rows = [
        row_of(style, largest, special, options)
        for largest, special, options in measure.progress(variants(), "engines")
    ]
    measure.write_results("engines", facts, {"style": style, "rows": rows}, results)
    measure.show(facts, measure.markdown(rows))


if __name__ == "__main__":
    measure.run(engines)
