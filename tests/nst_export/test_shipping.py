"""From a finished run to the files of a shipped style."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from click.testing import CliRunner, Result

from nst_export import exporter, shipping
from nst_export.shipping import ship, toml
from nst_rt import zoo
from nst_rt.model import read_model
from nst_train.config import FastConfig
from nst_train.network import StyleNetwork
from nst_train.style_file import load_style, write_style

Ship = Callable[..., Result]
CONFIG = FastConfig(
    style="/secret/great wave.jpg", photos="/secret/photos", steps=20, style_weight=7.5
)
ABOUT = ("--title", "Thin", "--painter", "Nobody", "--year", "1900", "--data", "5 photos of mine")


@pytest.fixture
def run(network: StyleNetwork, tmp_path: Path) -> Path:
    """A folder as `train fast` leaves it."""
    folder = tmp_path / "run"
    folder.mkdir()
    write_style(folder / "style.safetensors", network, CONFIG, 20)
    lines = [
        {"step": step, "losses": {"total": 40.0 - step, "style": 0.5}, "skipped": []}
        for step in range(1, 20)
    ]
    lines.append({"step": 20, "losses": {"total": None, "style": 0.5}, "skipped": [3]})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty zoo."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    monkeypatch.setattr(shipping, "FOLDER", folder)
    monkeypatch.setattr(zoo, "FOLDER", folder)
    monkeypatch.setattr(exporter, "SIZES", ((16, 16),))
    zoo.cards.cache_clear()
    return folder


@pytest.fixture(autouse=True)
def forget_cards() -> Any:
    yield
    zoo.cards.cache_clear()


def shipped(run: Path, *more: str, name: str = "thin-wave") -> Result:
    return CliRunner().invoke(ship, [name, str(run), *ABOUT, *more])


def test_a_run_becomes_a_style_that_the_runtime_finds(run: Path, shelf: Path) -> None:
    assert shipped(run).exit_code == 0
    assert {path.name for path in shelf.iterdir()} == {
        "thin-wave.fp16.onnx", "thin-wave.onnx", "thin-wave.safetensors",
        "thin-wave.steady.onnx", "thin-wave.toml",
    }  # fmt: skip
    zoo.cards.cache_clear()
    card = zoo.find("thin-wave")
    assert card is not None
    assert (card.title, card.painter, card.year) == ("Thin", "Nobody", "1900")
    for flavour in ("fp32", "fp16"):
        model = read_model("thin-wave", flavour=flavour)  # held against size and hash on the card
        assert (model.flavour, model.metadata["title"]) == (flavour, "Thin")
    steady = read_model("thin-wave", variant="steady")
    assert (steady.metadata["variant"], steady.metadata["title"]) == ("steady", "Thin")
    digest = hashlib.sha256(card.file("checkpoint").read_bytes()).hexdigest()
    assert read_model("thin-wave").metadata["checkpoint_sha256"] == digest
    assert card.files["checkpoint"].sha256 == digest


def test_card_says_how_the_style_was_trained(run: Path, shelf: Path, tmp_path: Path) -> None:
    more, measures = tmp_path / "more.json", tmp_path / "measures.json"
    more.write_text('{"device": "CPU"}')
    measures.write_text('{"objective 256": {"median": 0.9, "photos": ["a", "b"]}}')
    shipped(run, "--training", str(more), "--measures", str(measures))
    card = tomllib.loads((shelf / "thin-wave.toml").read_text(encoding="utf-8"))
    assert card["training"] == {
        "command": "nst-rt train fast --style 'great wave.jpg' --photos photos --steps 20 "
        "--style-weight 7.5",
        "data": "5 photos of mine",
        "steps": 20,
        "losses": {"total": 21.5, "style": 0.5},  # of the last two steps that were finite
        "losses_over": "the last 2 steps",
        "device": "CPU",
    }
    assert card["measures"] == {"objective 256": {"median": 0.9, "photos": ["a", "b"]}}
    assert "public domain" in card["licence"]


def test_checkpoint_is_halved_and_names_no_folder(run: Path, shelf: Path) -> None:
    shipped(run)
    small, large = shelf / "thin-wave.safetensors", run / "style.safetensors"
    assert small.stat().st_size < 0.6 * large.stat().st_size
    for path in shelf.iterdir():
        assert b"secret" not in path.read_bytes()
        assert b"run/" not in path.read_bytes()
    assert load_style(small)[1]["step"] == 20
    kinds = {t.data_type for t in onnx.load(shelf / "thin-wave.onnx").graph.initializer}
    assert onnx.TensorProto.FLOAT in kinds


def test_shipping_again_gives_the_same_files(run: Path, shelf: Path) -> None:
    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in shelf.iterdir()}

    shipped(run)
    before = files()
    shipped(run)
    assert files() == before


def test_nothing_is_replaced_unless_all_is_made(
    run: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped(run)
    before = {path.name: path.stat().st_mtime_ns for path in shelf.iterdir()}
    monkeypatch.setattr("nst_export.verification.MAX_ACTIVATION", 1.0)  # fp16 comes last
    refused = shipped(run)
    assert refused.exit_code == 1
    assert "fp16 is safe below" in refused.output
    assert {path.name: path.stat().st_mtime_ns for path in shelf.iterdir()} == before


@pytest.mark.parametrize("name", ["Thin", "../thin", "thin wave", ""])
def test_names_are_fit_for_files_and_commands(run: Path, shelf: Path, name: str) -> None:
    result = shipped(run, name=name)
    assert "use small letters, digits and hyphens" in result.output
    assert not list(shelf.iterdir())


def test_any_card_is_read_back_from_its_toml() -> None:
    table = {
        "text": 'é "quoted" \\ back\nline\t\x7f',
        "number": 3,
        "real": 1e-7,
        "flag": True,
        "list": [1, 2.5, "x"],
        "rows": [{"a b": 1}, {"c": [True]}],
        "empty": {},
        "below": {"a.b": {"c": 1}, "d": "e"},
    }
    assert tomllib.loads(toml(table)) == table
    with pytest.raises(ValueError, match="leave the key out"):
        toml({"nothing": None})
