"""Putting a trained style into the zoo: half-precision checkpoint, two model files, card.

    python -m nst_export.shipping NAME RUN/style.safetensors --painter … --title … --year …

The checkpoint's weights are rounded to half precision, which halves its size; both model files are
made from the rounded weights, so that checkpoint and models agree exactly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nst_export.exporter import export_style
from nst_rt.zoo import FILES, FOLDER
from nst_train.checkpoint import read_checkpoint, write_checkpoint

LICENCE = (
    "Painting: public domain (painter died before 1954). Weights: MIT, trained on research photos."
)


@click.command()
@click.argument("name")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--title", required=True)
@click.option("--painter", required=True)
@click.option("--year", required=True)
@click.option("--training", type=click.Path(exists=True, path_type=Path), required=True,
              help="JSON: command, data, steps, losses.")  # fmt: skip
@click.option("--measures", type=click.Path(exists=True, path_type=Path), help="JSON for the card.")
def ship(
    name: str,
    source: Path,
    title: str,
    painter: str,
    year: str,
    training: Path,
    measures: Path | None,
) -> None:
    """Make the zoo files of NAME from SOURCE."""
    facts: dict[str, Any] = {
        "title": title,
        "painter": painter,
        "year": year,
        "licence": LICENCE,
        "training": json.loads(training.read_text()),
    }
    if measures:
        facts["measures"] = json.loads(measures.read_text())
    paths = {kind: FOLDER / (name + suffix) for kind, suffix in FILES.items()}
    halve(source, paths["checkpoint"])
    texts = {key: facts[key] for key in ("title", "painter", "year", "licence")}
    for flavour in ("fp32", "fp16"):
        export_style(
            paths["checkpoint"], paths[flavour], flavour=flavour, facts=texts, overwrite=True  # type: ignore[arg-type]
        )
    facts["files"] = {kind: _facts_of(path) for kind, path in paths.items()}
    (FOLDER / f"{name}.toml").write_text(toml(facts), encoding="utf-8")


def halve(source: Path, target: Path) -> None:
    """Write the averaged weights of a checkpoint in half precision, without machine paths."""
    checkpoint = read_checkpoint(source)
    weights = {f"ema.{key}": value.half() for key, value in checkpoint.part("ema").items()}
    config = dict(checkpoint.header["config"])
    for key in ("style", "photos", "initial"):
        config[key] = Path(config[key]).name if config[key] else None
    config["features"] = [Path(item).name for item in config["features"]]
    write_checkpoint(target, weights, {**checkpoint.header, "config": config})


def toml(table: Mapping[str, Any], prefix: str = "") -> str:
    """A card as TOML: plain values first, then sub-tables. JSON strings are TOML strings."""
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}"
        for key, value in table.items()
        if not isinstance(value, Mapping)
    ]
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{prefix}{key}]", toml(value, f"{prefix}{key}.").rstrip("\n")]
    return "\n".join(lines) + "\n"


def _facts_of(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


if __name__ == "__main__":
    ship()
