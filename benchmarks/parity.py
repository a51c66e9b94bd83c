"""Does a shipped model paint what its network paints, in every size and through every door?

    python -m benchmarks.parity --photos FOLDER [STYLE…]

At twenty sizes a photo is painted by PyTorch (the reference), by `Stylizer` in float32, by
`Stylizer` in the precision that it picks itself, and by a plain ONNX Runtime session with no code
of ours. Flat pictures, whose variance is nothing, must come out finite and at their size. The exit
code is 1 when float32 or the plain session is off by more than one level anywhere, or "auto" below
38 dB.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from benchmarks import measure
from benchmarks.photos import fit
from nst_export.verification import PaintFunction, compare
from nst_rt import Stylizer, zoo
from nst_train.network import StyleNetwork, missing, paint
from nst_train.photos import find_photos
from nst_train.style_file import load_style

SIZES = (
    (16, 16), (16, 33), (17, 16), (31, 47), (64, 45), (61, 47), (64, 64), (97, 129), (128, 96),
    (127, 255), (200, 200), (213, 319), (256, 256), (240, 427), (333, 501), (360, 640), (512, 512),
    (481, 641), (719, 1279), (720, 1280),
)  # fmt: skip
"""Heights and widths, odd ones too."""
FLAT_SIZES = ((16, 16), (97, 129), (256, 256))
COLORS = ((0, 0, 0), (255, 255, 255), (128, 128, 128), (200, 30, 30))
MAX_LEVELS = 1
MIN_PSNR = 38.0


def photo_rows(
    network: StyleNetwork,
    painters: dict[str, PaintFunction],
    photos: Sequence[Path],
    sizes: Iterable[tuple[int, int]],
) -> list[dict[str, Any]]:
    """Return per size and painter the largest difference to the network in levels, and PSNR."""
    rows = []
    for index, (height, width) in enumerate(sizes):
        photo = photos[index % len(photos)]
        image = fit(photo, height, width)[None]
        expected = paint(network, torch.from_numpy(image)).numpy()
        for name, painter in painters.items():
            found = compare("PyTorch", expected, painter(image))
            rows.append(
                {
                    "painter": name,
                    "size": f"{width}x{height}",
                    "photo": photo.name,
                    "largest": found.largest,
                    "psnr": min(found.psnr, 99.0),
                }
            )
    return rows


def flat_rows(
    network: StyleNetwork,
    painters: dict[str, PaintFunction],
    sizes: Iterable[tuple[int, int]],
) -> list[dict[str, Any]]:
    """Return per flat picture and painter whether the network stays finite and the size kept.

    For information also the difference to the network, and how far the painting is from flat.
    """
    rows = []
    for height, width in sizes:
        for color in COLORS:
            image = np.full((1, height, width, 3), color, np.uint8)
            expected = paint(network, torch.from_numpy(image)).numpy()
            finite = _is_finite(network, image)
            for name, painter in painters.items():
                painted = painter(image)
                rows.append(
                    {
                        "painter": name,
                        "size": f"{width}x{height}",
                        "color": list(color),
                        "finite": finite,
                        "same size": painted.shape == image.shape,
                        "largest": compare("PyTorch", expected, painted).largest,
                        "spread": int(np.ptp(painted[0], axis=(0, 1)).max()),
                    }
                )
    return rows


def failures(photos: Iterable[dict[str, Any]], flat: Iterable[dict[str, Any]]) -> list[str]:
    """Return a line for each row that is not good enough."""
    lines = [
        f"{row['painter']} at {row['size']}: {row['largest']} levels, {row['psnr']:.1f} dB"
        for row in photos
        if (
            row["psnr"] < MIN_PSNR
            if row["painter"] == "runtime auto"
            else row["largest"] > MAX_LEVELS
        )
    ]
    return lines + [
        f"{row['painter']}, flat {row['color']} at {row['size']}: "
        + ("another size" if row["finite"] else "not finite")
        for row in flat
        if not (row["finite"] and row["same size"])
    ]


def summarize(style: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the worst of all sizes, per painter."""
    summaries = []
    for name in dict.fromkeys(row["painter"] for row in rows):
        mine = [row for row in rows if row["painter"] == name]
        worst = min(mine, key=lambda row: (row["psnr"], -row["largest"]))
        summaries.append(
            {
                "style": style,
                "painter": name,
                "sizes": len(mine),
                "largest difference": max(row["largest"] for row in mine),
                "lowest PSNR": worst["psnr"],
                "at": worst["size"],
            }
        )
    return summaries


def session_painter(model: Path, threads: int) -> PaintFunction:
    """Return ONNX Runtime on the file, as any program would use it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda image: session.run(None, {"image": image})[0]


def _is_finite(network: StyleNetwork, image: NDArray[np.uint8]) -> bool:
    """Return whether the network's output is finite, before rounding to levels hides it."""
    height, width = (size + missing(size) for size in image.shape[1:3])
    color = torch.from_numpy(image[0, 0, 0]).float() / 255
    return bool(torch.isfinite(network(color.view(1, 3, 1, 1).expand(1, 3, height, width))).all())


@click.command()
@click.argument("styles", nargs=-1, metavar="[STYLE…]")
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@measure.threads_option
@measure.results_option
def parity(styles: tuple[str, ...], photos: Path, threads: int, results: Path) -> None:
    """Compare shipped models with their networks."""
    torch.set_num_threads(threads)
    facts = measure.machine(threads=threads)
    files = find_photos(photos)
    contents: dict[str, Any] = {}
    summaries: list[dict[str, Any]] = []
    failed: list[str] = []
    for card in zoo.cards():
        if styles and card.name not in styles:
            continue
        network, _ = load_style(card.file("checkpoint"))
        with (
            Stylizer(card.name, precision="fp32", size="full", threads=threads) as exact,
            Stylizer(card.name, size="full", threads=threads) as auto,
        ):
            painters: dict[str, PaintFunction] = {
                "runtime fp32": exact,
                "runtime auto": auto,
                "plain ONNX Runtime": session_painter(card.file("fp32"), threads),
            }
            rows = photo_rows(network, painters, files, SIZES)
            flat = flat_rows(network, painters, FLAT_SIZES)
            engine = {"provider": auto.info.provider, "auto": auto.info.precision}
        summaries += summarize(card.name, rows)
        failed += [f"{card.name}: {line}" for line in failures(rows, flat)]
        contents[card.name] = {**engine, "photos": rows, "flat": flat}
    outcome = {"summary": summaries, "failed": failed, "styles": contents}
    measure.write_results("parity", facts, outcome, results)
    engines = [{"style": name, **value} for name, value in contents.items()]
    measure.show(
        facts,
        measure.markdown(engines, ["style", "provider", "auto"]),
        measure.markdown(summaries),
        *failed,
    )
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    measure.run(parity)
