"""Is a painting as much in the style as those that other projects have published?

    python -m benchmarks.boldness --paintings DIR --features FILE[,FILE] --other FILE \
        --peer starry-night PICTURE.jpg PHOTO.jpg [--crop PICTURE.jpg LEFT TOP RIGHT BOTTOM]

The measure is the mean relative distance of Gram matrices to the painting's (0 is equal, 1 as
wrong as a black picture): once on the perceptual network that trained the style and once on another
one. The peer's photo is brought to the size and shape of the peer's picture and painted at that
size. The painting is at the size that the style was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from benchmarks import measure, styles
from benchmarks.styles import Style
from nst_rt.images import read_picture
from nst_train.losses import gram, style_loss
from nst_train.network import paint
from nst_train.painting import read_painting
from nst_train.perceptual import PerceptualNetwork, load_features

OTHER_LAYERS = ("relu1_2", "relu2_2", "relu3_3")
"""Layers of the network that trained no style of ours: Johnson's, to the third block."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Judge:
    """A perceptual network that knows a painting."""

    name: str
    perceptual: PerceptualNetwork
    grams: Mapping[str, Tensor]

    @classmethod
    @torch.no_grad()
    def of(
        cls, name: str, perceptual: PerceptualNetwork, painting: Tensor, layers: Sequence[str]
    ) -> Judge:
        features = perceptual(painting, layers)
        return cls(name, perceptual, {layer: gram(features[layer]) for layer in layers})

    @torch.no_grad()
    def distance(self, picture: NDArray[np.uint8]) -> float:
        """Return the mean relative Gram distance of a picture, uint8 H×W×3, to the painting."""
        x = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
        return style_loss(self.perceptual(x, list(self.grams)), self.grams).item()


def judges(style: Style, other: PerceptualNetwork) -> list[Judge]:
    """Return the network that trained the style, and one that did not."""
    config = style.config
    painting = read_painting(Path(config.style), long_side=config.style_size)
    own = load_features(config.features)
    return [
        Judge.of("trained on", own, painting, config.style_layers),
        Judge.of("not trained on", other, painting, OTHER_LAYERS),
    ]


def compare(
    style: Style, judging: Sequence[Judge], peer: NDArray[np.uint8], photo: NDArray[np.uint8]
) -> list[dict[str, Any]]:
    """Return distances of the photo, the peer's picture and our painting of that photo."""
    height, width = peer.shape[:2]
    resized = Image.fromarray(photo).resize((width, height), Image.Resampling.LANCZOS)
    here = np.array(resized)
    painted = paint(style.network, torch.from_numpy(here)[None])[0].numpy()
    rows = []
    for judge in judging:
        distances = {
            "photo": judge.distance(here),
            "peer": judge.distance(peer),
            "ours": judge.distance(painted),
        }
        rows.append(
            {
                "style": style.name,
                "size": f"{width}x{height}",
                "network": judge.name,
                **distances,
                "ours ÷ peer": distances["ours"] / distances["peer"],
            }
        )
    return rows


def read(path: Path, box: Box | None = None) -> NDArray[np.uint8]:
    """Return a picture, or the part of it from (left, top) to (right, bottom)."""
    pixels = read_picture(path).rgb
    if box is None:
        return pixels
    left, top, right, bottom = box
    return np.ascontiguousarray(pixels[top:bottom, left:right])


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--paintings", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--features", required=True, help="Perceptual network of the training.")
@click.option("--other", required=True, help="One that reaches relu3_3 and trained no style.")
@click.option("--peer", "peers", type=(str, _FILE, _FILE), multiple=True, required=True,
              metavar="STYLE PICTURE PHOTO", help="May be repeated.")  # fmt: skip
@click.option("--crop", "crops", type=(str, int, int, int, int), multiple=True,
              metavar="PICTURE LEFT TOP RIGHT BOTTOM",
              help="The part of a peer's file that is its picture.")  # fmt: skip
@measure.threads_option
@measure.results_option
def boldness(
    paintings: Path,
    features: str,
    other: str,
    peers: tuple[tuple[str, Path, Path], ...],
    crops: tuple[tuple[str, int, int, int, int], ...],
    threads: int,
    results: Path,
) -> None:
    """Measure our paintings beside published ones."""
    torch.set_num_threads(threads)
    facts = measure.machine(threads=threads)
    boxes: dict[str, Box] = {Path(name).name: box for name, *box in crops}  # type: ignore[misc]
    others = load_features(other.split(","))
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys(peer[0] for peer in peers):
        style = styles.load(name, paintings=paintings, features=features.split(","))
        judging = judges(style, others)
        for _, picture, photo in (peer for peer in peers if peer[0] == name):
            peer = read(picture, boxes.get(picture.name))
            facts_of = {"picture": picture.name, "checkpoint": style.checkpoint}
            rows += [facts_of | row for row in compare(style, judging, peer, read(photo))]
    measure.write_results("boldness", facts, {"rows": rows}, results)
    measure.show(facts, measure.markdown(rows, [key for key in rows[0] if key != "checkpoint"]))


if __name__ == "__main__":
    measure.run(boldness)
