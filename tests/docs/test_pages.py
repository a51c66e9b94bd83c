"""What the pages on training and on the model file say is so."""

from __future__ import annotations

import re
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nst_export import exporter
from nst_export.exporter import CARD_FACTS
from nst_rt.commands.train import fast
from nst_rt.model import read_model
from nst_train.config import FastConfig
from nst_train.methods import fast as fast_method
from nst_train.network import NetworkConfig, StyleNetwork
from nst_train.run_config import MAY_CHANGE

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def training() -> str:
    return (DOCS / "training.md").read_text(encoding="utf-8")


@pytest.fixture
def model_file() -> str:
    return (DOCS / "model-file.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def test_every_option_on_the_page_exists(training: str) -> None:
    known = {option for parameter in fast.params for option in parameter.opts}
    of_export = {"--help"}
    assert set(re.findall(r"--[a-z][a-z-]+", training)) <= known | of_export


def test_defaults_on_the_page_are_those_of_the_configuration(training: str) -> None:
    defaults: dict[str, Any] = {field.name: field.default for field in fields(FastConfig)}
    rows = re.findall(r"^\| `--([a-z-]+)` \| (\S*) \|", training, flags=re.MULTILINE)
    assert len(rows) > 10
    for option, shown in rows:
        default = defaults[option.replace("-", "_")]
        text = ",".join(default) if isinstance(default, tuple) else str(default or "")
        assert shown == (f"{default:g}" if isinstance(default, float | int) else text)


def test_page_names_what_a_resumed_run_may_change(training: str) -> None:
    paragraph = training.partition("A resumed run may change")[2].partition(";")[0]
    named = {name.replace("-", "_") for name in re.findall(r"--([a-z-]+)", paragraph)}
    assert named == set(MAY_CHANGE)


def test_configuration_file_and_python_on_the_page_work(
    training: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toml,) = blocks(training, "toml")
    (tmp_path / "run.toml").write_text(toml)
    values = FastConfig.read(tmp_path / "run.toml")
    assert FastConfig.from_mapping(values).style_weight == 12
    calls: list[object] = []
    monkeypatch.setattr(fast_method, "train_fast", lambda *given: calls.append(given))
    (code,) = blocks(training, "python")
    exec(code, {})
    (((config, folder)),) = calls  # type: ignore[misc]
    assert (config.steps, folder) == (2000, Path("runs/mine"))


def test_lines_on_the_page_paint_without_code_of_ours(
    model_file: str, model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(model_path, "style.onnx")
    Image.new("RGB", (50, 33), (200, 100, 0)).save("photo.jpg")
    (code,) = blocks(model_file, "python")
    exec(code, {})
    painting = np.asarray(Image.open("painting.png"))
    assert painting.shape == (33, 50, 3)
    assert painting.std() > 0


def test_metadata_on_the_page_is_what_is_written(model_file: str, tmp_path: Path) -> None:
    table = model_file.partition("## What the file says of itself")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", table, flags=re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(cells)))
    checkpoint = tmp_path / "x"
    checkpoint.write_bytes(b"")
    network = StyleNetwork(NetworkConfig())
    facts = dict.fromkeys(CARD_FACTS, "x")
    metadata = exporter._metadata(network, checkpoint, "x", "fp32", "plain", facts)
    assert named == {key.removeprefix("nst_rt.") for key in metadata}
    assert f"`{metadata['nst_rt.receptive_radius']}`" in table
    assert f"`{metadata['nst_rt.network']}`" in table


def test_ends_on_the_page_are_those_of_a_model(model_file: str, model_path: Path) -> None:
    model = read_model(model_path)
    for spec in (*model.inputs, *model.outputs):
        shape = "×".join(map(str, spec.shape))
        assert f"| `{spec.name}` | {spec.dtype} | {shape} |" in model_file
