"""Engines are built, and their memory is reported."""

from __future__ import annotations

import json

from click.testing import CliRunner

from benchmarks import engines
from nst_export.engine import EngineOptions


def test_memory_of_every_variant_is_told(monkeypatch, tmp_path) -> None:
    small = [("tiny", "", EngineOptions(largest=(64, 64)))]
    monkeypatch.setattr(engines, "variants", lambda: small)
    result = CliRunner().invoke(
        engines.engines, ["--results", str(tmp_path)], catch_exceptions=False
    )
    assert "| largest picture | special | precision | GPU memory MiB | file MiB |" in result.output
    [row] = json.loads((tmp_path / "engines.json").read_text())["rows"]
    assert (row["largest picture"], row["precision"]) == ("tiny", "fp16")
    assert row["GPU memory MiB"] > 0
    assert row["backend"].startswith("tensorrt-rtx ")


def test_variants_differ_from_1080p_in_one_thing() -> None:
    names = [(largest, special) for largest, special, _ in engines.variants()]
    assert len(set(names)) == len(names)
    assert {largest for largest, special in names if special} == {"1080p"}
