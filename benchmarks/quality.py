"""How good is a painting? As good as how many steps of explicit optimization of the picture?

    python -m benchmarks.quality starry-night --paintings DIR --features FILE[,FILE] \
        --content DIR --bsd100 DIR

For each of twenty photos that no network was trained on, the training objective in float32 of the
photo itself, of the network's painting, and along L-BFGS (strong Wolfe) that starts from the photo
and changes the picture itself: its best value after every closure call.
Source: Johnson et al. 2016 (arXiv 1603.08155), figure 5.

What is measured is appended to a file of JSON lines and not measured again: stop and go on at will.
L-BFGS does not depend on the trained network, so another checkpoint costs its paintings only.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from benchmarks import measure, styles
from benchmarks.photos import fit, named_photos
from benchmarks.styles import CPU, Style
from nst_train.device import choose_device
from nst_train.methods.fast import FastLoss

MARKS = (10, 20, 30, 50, 100)
"""Closure calls at which the curve is printed."""


class _EnoughError(Exception):
    """All closure calls were made."""


class Records:
    """Measurements on disk, one JSON line each, keyed by what they depend on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: dict[str, Any] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):  # the line that a killed run was writing
                    record = json.loads(line)
                    self._found[_key(record["of"])] = record["value"]

    def get(self, of: dict[str, Any]) -> Any:
        return self._found.get(_key(of))

    def put(self, of: dict[str, Any], value: Any) -> None:
        self._found[_key(of)] = value
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"of": of, "value": value}) + "\n")


def objective_of(loss: FastLoss, photo: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the training objective of pictures that paint `photo`, 1×3×H×W in [0, 1]."""
    target = loss.content_features(photo)

    def objective(image: Tensor) -> Tensor:
        features = loss.perceptual(image, loss.objective.layers)
        return loss.losses(features, target, image)["total"]

    return objective


def optimization_curve(
    objective: Callable[[Tensor], Tensor], photo: Tensor, calls: int
) -> list[float]:
    """Return the best value after each of `calls` closure calls; the first is the photo's own.

    The picture is not clamped between steps, which would spoil the curvature that L-BFGS keeps.
    """
    image = photo.clone(memory_format=torch.contiguous_format).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [image],
        max_iter=2 * calls,
        max_eval=2 * calls,
        history_size=100,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    best: list[float] = []

    def closure() -> Tensor:
        if len(best) == calls:
            raise _EnoughError
        optimizer.zero_grad()
        loss = objective(image)
        loss.backward()  # type: ignore[no-untyped-call]
        value = loss.item()
        best.append(value if not best or value < best[-1] else best[-1])
        return loss

    with suppress(_EnoughError):
        while True:
            optimizer.step(closure)  # type: ignore[no-untyped-call]
    return best


def equal_calls(curve: Sequence[float], value: float) -> float:
    """Return the calls after which a falling curve reaches `value`, interpolated, or infinity."""
    for index, reached in enumerate(curve):
        if reached <= value:
            if index == 0:
                return 1.0
            before = curve[index - 1]
            return index + (before - value) / (before - reached)
    return math.inf


def measure_style(
    style: Style,
    photos: Sequence[Path],
    size: int,
    calls: int,
    records: Records,
    device: torch.device = CPU,
) -> list[dict[str, Any]]:
    """Return a row per photo: the painting's objective and the curve of the same picture."""
    loss = style.loss(device)
    style.network.to(device)
    identity = style.objective_identity(loss)
    rows = []
    for path in measure.progress(photos, f"{style.name} at {size}"):
        of = {"style": style.name, "photo": path.name, "size": size, "objective": identity}
        curve = _curve(loss, path, size, calls, of, records)
        painting = _painting(style, loss, path, size, of, records)
        row = {**of, "checkpoint": style.checkpoint, "painting": painting, "curve": curve[:calls]}
        rows.append(row)
    return rows


def summarize(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return medians over the photos of one style and size, and the calls a painting equals."""
    paintings = [row["painting"] for row in rows]
    curves = [row["curve"] for row in rows]
    curve = [statistics.median(values) for values in zip(*curves, strict=True)]
    equal = statistics.median(equal_calls(row["curve"], row["painting"]) for row in rows)
    painting, photo = statistics.median(paintings), curve[0]
    return {
        **{key: rows[0][key] for key in ("style", "checkpoint", "size")},
        "photos": len(rows),
        "photo": photo,
        "painting": painting,
        "photo ÷ painting": photo / painting,
        **{f"L-BFGS {mark}": curve[mark - 1] for mark in MARKS if mark <= len(curve)},
        "equals calls": round(equal, 1) if math.isfinite(equal) else f"> {len(curve)}",
        "curve": curve,
    }


def _curve(
    loss: FastLoss, path: Path, size: int, calls: int, of: dict[str, Any], records: Records
) -> list[float]:
    found: list[float] = records.get(of) or []
    if len(found) < calls:
        photo = _tensor(path, size).to(loss.perceptual.mean.device)
        found = optimization_curve(objective_of(loss, photo), photo, calls)
        records.put(of, found)
    return found


@torch.no_grad()
def _painting(
    style: Style, loss: FastLoss, path: Path, size: int, of: dict[str, Any], records: Records
) -> float:
    of = {**of, "checkpoint": style.checkpoint}
    found: float | None = records.get(of)
    if found is None:
        photo = _tensor(path, size).to(loss.perceptual.mean.device)
        found = objective_of(loss, photo)(style.network(photo)).item()
        records.put(of, found)
    return found


def _tensor(path: Path, size: int) -> Tensor:
    pixels = torch.from_numpy(fit(path, size, size)).permute(2, 0, 1)[None].float() / 255
    return pixels.contiguous(memory_format=torch.channels_last)


def _key(of: dict[str, Any]) -> str:
    return json.dumps(of, sort_keys=True)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="STYLE|CHECKPOINT…")
@click.option("--paintings", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--features", required=True, help="Perceptual network: name or FILE[,FILE].")
@click.option("--content", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--bsd100", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--photos", type=click.IntRange(1, 20), default=20, show_default=True)
@click.option("--sizes", default="256,512", show_default=True, help="Squares, in pixels.")
@click.option("--calls", type=click.IntRange(2), default=30, show_default=True)
@click.option("--records", type=click.Path(dir_okay=False, path_type=Path), help="JSON lines.")
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda, cuda:1, …")
@measure.threads_option
@measure.results_option
def quality(
    names: tuple[str, ...],
    paintings: Path,
    features: str,
    content: Path,
    bsd100: Path,
    photos: int,
    sizes: str,
    calls: int,
    records: Path | None,
    device: str,
    threads: int,
    results: Path,
) -> None:
    """Measure styles against explicit optimization."""
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = False  # float32 is meant
    where = choose_device(device)
    facts = measure.machine(threads=threads)
    if where.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(where)
    kept = Records(records or results / "quality.jsonl")
    paths = named_photos(content, bsd100, count=photos)
    rows, summaries = [], []
    for name in names:
        style = styles.load(name, paintings=paintings, features=features.split(","))
        for size in map(int, sizes.split(",")):
            mine = measure_style(style, paths, size, calls, kept, where)
            rows += mine
            summaries.append(summarize(mine))
    measure.write_results("quality", facts, {"styles": summaries, "pictures": rows}, results)
    columns = [key for key in summaries[0] if key not in ("checkpoint", "curve")]
    measure.show(facts, measure.markdown(summaries, columns))


if __name__ == "__main__":
    measure.run(quality)
