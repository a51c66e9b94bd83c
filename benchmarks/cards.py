"""Writes the measurements of the shipped styles into their cards.

    python -m benchmarks.cards

They come from `quality.json` and `boldness.json`; measurements of another checkpoint than the
shipped one are refused.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from benchmarks import measure
from nst_export.shipping import toml
from nst_rt import zoo
from nst_rt.errors import ModelError

Row = Mapping[str, Any]


def measures(name: str, quality: Mapping[str, Any], boldness: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `measures` table of a style's card."""
    tables: dict[str, Any] = {}
    for row in quality["styles"]:
        if row["style"] == name:
            tables[f"objective_at_{row['size']}"] = _objective(row)
    for network in ("trained on", "not trained on"):
        rows = [
            row for row in boldness["rows"] if row["style"] == name and row["network"] == network
        ]
        if rows:
            key = f"gram_distance_on_the_network_{network.replace(' ', '_')}"
            tables[key] = [_distances(row) for row in rows]
    return tables


def _objective(row: Row) -> dict[str, Any]:
    """Return medians over the photos, and the calls after which L-BFGS is as good."""
    marks = {key: value for key, value in row.items() if key.startswith("L-BFGS ")}
    return {
        "photos": row["photos"],
        "of_the_photo": round(row["photo"], 3),
        "of_the_painting": round(row["painting"], 3),
        "photo_over_painting": round(row["photo ÷ painting"], 1),
        **{f"lbfgs_after_{key.split()[1]}_calls": round(marks[key], 3) for key in marks},
        "equals_lbfgs_calls": str(row["equals calls"]),
    }


def _distances(row: Row) -> dict[str, Any]:
    """Return the distances to the painting of ours, of a published picture and of its photo."""
    return {
        "published_by": Path(row["picture"]).stem.split("__")[-1],
        "ours": round(row["ours"], 3),
        "published": round(row["peer"], 3),
        "photo": round(row["photo"], 2),
    }


def check_current(name: str, checkpoint: Path, rows: Iterable[Row]) -> None:
    """Raise `ModelError` if a row of style `name` was measured with another checkpoint."""
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:16]
    if any(row["style"] == name and row.get("checkpoint", digest) != digest for row in rows):
        raise ModelError(
            "was measured before it was trained anew", path=checkpoint, cure="measure it again"
        )


@click.command()
@measure.results_option
def cards(results: Path) -> None:
    """Write the measures of every shipped style into its card."""
    quality, boldness = (
        json.loads((results / f"{program}.json").read_text(encoding="utf-8"))
        for program in ("quality", "boldness")
    )
    for card in zoo.cards():
        rows = (*quality["styles"], *boldness["rows"])
        check_current(card.name, card.file("checkpoint"), rows)
        path = zoo.FOLDER / f"{card.name}.toml"
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
        files = facts.pop("files")
        facts["measures"] = measures(card.name, quality, boldness)
        path.write_text(toml({**facts, "files": files}), encoding="utf-8")


if __name__ == "__main__":
    measure.run(cards)
