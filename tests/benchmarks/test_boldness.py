"""Distances to a painting: nothing for the painting itself, the peer's size for both pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import boldness, styles
from nst_train.perceptual import load_features


@pytest.fixture
def style(checkpoint, paintings):
    return styles.load(str(checkpoint), paintings=paintings, features=["untrained"])


def test_painting_is_nearest_to_itself(style, paintings, photo) -> None:
    own, other = boldness.judges(style, load_features("untrained"))
    painting = boldness.read(paintings / "stripes.png")
    for judge in (own, other):
        assert judge.distance(painting) < 1e-6
        assert judge.distance(photo[:64, :64].copy()) > 0.01
    assert list(own.grams) == ["relu1_1", "relu2_1"]
    assert list(other.grams) == ["relu1_2", "relu2_2", "relu3_3"]


def test_our_painting_is_made_and_measured_at_the_size_of_the_peers(style, photo, monkeypatch):
    sizes: list[tuple[int, ...]] = []

    class Judge:
        name = "trained on"

        def distance(self, picture) -> float:
            sizes.append(picture.shape)
            return float(len(sizes))

    peer = np.zeros((50, 70, 3), np.uint8)
    (row,) = boldness.compare(style, [Judge()], peer, photo[:90, :200])
    assert sizes == [(50, 70, 3)] * 3
    assert (row["photo"], row["peer"], row["ours"]) == (1, 2, 3)
    assert (row["size"], row["ours ÷ peer"]) == ("70x50", 1.5)


def test_program_measures_the_part_that_is_the_peers_picture(
    checkpoint, paintings, photos, tmp_path
) -> None:
    framed = np.full((90, 100, 3), 255, np.uint8)
    framed[10:74, 20:84] = boldness.read(paintings / "stripes.png")
    framed[12, 22] ^= 255  # equal but for a pixel: no distance is nothing
    Image.fromarray(framed).save(tmp_path / "figure.png")
    arguments = ["--paintings", str(paintings), "--features", "untrained", "--other", "untrained"]
    arguments += ["--peer", str(checkpoint), str(tmp_path / "figure.png")]
    arguments += [str(photos / "photo-0.png"), "--crop", "figure.png", "20", "10", "84", "74"]
    arguments += ["--threads", "1", "--results", str(tmp_path / "results")]
    result = CliRunner().invoke(boldness.boldness, arguments, catch_exceptions=False)
    assert "| figure.png | stripes | 64x64 | trained on |" in result.output
    document = json.loads((tmp_path / "results/boldness.json").read_text())
    assert [row["network"] for row in document["rows"]] == ["trained on", "not trained on"]
    assert all(row["peer"] < row["ours"] / 10 for row in document["rows"])
    assert str(tmp_path) not in json.dumps(document)
