"""How steady are painted frames where the video is, and what does steadiness cost?

    python -m benchmarks.steadiness --flow FOLDER --clip FILE [STYLE…]

Warping error: of pairs of frames with true optical flow (KITTI's form of PNG), the second painting
moved back onto the first; mean squared difference of values in 0…1 where both show the same, as Lai
et al. 2018, "Learning Blind Video Temporal Consistency" (arXiv 1808.00449), define it. Flicker: how
much paintings of a fixed camera change from one frame to the next where the video does not, in
levels; drift: the same over ten frames. A blurred painting would do well in all, so its detail is
compared with that of frames painted one by one. The steady file is timed beside the plain one in
the same rounds, and compared with PyTorch in float32 on the frames, as they are and at a seventh of
their brightness.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import measure
from benchmarks.photos import fit
from nst_export.verification import PaintFunction, compare
from nst_rt import Stylizer, zoo
from nst_rt.errors import InputError
from nst_rt.images import read_picture
from nst_rt.pixels import Pixels
from nst_rt.video.steadiness import SteadyPainter
from nst_train.network import StyleNetwork, paint
from nst_train.style_file import load_style

VIDEO, SINGLE, SMOOTHED, FLOWED = "the video", "frame by frame", "smoothed", "smoothed, flow"
SMOOTHING, FLOW = 0.9, 0.5
MAX_LEVELS = 20
"""Most levels by which a pixel moved by the true flow may differ; beyond, it is hidden."""
STILL = 1
"""Most levels by which a pixel of the video, averaged with its neighbours, is unchanged."""
LONG = 10
"""Frames over which drift is measured; flicker is measured over one."""
DIM = 0.15
SPEED_SIZE = (720, 1280)


@dataclass(frozen=True)
class Pair:
    """Two frames and the place of each pixel of the first in the second."""

    name: str
    first: Pixels
    second: Pixels
    grid: NDArray[np.float32]
    """Coordinates x and y in the second frame, H×W×2."""
    mask: NDArray[np.bool_]
    """Mask of the pixels at which both show the same."""


def read_pairs(folder: Path) -> list[Pair]:
    """Read every NAME_flow10_kitti.png of a folder with NAME_frame10.png and NAME_frame11.png."""
    files = sorted(folder.glob("*_flow10_kitti.png"))
    if not files:
        raise InputError("holds no NAME_flow10_kitti.png", path=folder)
    return [read_pair(file) for file in files]


def read_pair(file: Path) -> Pair:
    """Read a pair without unknown flow, hidden or leaving pixels, and motion boundaries."""
    name = file.name.removesuffix("_flow10_kitti.png")
    first, second = (
        read_picture(file.with_name(f"{name}_frame{number}.png")).rgb for number in (10, 11)
    )
    coded = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    flow = (coded[..., :0:-1].astype(np.float32) - 32768) / 64
    height, width = first.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    grid = np.stack([columns, rows], axis=-1) + flow
    inside = ((grid >= 0) & (grid <= (width - 1, height - 1))).all(axis=-1)
    difference = np.abs(moved(second, grid).astype(int) - first).max(axis=-1)
    across, down = np.gradient(flow, axis=1), np.gradient(flow, axis=0)
    change = (across**2 + down**2).sum(axis=-1)
    smooth = change <= 0.01 * (flow**2).sum(axis=-1) + 0.002
    mask = (coded[..., 0] > 0) & inside & smooth & (difference <= MAX_LEVELS)
    return Pair(name, first, second, grid, mask)


def moved(picture: Pixels, grid: NDArray[np.float32]) -> Pixels:
    """Return the picture sampled at `grid`."""
    return cv2.remap(picture, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def warping_error(first: Pixels, second: Pixels, pair: Pair) -> float:
    """Return the mean squared difference, values in 0…1, where the mask is set."""
    difference = (moved(second, pair.grid).astype(np.float64) - first) / 255
    return float((difference[pair.mask] ** 2).mean())


def still_pixels(frames: Sequence[Pixels], apart: int = 1) -> list[NDArray[np.bool_]]:
    """Return masks of pixels that are as they were `apart` frames before, a frame each."""
    luminance = [
        cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (3, 3), 0) for frame in frames
    ]
    later = zip(luminance, luminance[apart:], strict=False)
    return [cv2.absdiff(one, other) <= STILL for one, other in later]


def flicker(frames: Sequence[Pixels], still: Sequence[NDArray[np.bool_]], apart: int = 1) -> float:
    """Return the mean change over `apart` frames in levels, where nothing should change."""
    change, count = 0.0, 0
    for one, other, mask in zip(frames, frames[apart:], still, strict=False):
        change += float(np.abs(one[mask].astype(np.int16) - other[mask]).sum())
        count += 3 * int(mask.sum())
    return change / max(count, 1)


def detail(frames: Sequence[Pixels]) -> float:
    """Return the mean difference of neighbouring pixels in levels."""
    differences = [
        np.abs(np.diff(frame.astype(np.int16), axis=axis)).mean()
        for frame in frames
        for axis in (0, 1)
    ]
    return float(np.mean(differences))


def painters_of(stylizer: Stylizer) -> dict[str, Callable[[], PaintFunction]]:
    """Return functions that begin to paint a video, by name."""

    def steady(flow: float) -> PaintFunction:
        return SteadyPainter(stylizer, smoothing=SMOOTHING, flow=flow).paint_rgb

    return {
        VIDEO: lambda: lambda frame: frame,
        SINGLE: lambda: stylizer,
        SMOOTHED: lambda: steady(0.0),
        FLOWED: lambda: steady(FLOW),
    }


def measure_style(
    stylizer: Stylizer, pairs: Sequence[Pair], clip: Sequence[Pixels], rounds: int
) -> list[dict[str, Any]]:
    """Return a row per way to paint: warping error, flicker, drift, detail, speed."""
    ways = painters_of(stylizer)
    still, still_long, rows = still_pixels(clip), still_pixels(clip, LONG), []
    for name, begin in ways.items():
        errors = {}
        for pair in pairs:
            painter = begin()
            errors[pair.name] = warping_error(painter(pair.first), painter(pair.second), pair)
        painter = begin()
        painted = [painter(frame) for frame in clip]
        rows.append(
            {
                "painted": name,
                "warping error ×1000": round(1000 * float(np.mean(list(errors.values()))), 3),
                "flicker": round(flicker(painted, still), 3),
                "drift": round(flicker(painted, still_long, LONG), 3),
                "detail": round(detail(painted), 2),
                "pairs": {key: round(1000 * value, 3) for key, value in errors.items()},
            }
        )
    calls = {}
    for name in (SINGLE, SMOOTHED, FLOWED):
        frames, painter = itertools.cycle(clip), ways[name]()
        calls[name] = lambda painter=painter, frames=frames: painter(next(frames))
    seconds = measure.interleave(calls, rounds=rounds, warmup=2)
    speeds = {row["name"]: row for row in measure.summarize(seconds, baseline=SINGLE)}
    for row in rows:
        if row["painted"] in speeds:
            speed = speeds[row["painted"]]
            row["frames per second"] = round(1000 / speed["median_ms"], 2)
            row["speed"] = speed["ratio"]
    return rows


def compare_with_network(
    network: StyleNetwork, painters: dict[str, PaintFunction], frames: Sequence[Pixels]
) -> list[dict[str, Any]]:
    """Return the lowest PSNR against PyTorch over the frames, as they are and dim."""
    rows = []
    for light, share in (("as it is", 1.0), ("dim", DIM)):
        lowest = dict.fromkeys(painters, 99.0)
        for frame in frames:
            image = np.rint(frame * share).astype(np.uint8)
            expected = paint(network, torch.from_numpy(image[None])).numpy()
            for name, painter in painters.items():
                psnr = compare("PyTorch", expected, painter(image)[None]).psnr
                lowest[name] = min(lowest[name], psnr)
        rows.append({"picture": light, **{k: round(v, 1) for k, v in lowest.items()}})
    return rows


def read_clip(file: Path) -> list[Pixels]:
    """Return every frame of a video, uint8 H×W×3."""
    with av.open(str(file)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


_folder = click.Path(exists=True, file_okay=False, path_type=Path)
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("styles", nargs=-1, metavar="[STYLE…]")
@click.option("--flow", type=_folder, required=True)
@click.option("--clip", type=_file, required=True)
@click.option("--frames", type=click.IntRange(2), help="Of the clip; all by default.")
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True)
@measure.threads_option
@measure.results_option
def steadiness(
    styles: tuple[str, ...],
    flow: Path,
    clip: Path,
    frames: int | None,
    rounds: int,
    threads: int,
    results: Path,
) -> None:
    """Measure how steadily shipped styles paint."""
    torch.set_num_threads(threads)
    facts = measure.machine(threads=threads)
    pairs, video = read_pairs(flow), read_clip(clip)[:frames]
    height, width = video[0].shape[:2]
    setting = {
        "clip": f"{width}x{height}, {len(video)} frames",
        "still": round(float(np.mean(still_pixels(video))), 3),
        "compared": {pair.name: round(float(pair.mask.mean()), 3) for pair in pairs},
        "smoothing": SMOOTHING,
        "flow": FLOW,
    }
    files = sorted(flow.glob("*_frame10.png"))
    contents: dict[str, Any] = {}
    tables = []
    for card in zoo.cards():
        if styles and card.name not in styles:
            continue
        with (
            Stylizer(card.name, device="cpu", size="full", threads=threads) as plain,
            Stylizer(card.file("steady"), device="cpu", size="full", threads=threads) as steady,
        ):
            rows = measure_style(plain, pairs, video, rounds)
            both: dict[str, PaintFunction] = {"plain file": plain, "steady file": steady}
            network, _ = load_style(card.file("checkpoint"))
            parity = compare_with_network(network, both, [pair.first for pair in pairs])
            image = fit(files[0], *SPEED_SIZE)
            calls = {name: partial(painter, image) for name, painter in both.items()}
            seconds = measure.interleave(calls, rounds=rounds)
            speed = measure.summarize(seconds, baseline="plain file")
        engine = {"provider": plain.info.provider, "precision": plain.info.precision}
        contents[card.name] = {**engine, "rows": rows, "parity": parity, "speed": speed}
        columns = [*rows[1]]
        columns.remove("pairs")
        tables.append(f"{card.name}\n\n{measure.markdown(rows, columns)}")
        tables += [measure.markdown(parity), measure.markdown(speed)]
        measure.write_results("steadiness", facts, {**setting, "styles": contents}, results)
    measure.show(facts, *tables)


if __name__ == "__main__":
    measure.run(steadiness)
