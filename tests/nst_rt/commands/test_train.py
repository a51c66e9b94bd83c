"""`nst-rt train fast`: what it hands to the training run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nst_train.loop import StoppedError

from .conftest import finish, save, start

WITHOUT_TORCH = """
import sys
from nst_rt.commands import main
code = main.main(sys.argv[1:], standalone_mode=False)
sys.exit(100 if "torch" in sys.modules else code)
"""


@pytest.fixture
def material(folder) -> None:
    """A painting and a photo."""
    save("wave.png"), save("photos/a.png")


@pytest.fixture
def runs(monkeypatch):
    """A training that does nothing; it gives the configurations that it got."""
    calls = []

    def train_fast(config, out, **options):
        os.write(1, b"a library's line\n")
        calls.append((config, options))
        return out / "style.safetensors"

    monkeypatch.setattr("nst_train.methods.fast.train_fast", train_fast)
    return calls


@pytest.mark.usefixtures("material")
def test_options_and_the_file_of_options_meet(nst, folder, runs) -> None:
    Path("options.toml").write_text('style = "wave.png"\nphotos = "photos"\nsteps = 7\nsize = 64\n')
    ended = nst(
        "train", "fast", "-o", "run", "--config", "options.toml", "--steps", "9",
        "--style-layers", "relu1_2, relu2_2", "--features", "a.safetensors,vgg16",
    )  # fmt: skip
    assert (ended.code, ended.out) == (0, b"run/style.safetensors\n")
    [(config, options)] = runs
    assert (config.steps, config.size) == (9, 64)
    assert config.style == str(folder / "wave.png")
    assert tuple(config.style_layers) == ("relu1_2", "relu2_2")
    assert tuple(config.features) == (str(folder / "a.safetensors"), "vgg16")
    assert options == {"resume": False, "progress": False}


@pytest.mark.usefixtures("material")
def test_a_closed_standard_error_keeps_nobody_from_training(nst, runs, monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    ended = nst("train", "fast", "-o", "run", "--style", "wave.png", "--photos", "photos")
    assert (ended.code, ended.out) == (0, b"run/style.safetensors\n")
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--style-layers", " , "], "expected names separated by commas"),
        (["--steps", "many"], "'many' is not a valid integer"),
        ([], "style"),
    ],
)
def test_wrong_use_is_exit_2(nst, folder, runs, arguments, says) -> None:
    ended = nst("train", "fast", "-o", "run", *arguments)
    assert (ended.code, len(ended.lines)) == (2, 1)
    assert says in ended.err
    assert runs == []


@pytest.mark.usefixtures("material")
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--style", "wave.png"], 2, "photos is missing; give --photos"),
        (["--style", "wave.png", "--photos", "photos", "--size", "33"], 2, "a multiple of 4"),
        (["--style", "wave.png", "--photos", "nowhere"], 2, "nowhere: not a readable folder of"),
        (["--style", "wave.png", "--photos", "empty"], 2, "empty: holds no photos; expected"),
        (["--style", "no.png", "--photos", "photos"], 3, "no.png: no such file"),
        (["--config", "no.toml"], 2, "no.toml: not a readable TOML file"),
    ],
)
def test_wrong_values_and_absent_files_are_told_before_torch_is_loaded(
    folder, arguments, code, says
) -> None:
    Path("empty").mkdir()
    ended = finish(start("train", "fast", "-o", "run", *arguments, code=WITHOUT_TORCH))
    assert (ended.code, len(ended.lines)) == (code, 1)
    assert says in ended.err
    assert not Path("run").exists()


@pytest.mark.usefixtures("material")
@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_stopped_training_has_the_code_of_its_signal(nst, folder, monkeypatch, number, code):
    def stopped(*arguments, **options):
        raise StoppedError(number, "stopped", cure="go on with --resume")

    monkeypatch.setattr("nst_train.methods.fast.train_fast", stopped)
    ended = nst("train", "fast", "-o", "run", "--style", "wave.png", "--photos", "photos")
    assert (ended.code, ended.lines) == (code, ["nst-rt: stopped; go on with --resume"])
