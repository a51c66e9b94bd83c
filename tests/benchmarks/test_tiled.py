"""Ways to estimate statistics are compared on the same picture, and seams are detected."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks import tiled


@pytest.fixture
def folder(tmp_path, photo):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(np.tile(photo, (2, 2, 1))[:420, :500]).save(folder / "large.png")
    Image.fromarray(photo[:50, :50]).save(folder / "small.png")
    return folder


def test_statistics_of_the_whole_would_be_perfect(steady_style, photo, monkeypatch) -> None:
    steady = tiled.steady_style(steady_style, "fp32", 1)
    picture = np.tile(photo, (2, 2, 1))[:420, :500].copy()
    assert max(tiled.measure_photo(steady.paint, picture).values()) < 60
    _, own = steady.paint(picture, None, 0.0)
    monkeypatch.setattr(tiled, "WAYS", {"own": lambda paint, photo, pixels: own})
    assert min(tiled.measure_photo(steady.paint, picture).values()) > 60


def test_program_names_the_mean_and_the_lowest(folder, steady_style, tmp_path, monkeypatch) -> None:
    card = SimpleNamespace(name=str(steady_style))
    monkeypatch.setattr(tiled, "zoo", SimpleNamespace(cards=lambda: (card,)))
    monkeypatch.setattr(tiled, "LONG_SIDE", 500)
    results = tmp_path / "results"
    arguments = ["--photos", str(folder), "--threads", "1", "--results", str(results)]
    done = CliRunner().invoke(tiled.tiled, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert "largest seam: " in done.output
    written = json.loads((results / "tiled.json").read_text())
    assert [row["photo"] for row in written["rows"]] == ["large.png"]
    assert written["rows"][0]["seam in levels"] <= 1
    assert {row["statistics of"] for row in written["summary"]} == {
        f"{way}, 1/{share}" for way in tiled.WAYS for share in (2, 4)
    }
