"""Putting a trained style into the zoo: half-precision checkpoint, three model files, card.

    python -m nst_export.shipping NAME RUN --title … --painter … --year … --data …

RUN is a finished folder of `nst-rt train fast`: command, steps and losses come from it. The
weights are rounded to half precision, which halves the checkpoint; all model files are made from
the rounded weights, so that checkpoint and models agree exactly.
"""

from __future__ import annotations

import hashlib
import json
import re
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from nst_export.exporter import CARD_FACTS, export_style
from nst_export.graph import Flavour, Variant
from nst_rt.errors import NstError, UsageError
from nst_rt.zoo import FILES, FOLDER
from nst_train.config import FastConfig
from nst_train.run import LOG, RESULT
from nst_train.style_file import load_style, write_style

LICENCE = (
    "Painting: public domain (painter died before 1954). Weights: MIT, trained on research photos."
)
FINAL = 0.1
"""Last share of the steps over which the losses on a card are averaged."""
_MODELS: tuple[tuple[str, Flavour, Variant], ...] = (
    ("fp32", "fp32", "plain"),
    ("steady", "fp32", "steady"),
    ("fp16", "fp16", "plain"),
)
"""The model files by their names on a card."""

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("name")
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--title", required=True)
@click.option("--painter", required=True)
@click.option("--year", required=True)
@click.option("--data", required=True, help="The photos in words: how many, from where.")
@click.option("--licence", default=LICENCE, help="Of painting and weights.")
@click.option("--training", type=_file, help="JSON: more of the training, as the processor.")
@click.option("--measures", type=_file, help="JSON: what benchmarks measured.")
def ship(
    name: str,
    run: Path,
    title: str,
    painter: str,
    year: str,
    data: str,
    licence: str,
    training: Path | None,
    measures: Path | None,
) -> None:
    """Make the zoo files of NAME from RUN. What is there is replaced when all is made."""
    facts: dict[str, Any] = {"title": title, "painter": painter, "year": year, "licence": licence}
    facts["training"] = training_facts(run, data) | _json(training)
    facts |= {"measures": _json(measures)} if measures else {}
    try:
        _make(name, run / RESULT, facts)
    except NstError as error:
        raise click.ClickException(str(error)) from error


def training_facts(run: Path, data: str) -> dict[str, Any]:
    """Return the facts in a run's folder: command, steps, final losses."""
    _, header = load_style(run / RESULT)
    config = FastConfig.from_mapping(header["config"])
    lines = [json.loads(line) for line in (run / LOG).read_text(encoding="utf-8").splitlines()]
    finite = [line["losses"] for line in lines if not line["skipped"]]
    last = finite[-max(1, round(FINAL * len(finite))) :]
    return {
        "command": config.as_command(),
        "data": data,
        "steps": header["step"],
        "losses": {key: round(statistics.fmean(row[key] for row in last), 4) for key in last[-1]},
        "losses_over": f"the last {len(last)} steps",
    }


def halve(source: Path, target: Path) -> None:
    """Write the averaged weights of a checkpoint in half precision, without machine paths."""
    network, header = load_style(source)
    network.even_upsampling().half()
    write_style(target, network, FastConfig.from_mapping(header["config"]), header["step"])


def toml(table: Mapping[str, Any], prefix: str = "") -> str:
    """Return a card as TOML: plain values, then sub-tables. JSON strings are TOML strings."""
    tables = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {_value(table[key])}" for key in table if key not in tables]
    for key, below in tables.items():
        path = f"{prefix}{_key(key)}"
        lines += ["", f"[{path}]", toml(below, f"{path}.").rstrip("\n")]
    return "\n".join(lines) + "\n"


def _make(name: str, source: Path, facts: dict[str, Any]) -> None:
    """Make all files beside the zoo and move them in together, the card last."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise UsageError(f"the name is {name!r}", cure="use small letters, digits and hyphens")
    texts = {key: str(facts[key]) for key in CARD_FACTS}
    with tempfile.TemporaryDirectory(prefix=".ship-", dir=FOLDER) as folder:
        paths = {kind: Path(folder, name + suffix) for kind, suffix in FILES.items()}
        halve(source, paths["checkpoint"])
        for kind, flavour, variant in _MODELS:
            export_style(
                paths["checkpoint"], paths[kind], flavour=flavour, variant=variant, facts=texts
            )
        files = {kind: _facts_of(path) for kind, path in paths.items()}
        card = Path(folder, f"{name}.toml")
        card.write_text(toml(facts | {"files": files}), encoding="utf-8")
        for path in (*paths.values(), card):
            path.replace(FOLDER / path.name)


def _json(path: Path | None) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path else {}


def _facts_of(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())}}}"
    if value is None:
        raise ValueError("a card cannot say nothing: leave the key out")
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


if __name__ == "__main__":
    ship()
