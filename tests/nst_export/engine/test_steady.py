"""Steady engines through the real TensorRT-RTX: from shipped styles, model files, checkpoints."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nst_export import exporter
from nst_export.engine import EngineOptions, build_engine
from nst_rt import zoo
from nst_rt.errors import ModelError, UsageError
from nst_rt.model import read_model
from nst_rt.onnx_file import TensorSpec

STYLE = zoo.cards()[0]
STEADY = EngineOptions(variant="steady")


@pytest.fixture
def quickly_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "SIZES", ((16, 16), (61, 47)))


@pytest.mark.parametrize("name", [card.name for card in zoo.cards()])
def test_shipped_style_is_exported_in_half_precision_for_it(
    name: str, tmp_path: Path, quickly_checked: None
) -> None:
    """Its steady file is in float32; TensorRT converts nothing by itself."""
    target = tmp_path / "x.steady.engine"
    options = EngineOptions(variant="steady", largest=(2160, 3840))
    built = build_engine(name, target, options)
    facts, plain = built.facts, read_model(name, flavour="fp16")
    assert (facts.precision, facts.statistics) == ("fp16", 800)
    assert {row.reference for row in built.rows} == {"PyTorch fp32", "PyTorch fp16", "apply graph"}
    assert min(row.psnr for row in built.rows) >= 45
    differing = {key for key in facts.model if facts.model[key] != plain.metadata[key]}
    assert differing == {"variant"}
    assert facts.profiles == [
        {"min": [1, 16, 16, 3], "opt": [1, 720, 1280, 3], "max": [1, 2160, 3840, 3]}
    ]
    model = read_model(target)
    assert model.inputs == (
        TensorSpec("image", "uint8", (1, "H", "W", 3)),
        TensorSpec("statistics", "float32", (1, 2, 800)),
        TensorSpec("keep", "float32", (1,)),
    )
    assert model.outputs[1:] == (TensorSpec("statistics_out", "float32", (1, 2, 800)),)
    assert model.num_statistics == 800


def test_shipped_steady_file_in_float32(tmp_path: Path) -> None:
    options = EngineOptions(variant="steady", precision="fp32", largest=(256, 256))
    built = build_engine(STYLE.name, tmp_path / "x.steady.engine", options)
    assert (built.facts.precision, built.rows) == ("fp32", [])
    assert built.facts.onnx_sha256 == STYLE.files["steady"].sha256


def test_model_file_is_that_beside_the_plain_one(tmp_path: Path) -> None:
    plain, steady = tmp_path / "x.onnx", tmp_path / "x.steady.onnx"
    shutil.copy(STYLE.file("fp16"), plain)
    with pytest.raises(ModelError, match=r"has no x\.steady\.onnx beside it.*--variant steady$"):
        build_engine(plain, tmp_path / "x.steady.engine", STEADY)
    shutil.copy(STYLE.file("steady"), steady)
    message = r"x\.steady\.onnx: computes in fp32, fp16 .* --precision fp16 --variant steady$"
    options = EngineOptions(variant="steady", precision="fp16")
    with pytest.raises(UsageError, match=message):
        build_engine(plain, tmp_path / "x.steady.engine", options)
    with pytest.raises(UsageError, match=r"takes one picture at a time.*; leave out batch"):
        build_engine(plain, tmp_path / "x.steady.engine", EngineOptions(variant="steady", batch=2))
    assert {path.name for path in tmp_path.iterdir()} == {"x.onnx", "x.steady.onnx"}
    for source, variant in ((plain, "steady"), (steady, "plain")):
        options = EngineOptions(variant=variant, largest=(256, 256))  # type: ignore[arg-type]
        target = tmp_path / f"{variant}.engine"
        assert build_engine(source, target, options).facts.statistics == 800


def test_checkpoint_and_one_size(checkpoint: Path, tmp_path: Path) -> None:
    options = EngineOptions(variant="steady", fixed=(48, 64))
    built = build_engine(checkpoint, tmp_path / "thin.steady.engine", options)
    assert (built.facts.model["name"], built.facts.model["variant"]) == ("thin", "steady")
    assert built.facts.profiles == [{name: [1, 48, 64, 3] for name in ("min", "opt", "max")}]
    assert built.facts.statistics == 144
