"""Memory per pixel is measured in processes of their own, and held against the estimates."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks import session_memory
from benchmarks.measure import RESULTS
from nst_rt.painting.tiled import ENGINE_BYTES
from nst_rt.sessions import onnxruntime, openvino

USES = {"openvino": openvino.MEMORY_USE, "onnxruntime": onnxruntime.MEMORY_USE}


@pytest.mark.parametrize(("room", "code"), [(64, 0), (-64, 1)])
def test_picture_beyond_its_estimate_fails(monkeypatch, tmp_path, room: int, code: int) -> None:
    monkeypatch.setattr(session_memory, "ENGINES", [("onnxruntime", "fp32")])
    monkeypatch.setattr(session_memory, "WIDTHS", [0.25])
    monkeypatch.setattr(session_memory, "SIZES", [(64, 96)])
    monkeypatch.setattr(session_memory, "ENGINE_BYTES", room * 2**20)
    result = CliRunner().invoke(
        session_memory.session_memory, ["--results", str(tmp_path), "--threads", "1"]
    )
    assert result.exit_code == code, result.output
    rows = json.loads((tmp_path / "session_memory.json").read_text())["rows"]
    assert [row["variant"] for row in rows] == ["plain", "steady"]
    for row in rows:
        assert row["size"] == "96x64"
        assert 64 * 96 * 30 / 2**20 < row["MiB"] < 16


def test_line_through_the_widths_is_found() -> None:
    rows = [
        {
            "engine": "e", "precision": "fp32", "variant": variant, "width": width,
            "pixels": pixels, "bytes per pixel": more + 10 + 200 * width,
            "MiB beyond the estimate": more,
        }
        for variant, less in (("plain", -5), ("steady", 0))
        for width in (0.25, 0.5)
        for pixels, more in ((100, 90), (10**6, less), (10**7, less))
    ]  # fmt: skip
    [row] = session_memory.summarize(rows)
    assert (row["base"], row["per width"]) == (10, 200)
    assert row["most MiB beyond the estimate"] == 90


def test_estimates_of_sessions_are_a_little_above_what_was_measured() -> None:
    rows = json.loads((RESULTS / "session_memory.json").read_text())["rows"]
    assert {row["precision"] for row in rows} == {"fp32", "bf16", "fp16"}
    for row in rows:
        estimate = USES[row["engine"]][row["precision"]].per_pixel(row["width"])
        pixels, taken = row["pixels"], row["MiB"] * 2**20
        assert taken <= estimate * pixels + ENGINE_BYTES, row
        if row["variant"] != "plain" and row["size"] == "1024x1024":
            assert estimate * pixels < 1.15 * taken, row
