"""The side-car of an engine is read back; other files are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nst_rt.engines.side_car import EngineFacts, read_engine_facts, side_car_path
from nst_rt.errors import ModelError

PROFILE = {"min": [1, 16, 16, 3], "opt": [1, 64, 64, 3], "max": [1, 64, 64, 3]}
FACTS = EngineFacts(
    model={"name": "wave", "scale": "1"},
    onnx_sha256="a" * 64,
    engine_sha256="b" * 64,
    engine_bytes=12,
    backend="tensorrt",
    backend_version="11.4.0.106",
    creator="nst-rt 0.1.0",
    platform="linux-x86_64",
    gpu="NVIDIA L4",
    compute_capabilities=["8.9"],
    precision="fp16",
    profiles=[PROFILE],
    options={"level": 5},
    memory={},
)


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "wave.engine"
    side_car_path(path).write_text(FACTS.as_json())
    return path


def test_facts_come_back(engine: Path) -> None:
    assert side_car_path(engine).name == "wave.engine.json"
    assert read_engine_facts(engine) == FACTS


def test_steady_engine_tells_of_its_statistics(engine: Path) -> None:
    steady = replace(FACTS, model={**FACTS.model, "variant": "steady"}, statistics=800)
    side_car_path(engine).write_text(steady.as_json())
    assert read_engine_facts(engine) == steady
    assert (steady.steady, FACTS.steady) == (True, False)


def test_engine_of_before_there_were_statistics_and_drivers_has_none(engine: Path) -> None:
    told = json.loads(FACTS.as_json())
    del told["statistics"], told["driver"]
    side_car_path(engine).write_text(json.dumps(told))
    assert read_engine_facts(engine) == FACTS


def test_what_a_later_version_adds_is_passed_over(engine: Path) -> None:
    told = json.loads(FACTS.as_json())
    side_car_path(engine).write_text(json.dumps({**told, "more": 1}))
    assert read_engine_facts(engine) == FACTS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "is not of schema 1"),
        ({"engine_bytes": "12"}, r"does not describe an engine \(engine_bytes is str\)"),
        ({"profiles": {}}, "profiles is dict"),
        ({"gpu": None}, "gpu is NoneType"),
        ({"driver": 580}, "driver is int"),
        ({"statistics": "5"}, "statistics is str"),
        ({"statistics": 5}, "5 statistics"),
        ({"model": {"variant": "steady"}, "statistics": -5}, "-5 statistics"),
        ({"model": {"scale": 2}}, "model has a value that is not text"),
        ({"profiles": []}, "profiles are not sizes of pictures"),
        ({"profiles": [[1, 8, 8, 3]]}, "profiles are not sizes of pictures"),
        ({"profiles": [{"min": [1, 8, 8, 3]}]}, r"\('opt'\)"),
        ({"profiles": [PROFILE | {"min": [1, 99, 8, 3]}]}, "profiles are not sizes of pictures"),
        ({"profiles": [PROFILE | {"max": [1, 64, 64, 4]}]}, "profiles are not sizes of pictures"),
        ({"profiles": [PROFILE | {"max": [1, 64, 64]}]}, "does not describe an engine"),
        ({"profiles": [PROFILE | {"opt": [1, "8", 64, 3]}]}, "profiles are not sizes of pictures"),
    ],
)
def test_other_contents_are_refused(engine: Path, change: dict, message: str) -> None:
    told = {**json.loads(FACTS.as_json()), **change}
    side_car_path(engine).write_text(json.dumps(told))
    with pytest.raises(ModelError, match=rf"{message}.*; build the engine again: nst-rt export"):
        read_engine_facts(engine)


@pytest.mark.parametrize("text", ["[]", "{}", '{"schema": 1}', "", "no JSON", "\udcff"])
def test_what_is_no_side_car_is_refused(engine: Path, text: str) -> None:
    side_car_path(engine).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelError, match="build the engine again"):
        read_engine_facts(engine)


def test_engine_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"x\.engine: has no side-car x\.engine\.json; build"):
        read_engine_facts(tmp_path / "x.engine")
    (tmp_path / "x.engine.json").mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        read_engine_facts(tmp_path / "x.engine")
