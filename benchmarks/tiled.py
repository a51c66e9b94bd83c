"""How near is a picture painted in parts to the same picture painted at once?

    python -m benchmarks.tiled --photos FOLDER [STYLE…]

All parts are painted with the same statistics, so what differs is where these come from: from a
thumbnail of the picture, from pieces of it side by side, from the middle of both (what `Stylizer`
does), or from its parts one by one, pooled; each of a half and a quarter of the picture's pixels.
A picture painted at once with given statistics is what its parts give together, to a level: that is
measured too, in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks import measure
from nst_export.verification import compare
from nst_rt import zoo
from nst_rt.errors import InputError
from nst_rt.images import read_picture, shrink, working_size
from nst_rt.model import read_model
from nst_rt.painting.estimate import SteadyPaint, estimate_statistics, pieces, thumbnail
from nst_rt.painting.steady import Statistics, SteadyStyle
from nst_rt.painting.tiled import TilePlan, paint_tiles
from nst_rt.painting.tiles import Tiling, tiling
from nst_rt.pixels import Pixels
from nst_rt.sessions import Precision, SessionOptions, open_session
from nst_train.photos import find_photos

SHARES = (2, 4)
"""A tile has the picture's pixels divided by one of these."""
LONG_SIDE = 1600
EPSILON = 1e-5
"""Of the normalizations."""


def of_thumbnail(paint: SteadyPaint, photo: Pixels, pixels: int) -> Statistics:
    """Statistics of the picture made small."""
    return paint(thumbnail(photo, pixels), None, 0.0)[1]


def of_pieces(paint: SteadyPaint, photo: Pixels, pixels: int) -> Statistics:
    """Statistics of pieces side by side."""
    return paint(pieces(photo, pixels), None, 0.0)[1]


def of_both(paint: SteadyPaint, photo: Pixels, pixels: int) -> Statistics:
    """Those that parts are painted with."""
    return estimate_statistics(photo, paint, pixels)


def of_parts(paint: SteadyPaint, photo: Pixels, pixels: int) -> Statistics:
    """Statistics of the parts of which each is painted for itself, pooled by their sizes."""
    found, weights = [], []
    for row, column in tiles_of(photo, pixels):
        part = np.ascontiguousarray(photo[row.first : row.last, column.first : column.last])
        found.append(paint(part, None, 0.0)[1].astype(np.float64))
        weights.append(part.shape[0] * part.shape[1])
    means, variances = (
        np.stack([s[0] for s in found]), np.stack([1 / s[1] ** 2 - EPSILON for s in found]),
    )  # fmt: skip
    mean = np.average(means, axis=0, weights=weights)
    energy = np.average(variances + means**2, axis=0, weights=weights)
    variance = np.maximum(energy - mean**2, 0)
    return np.stack([mean, 1 / np.sqrt(variance + EPSILON)]).astype(np.float32)


WAYS: dict[str, Callable[[SteadyPaint, Pixels, int], Statistics]] = {
    "thumbnail": of_thumbnail,
    "pieces": of_pieces,
    "thumbnail and pieces": of_both,
    "parts, pooled": of_parts,
}


def tiles_of(photo: Pixels, pixels: int) -> Tiling:
    """The parts of a picture of at most that many pixels."""
    height, width = photo.shape[:2]
    tiles = tiling(height, width, pixels, radius=57, multiple=4)
    if tiles is None:
        raise InputError("is too small to be cut", cure="give larger photos")
    return tiles


def measure_photo(paint: SteadyPaint, photo: Pixels) -> dict[str, float]:
    """PSNR against the picture painted at once, by where statistics come from and from how much."""
    whole, _ = paint(photo, None, 0.0)
    found = {}
    for share in SHARES:
        pixels = photo.shape[0] * photo.shape[1] // share
        for name, way in WAYS.items():
            painted, _ = paint(photo, way(paint, photo, pixels), 1.0)
            found[f"{name}, 1/{share}"] = round(
                compare("at once", whole[None], painted[None]).psnr, 1
            )
    return found


def seam(paint: SteadyPaint, photo: Pixels) -> int:
    """Largest difference in levels between parts and the whole with the same statistics."""
    pixels = photo.shape[0] * photo.shape[1] // SHARES[-1]
    whole, _ = paint(photo, of_both(paint, photo, pixels), 1.0)
    parts = paint_tiles(photo, paint, TilePlan(tiles_of(photo, pixels), pixels))
    return compare("at once", whole[None], parts[None]).largest


def summarize(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and lowest PSNR of each way over all photos and styles."""
    names = [key for key in rows[0] if " 1/" in key]
    values = {name: [row[name] for row in rows] for name in names}
    return [
        {"statistics of": name, "mean": round(float(np.mean(v)), 1), "lowest": min(v)}
        for name, v in values.items()
    ]


def read_photos(folder: Path, count: int) -> list[tuple[str, Pixels]]:
    """The first photos by name whose long side is at least `LONG_SIDE`, shrunk to that."""
    found = []
    for path in find_photos(folder):
        rgb = read_picture(path).rgb
        if max(rgb.shape[:2]) >= LONG_SIDE:
            size = working_size(*rgb.shape[:2], LONG_SIDE)
            found.append((path.name, shrink(rgb, *size)))
        if len(found) == count:
            return found
    if not found:
        raise InputError(f"holds no photo of {LONG_SIDE} pixels along a side", path=folder)
    return found


def steady_style(name: str, precision: Precision, threads: int) -> SteadyStyle:
    """A shipped style's steady file."""
    opens = partial(
        open_session, options=SessionOptions(device="cpu", precision=precision, threads=threads)
    )
    return SteadyStyle(name, read_model(name), verify=True, opens=opens)


@click.command()
@click.argument("styles", nargs=-1, metavar="[STYLE…]")
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--count", type=click.IntRange(1), default=5, show_default=True, help="Photos.")
@measure.threads_option
@measure.results_option
def tiled(styles: tuple[str, ...], photos: Path, count: int, threads: int, results: Path) -> None:
    """Compare where the statistics of a picture painted in parts may come from."""
    facts = measure.machine(threads=threads)
    files = read_photos(photos, count)
    rows: list[dict[str, Any]] = []
    for card in zoo.cards():
        if styles and card.name not in styles:
            continue
        steady = steady_style(card.name, "auto", threads)
        for name, photo in measure.progress(files, card.name):
            rows.append({"style": card.name, "photo": name, **measure_photo(steady.paint, photo)})
        exact = steady_style(card.name, "fp32", threads)
        rows[-1]["seam in levels"] = seam(exact.paint, files[-1][1])
    summary = summarize(rows)
    measure.write_results("tiled", facts, {"summary": summary, "rows": rows}, results)
    seams = [row["seam in levels"] for row in rows if "seam in levels" in row]
    measure.show(facts, measure.markdown(summary), f"largest seam: {max(seams)} levels")


if __name__ == "__main__":
    measure.run(tiled)
