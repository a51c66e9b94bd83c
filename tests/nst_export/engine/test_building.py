"""Engines from real models through the real TensorRT-RTX, and what lies beside them."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest

from nst_export import exporter
from nst_export.engine import EngineOptions, build_engine
from nst_rt import zoo
from nst_rt._version import __version__
from nst_rt.engines.side_car import read_engine_facts
from nst_rt.engines.trust import check_integrity, check_trust
from nst_rt.errors import ModelError, OutputError, ProviderError, UsageError
from nst_rt.model import read_model
from nst_rt.nvidia.driver import query_driver
from tests.nst_export.engine.small_models import FLOAT8, convolution, node, quantized, save

UHD = (2160, 3840)


@pytest.mark.parametrize("name", [card.name for card in zoo.cards()])
def test_every_shipped_model_becomes_an_engine_up_to_4k(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nst_export")
    target = tmp_path / f"{name}.engine"
    built = build_engine(name, target, EngineOptions(backend="tensorrt-rtx", largest=UHD))
    data, model = target.read_bytes(), read_model(name, flavour="fp16")
    facts = read_engine_facts(target)
    assert facts == built.facts
    assert data[:4] == b"vtrt"  # the mark of a TensorRT-RTX engine
    assert (facts.engine_bytes, facts.engine_sha256) == (
        len(data),
        hashlib.sha256(data).hexdigest(),
    )
    assert (facts.model, facts.onnx_sha256) == (model.metadata, model.sha256)
    assert (facts.precision, facts.gpu) == ("fp16", "portable")
    assert facts.driver == (query_driver().version or None)
    assert facts.compute_capabilities == ["8.0", "8.6", "8.9", "12.0", "12.1"]
    assert facts.profiles == [
        {"min": [1, 16, 16, 3], "opt": [1, 720, 1280, 3], "max": [1, 2160, 3840, 3]}
    ]
    assert facts.backend == "tensorrt-rtx"
    assert facts.backend_version == ".".join(map(str, data[24:28]))  # as the engine says itself
    assert facts.creator == f"nst-rt {__version__}"
    assert not [record for record in caplog.records if "layernorm" in record.getMessage().lower()]


def test_engine_whose_side_car_cannot_be_written_does_not_stay(tmp_path: Path) -> None:
    target = tmp_path / "x.engine"
    (tmp_path / "x.engine.json").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        build_engine(convolution(tmp_path / "x.onnx"), target, overwrite=True)
    assert not target.exists()


def test_what_was_built_here_is_trusted_here(tmp_path: Path) -> None:
    built = build_engine(convolution(tmp_path / "x.onnx"), tmp_path / "x.engine")
    check_integrity(built.path, built.path.read_bytes(), built.facts)
    check_trust(built.path, built.facts)


def test_memory_follows_the_largest_picture(tmp_path: Path, shipped: Path) -> None:
    def memory(*largest: int) -> int:
        options = EngineOptions(largest=largest)  # type: ignore[arg-type]
        built = build_engine(shipped, tmp_path / "x.engine", options, overwrite=True)
        return built.facts.memory["activations"]

    assert memory(*UHD) == pytest.approx(4 * memory(1080, 1920), rel=0.01)


def test_model_file_keeps_its_arithmetic(tmp_path: Path) -> None:
    single = zoo.cards()[0].file("fp32")
    built = build_engine(single, tmp_path / "single.engine")
    assert built.facts.precision == "fp32"
    cure = r"leave out precision .*, or build from its checkpoint: nst-rt export CHECKPOINT OUT"
    with pytest.raises(UsageError, match=f"computes in fp32, fp16 was asked for; {cure}"):
        build_engine(single, tmp_path / "half.engine", EngineOptions(precision="fp16"))
    assert not (tmp_path / "half.engine").exists()


def test_quantized_model_becomes_an_engine_of_integers(tmp_path: Path) -> None:
    built = build_engine(quantized(tmp_path / "x.onnx"), tmp_path / "x.engine")
    assert built.facts.precision == "int8"


def test_quantized_model_of_8_bit_floats_is_for_gpus_that_have_them(tmp_path: Path) -> None:
    source, target = quantized(tmp_path / "x.onnx", dtype=FLOAT8), tmp_path / "x.engine"
    later = EngineOptions(backend="tensorrt-rtx", capabilities=("8.9", "12.0"))
    assert build_engine(source, target, later).facts.precision == "fp8"
    told = r"computes in fp8_e4m3, which .* do not have \(sm80, sm86\); .*capabilities .*8\.9"
    with pytest.raises(UsageError, match=told):
        build_engine(source, tmp_path / "y.engine", EngineOptions(backend="tensorrt-rtx"))


def test_what_is_wrong_is_told_and_not_that_there_is_no_driver(tmp_path: Path) -> None:
    source = quantized(tmp_path / "x.onnx", bias=np.int32)
    message = r"operator DequantizeLinear of node bias_real \(.*input has type Int32.*\); export it"
    with pytest.raises(ModelError, match=message):
        build_engine(source, tmp_path / "x.engine")


def test_shipped_style_in_float32(tmp_path: Path) -> None:
    name = zoo.cards()[0].name
    built = build_engine(name, tmp_path / "x.engine", EngineOptions(precision="fp32"))
    assert built.facts.precision == "fp32"
    assert built.facts.onnx_sha256 == zoo.cards()[0].sha256


def test_style_in_bfloat16_is_made_a_checked_model_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "SIZES", ((61, 47),))
    name = zoo.cards()[0].name
    options = EngineOptions(backend="tensorrt-rtx", precision="bf16", largest=UHD)
    built = build_engine(name, tmp_path / "x.engine", options)
    assert (built.facts.precision, built.facts.model["flavour"]) == ("bf16", "bf16")
    assert [row.reference for row in built.rows] == ["PyTorch fp32", "PyTorch bf16"]
    assert min(row.psnr for row in built.rows) >= 38
    steady = EngineOptions(precision="bf16", variant="steady")
    with pytest.raises(UsageError, match="the steady variant is not available in bf16"):
        build_engine(name, tmp_path / "y.engine", steady)


def test_checkpoint_is_made_a_checked_model_first(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "SIZES", ((16, 16),))
    told: list[object] = []
    target = tmp_path / "thin.engine"
    built = build_engine(checkpoint, target, facts={"title": "Thin"}, report=told.append)
    assert built.rows == told
    assert min(row.psnr for row in built.rows) >= 45
    assert (built.facts.precision, built.facts.model["title"]) == ("fp16", "Thin")
    assert built.facts.model["name"] == "thin"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        checkpoint.name,
        "thin.engine",
        "thin.engine.json",
    ]


def test_options_that_no_model_of_one_size_has_are_refused_before_it_is_made(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "export_style", lambda *given, **more: pytest.fail("was begun"))
    for options in (
        EngineOptions(fixed=(48, 64), batch=4),
        EngineOptions(variant="steady", precision="fp16", batch=2),
    ):
        with pytest.raises(UsageError, match="takes one picture at a time; leave out batch"):
            build_engine(checkpoint, tmp_path / "x.engine", options)


def test_errors_name_the_checkpoint_and_not_the_model_that_was_made_of_it(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "SIZES", ((16, 16),))
    with pytest.raises(ProviderError, match="needs more memory") as caught:
        build_engine(checkpoint, tmp_path / "x.engine", EngineOptions(workspace_mib=1))
    assert caught.value.path == checkpoint


def test_engine_of_one_size(checkpoint: Path, tmp_path: Path) -> None:
    options = EngineOptions(fixed=(48, 64))
    built = build_engine(checkpoint, tmp_path / "fixed.engine", options)
    assert built.facts.profiles == [{name: [1, 48, 64, 3] for name in ("min", "opt", "max")}]
    assert {(row.height, row.width) for row in built.rows} == {(48, 64)}


def test_model_of_one_size_takes_no_other(tmp_path: Path) -> None:
    source = convolution(tmp_path / "x.onnx", size=[1, 48, 64, 3])
    built = build_engine(source, tmp_path / "x.engine")
    assert built.facts.profiles == [{name: [1, 48, 64, 3] for name in ("min", "opt", "max")}]
    for options in (EngineOptions(largest=(96, 96)), EngineOptions(fixed=(64, 48))):
        with pytest.raises(UsageError, match="takes pictures of 64x48 and no others"):
            build_engine(source, tmp_path / "y.engine", options)


def test_models_of_one_size_at_which_the_engine_would_be_wrong_are_refused(tmp_path: Path) -> None:
    small = convolution(tmp_path / "small.onnx", radius=4, size=[1, 4, 4, 3])
    large = convolution(tmp_path / "large.onnx", radius=4, size=[1, 26_000, 26_000, 3])
    free = convolution(tmp_path / "free.onnx", radius=4)
    for source, options, message in (
        (small, EngineOptions(), r"of 4x4 .*mirrors more of the edge.*; raise the size$"),
        (free, EngineOptions(fixed=(4, 4)), r"of 4x4 .*mirrors more of the edge"),
        (
            large,
            EngineOptions(),
            r"of 26000x26000 .* numbers; .*; lower the size to about 25\d+",
        ),
    ):
        with pytest.raises(UsageError, match=message) as refused:
            build_engine(source, tmp_path / "x.engine", options)
        assert refused.value.path == source
    assert not (tmp_path / "x.engine").exists()


def test_model_of_any_size_is_held_to_one(tmp_path: Path) -> None:
    source = convolution(tmp_path / "x.onnx")
    built = build_engine(source, tmp_path / "x.engine", EngineOptions(fixed=(48, 64), batch=2))
    assert built.facts.profiles == [
        {"min": [1, 48, 64, 3], "opt": [2, 48, 64, 3], "max": [2, 48, 64, 3]}
    ]


def test_batches_and_options_are_told(tmp_path: Path) -> None:
    source = convolution(tmp_path / "x.onnx")
    options = EngineOptions(
        batch=4,
        workspace_mib=512,
        capabilities=("7.5", "8.9", "7.5"),
        usual=(64, 64),
        largest=(128, 256),
    )
    facts = build_engine(source, tmp_path / "x.engine", options).facts
    assert facts.profiles[0]["max"] == [4, 128, 256, 3]
    assert facts.options == {"workspace_mib": 512}
    assert facts.compute_capabilities == ["7.5", "8.9"]


def test_options_that_change_nothing_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = tmp_path / "cache"
    options = EngineOptions(level=5, timing_cache=cache, largest=(64, 64))
    build_engine(convolution(tmp_path / "x.onnx"), tmp_path / "x.engine", options)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [text.split(":")[0] for text in warnings if text.startswith("--")] == [
        "--level changes nothing",
        "--timing-cache changes nothing",
    ]
    assert not cache.exists()


def test_unknown_compute_capability(tmp_path: Path) -> None:
    options = EngineOptions(capabilities=("3.5",))
    with pytest.raises(UsageError, match=r"no compute capability 3\.5; it has 7\.5, 8\.0.*12\.1$"):
        build_engine(convolution(tmp_path / "x.onnx"), tmp_path / "x.engine", options)


@pytest.mark.parametrize("mib", [1, 16])
def test_too_little_workspace(tmp_path: Path, shipped: Path, mib: int) -> None:
    message = r"fp16\.onnx: .* needs more memory .*; raise workspace_mib"
    with pytest.raises(ProviderError, match=message) as caught:
        build_engine(shipped, tmp_path / "x.engine", EngineOptions(workspace_mib=mib))
    assert caught.value.exit_code == 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        (
            [node("Frobnicate", "image", "image_out")],
            "knows no operator Frobnicate of node im",
        ),
        ([node("Abs", "image", "image_out")], "does not take operator Abs of node image_out"),
        (
            [
                node("Cast", "image", "single", to=1),
                node("Cast", "image", "half", to=10),
                node("Add", "single half", "sum"),
                node("Cast", "sum", "image_out", to=2),
            ],
            r"mixes Float and Half .* \(operator Add of node sum\); put Casts",
        ),
    ],
)
def test_models_that_tensorrt_does_not_take(tmp_path: Path, nodes: list, message: str) -> None:
    source = save(tmp_path / "x.onnx", nodes)
    with pytest.raises(ModelError, match=message) as caught:
        build_engine(source, tmp_path / "x.engine")
    assert caught.value.path == source
    assert not (tmp_path / "x.engine").exists()


@pytest.mark.parametrize("source", ["no-such-style", "~no-such-user/x", "x" * 5000])
def test_what_is_not_there_is_one_line(tmp_path: Path, source: str) -> None:
    with pytest.raises(ModelError, match=r"no such model|cannot be looked up"):
        build_engine(source, tmp_path / "x.engine")
