"""Reading of models by name or path: styles and engines are found, others refused in one line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nst_rt import zoo
from nst_rt.errors import ModelError
from nst_rt.model import read_model, style_name


def test_facts_name_the_model_and_its_unknown_licence(model_path: Path) -> None:
    facts = read_model(model_path).facts()
    assert (facts["name"], facts["licence"], facts["opset"]) == ("thin", "unknown", 18)


def test_shipped_model_of_another_size_or_hash_is_refused(monkeypatch, tmp_path: Path) -> None:
    card = zoo.cards()[0]
    data = card.file("fp32").read_bytes()
    damaged = tmp_path / card.file("fp32").name
    monkeypatch.setattr(zoo.Card, "file", lambda self, kind: damaged)
    damaged.write_bytes(data[:-100])
    with pytest.raises(ModelError, match=rf"has {len(data) - 100:,} bytes .* says {len(data):,}"):
        read_model(card.name)
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    damaged.write_bytes(flipped)
    with pytest.raises(ModelError, match="SHA-256"):
        read_model(card.name)
    assert read_model(card.name, verify=False).name == card.name


def test_every_odd_path_has_its_own_line(model_path: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(ModelError, match="is a folder"):
        read_model(tmp_path)
    with pytest.raises(ModelError, match="an address, not a file"):
        read_model("https://example.com/x.onnx")
    with pytest.raises(ModelError, match="standard input"):
        read_model("-")
    with pytest.raises(ModelError, match=f"no such model.*{zoo.cards()[0].name}"):
        read_model("no-such-style")
    for odd in ("~no-such-user/x.onnx", "x" * 5000):
        with pytest.raises(ModelError, match="cannot be looked up"):
            read_model(odd)
    with pytest.raises(ModelError, match="no such model"):
        read_model("nul\0.onnx")
    fifo = tmp_path / "pipe.onnx"
    os.mkfifo(fifo)
    with pytest.raises(ModelError, match="not a regular file"):
        read_model(fifo)
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(model_path, tmp_path / "model.onnx")
    assert read_model("~/model.onnx").path == tmp_path / "model.onnx"


def test_model_replaced_on_disk_keeps_the_bytes_that_were_read(
    model_path: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(model_path, tmp_path))
    model = read_model(path)
    path.write_bytes(b"other")
    assert model.data == model_path.read_bytes()


@pytest.mark.parametrize("name", ["stary-night", "Starry Night"])
def test_a_misspelt_style_is_guessed(name: str) -> None:
    with pytest.raises(ModelError, match=r"no such model; did you mean starry-night\?"):
        read_model(name)


def test_side_car_in_place_of_its_engine_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w16.engine.json"
    path.write_text("{}")
    with pytest.raises(ModelError, match=r"is the side-car of an engine; give .*/w16\.engine$"):
        read_model(path)


def test_an_engine_without_its_side_car_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wave.engine").write_bytes(b"vtrt" + bytes(60))
    with pytest.raises(ModelError, match=r"has no side-car wave\.engine\.json; build the engine"):
        read_model(tmp_path / "wave.engine")


@pytest.mark.parametrize("card", zoo.cards(), ids=lambda card: card.name)
def test_every_shipped_style_has_its_steady_file(card: zoo.Card) -> None:
    plain, steady = read_model(card.name), read_model(card.name, variant="steady")
    assert plain.num_statistics is None
    assert steady.num_statistics == 800
    for key in ("checkpoint_sha256", "name", "title"):
        assert steady.metadata[key] == plain.metadata[key]


def test_steady_file_lies_beside_the_plain_one(model_path: Path, tmp_path: Path) -> None:
    for name in ("thin.onnx", "thin.fp16.onnx"):
        shutil.copy(model_path, tmp_path / name)
        with pytest.raises(ModelError, match=r"has no thin\.steady\.onnx .* --variant steady"):
            read_model(tmp_path / name, variant="steady")
    shutil.copy(zoo.cards()[0].file("steady"), tmp_path / "thin.steady.onnx")
    for name in ("thin.onnx", "thin.fp16.onnx", "thin.steady.onnx"):
        found = read_model(tmp_path / name, variant="steady")
        assert (found.path.name, found.num_statistics) == ("thin.steady.onnx", 800)


def test_names_of_files_do_not_tell_precision_or_variant() -> None:
    names = ("great-wave", "x/great-wave.onnx", "great-wave.fp16.onnx", "great-wave.steady.onnx")
    assert {style_name(name) for name in names} == {"great-wave"}


def test_a_style_is_a_shipped_one_by_its_name_alone() -> None:
    assert read_model("starry-night").is_shipped
    assert not read_model(zoo.cards()[0].file("fp32")).is_shipped
    with pytest.raises(ModelError, match="no such model"):
        read_model(Path("starry-night"))
