"""A faithful model passes; a wrong level, a wrong size or a lost precision is named."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import parity
from nst_train.network import StyleNetwork

SIZES = ((16, 16), (31, 47))


@pytest.fixture
def files(photos):
    return sorted(photos.iterdir())


def test_exported_model_passes(network, model_path, files) -> None:
    painters = {"plain ONNX Runtime": parity.session_painter(model_path, 1)}
    rows = parity.photo_rows(network, painters, files, SIZES)
    flat = parity.flat_rows(network, painters, [(16, 33)])
    assert [row["size"] for row in rows] == ["16x16", "47x31"]
    assert len(flat) == len(parity.COLORS)
    assert parity.failures(rows, flat) == []
    (summary,) = parity.summarize("thin", rows)
    assert summary["sizes"] == 2
    assert summary["largest difference"] <= 1


def test_two_levels_and_another_size_are_failures(network, model_path, files) -> None:
    honest = parity.session_painter(model_path, 1)

    def darker(image):
        return np.maximum(honest(image), 2) - 2

    painters = {"runtime fp32": darker, "runtime auto": darker}
    rows = parity.photo_rows(network, painters, files, SIZES)
    lines = parity.failures(rows, [])
    assert len(lines) == 2  # 42 dB are enough for "auto"
    assert lines[0].startswith("runtime fp32 at 16x16: 2 levels, 42.")
    flat = [{"painter": "x", "size": "5x5", "color": [0] * 3, "finite": True, "same size": False}]
    assert parity.failures([], flat) == ["x, flat [0, 0, 0] at 5x5: another size"]


def test_auto_below_38_decibels_is_a_failure() -> None:
    row = {"painter": "runtime auto", "size": "5x5", "largest": 9, "psnr": 37.9}
    assert parity.failures([row], []) == ["runtime auto at 5x5: 9 levels, 37.9 dB"]
    assert parity.failures([row | {"psnr": 38.1}], []) == []


def test_network_that_is_not_finite_on_flat_pictures_is_a_failure(network) -> None:
    broken = StyleNetwork(network.config)
    broken.load_state_dict(network.state_dict())
    broken.eval().requires_grad_(False).last.bias.fill_(float("nan"))
    rows = parity.flat_rows(broken, {"black": np.zeros_like}, [(16, 16)])
    assert parity.failures([], rows)[0].endswith("at 16x16: not finite")


@pytest.fixture
def thin_zoo(monkeypatch, checkpoint, model_path):
    """The thin network as the only shipped style."""
    files = {"checkpoint": checkpoint, "fp32": model_path}
    card = SimpleNamespace(name="thin", file=files.__getitem__)
    monkeypatch.setattr(parity.zoo, "cards", lambda: (card,))
    monkeypatch.setattr(parity, "SIZES", SIZES)
    monkeypatch.setattr(parity, "FLAT_SIZES", SIZES)
    real = parity.Stylizer
    monkeypatch.setattr(parity, "Stylizer", lambda name, **options: real(model_path, **options))


def test_program_exits_with_1_when_a_model_paints_otherwise(
    thin_zoo, photos, tmp_path, monkeypatch
) -> None:
    arguments = ["--photos", str(photos), "--threads", "1", "--results", str(tmp_path / "results")]
    result = CliRunner().invoke(parity.parity, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "| thin | runtime fp32 | 2 |" in result.output
    text = (tmp_path / "results/parity.json").read_text()
    assert json.loads(text)["failed"] == []
    assert str(tmp_path) not in text
    monkeypatch.setattr(parity, "session_painter", lambda model, threads: np.zeros_like)
    result = CliRunner().invoke(parity.parity, arguments, catch_exceptions=False)
    assert result.exit_code == 1
    assert "thin: plain ONNX Runtime at 16x16" in result.output
