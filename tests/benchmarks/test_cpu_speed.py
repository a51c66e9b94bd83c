"""All ways to run a style paint the same picture, and the table shows how often ours wins."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import cpu_speed
from benchmarks.cpu_speed import DIRECT, EAGER, NAIVE, OURS, SAME_FILE
from nst_rt import zoo
from nst_rt.errors import UsageError


def test_every_engine_paints_the_same_picture(network, model_path, photo) -> None:
    image = photo[:48, :64].copy()
    expected = cpu_speed.eager(network)(image)
    painters = {
        NAIVE: cpu_speed.naive(network, 1),
        SAME_FILE: cpu_speed.same_file(model_path, 1),
        DIRECT: cpu_speed.direct(model_path, 1, "fp32"),
    }
    for name, painter in painters.items():
        painted = painter(image)
        assert painted.dtype == np.uint8, name
        assert np.abs(painted.astype(int) - expected).max() <= 1, name


def test_rows_hold_ratios_quality_and_goals(photo, monkeypatch) -> None:
    image = photo[:16, :16].copy()
    times = {OURS: [1.0] * 3, EAGER: [5.0] * 3, NAIVE: [2.0] * 3}
    monkeypatch.setattr(cpu_speed.measure, "interleave", lambda calls, rounds: times)
    painters = {OURS: lambda x: x, EAGER: lambda x: x, NAIVE: lambda x: x // 2}
    table = cpu_speed.compare_speed(painters, painters[EAGER], image, rounds=3)
    rows = {row["name"]: row for row in table["rows"]}
    assert table["size"] == "16x16"
    assert [rows[name]["ours is"] for name in times] == [1, 5, 2]
    assert [rows[name]["ratio"] for name in times] == [5, 1, 2.5]
    assert (rows[EAGER]["goal"], rows[OURS]["goal"]) == (4.5, None)
    assert rows[OURS]["psnr"] == 99
    assert rows[NAIVE]["psnr"] < 30


def test_program_times_a_shipped_style(
    monkeypatch, checkpoint, model_path, photos, tmp_path
) -> None:
    files = {"checkpoint": checkpoint, "fp32": model_path}
    card = SimpleNamespace(name="thin", file=files.__getitem__)
    monkeypatch.setattr(zoo, "find", {"thin": card}.get)
    monkeypatch.setattr(cpu_speed, "SIZES", ((32, 48),))
    real = cpu_speed.Stylizer
    monkeypatch.setattr(cpu_speed, "Stylizer", lambda name, **options: real(model_path, **options))
    arguments = ["thin", "--photos", str(photos), "--rounds", "2", "--threads", "1"]
    arguments += ["--results", str(tmp_path / "results")]
    result = CliRunner().invoke(cpu_speed.cpu_speed, arguments, catch_exceptions=False)
    assert "| 48x32 | Stylizer |" in result.output
    text = (tmp_path / "results/cpu_speed.json").read_text()
    names = {row["name"] for row in json.loads(text)["tables"][0]["rows"]}
    assert names == {OURS, EAGER, NAIVE, SAME_FILE, DIRECT}
    assert str(tmp_path) not in text
    with pytest.raises(UsageError, match="no shipped style 'absent'"):
        CliRunner().invoke(cpu_speed.cpu_speed, ["absent", *arguments[1:]], catch_exceptions=False)
