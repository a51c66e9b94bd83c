from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from nst_rt.commands.console import Console
from nst_rt.commands.train import fast
from nst_rt.errors import UsageError
from nst_train.config import FastConfig

LEAST = {"style": "a.png", "photos": "photos"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"style_wieght": 3}, "unknown key 'style_wieght'; did you mean 'style_weight'"),
        ({"colour": 3}, "unknown key 'colour'; known: style, photos"),
        ({"steps": "many"}, "steps is 'many'; expected a whole number"),
        ({"steps": True}, "steps is True; expected a whole number"),
        ({"batch": 2.0}, "batch is 2.0; expected a whole number"),
        ({"style": 7}, "style is 7; expected a string"),
        ({"threads": "2"}, "threads is '2'; expected a whole number or nothing"),
        ({"features": "vgg19"}, "features is 'vgg19'; expected a list of strings"),
        ({"style_layers": [1]}, "style_layers is 1; expected a string"),
        ({"upsample": "bilinear"}, "upsample is 'bilinear'; choose 'nearest' or 'transposed'"),
        ({"precision": ["fp32"]}, r"precision is \['fp32'\]; choose 'auto' or"),
        ({"steps": 0}, "steps is 0; choose it in 1…"),
        ({"style_weight": -1}, "style_weight is -1.0; choose it in 0…"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; choose it in"),
        ({"style_weight": float("inf")}, "style_weight is inf; choose it in"),
        ({"seed": -1}, "seed is -1; choose it in 0…"),
        ({"size": 250}, "size is 250; choose a multiple of 4"),
        ({"features": []}, "features is empty; name at least one"),
    ],
)
def test_a_wrong_value_is_named_with_its_cure(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        FastConfig.from_mapping(LEAST | values)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["style", "photos"])
def test_painting_and_photos_must_be_given(key: str) -> None:
    values = {name: value for name, value in LEAST.items() if name != key}
    with pytest.raises(UsageError, match=f"{key} is missing; give --{key}"):
        FastConfig.from_mapping(values)


def test_whole_numbers_serve_as_numbers_and_lists_as_tuples() -> None:
    config = FastConfig.from_mapping(LEAST | {"style_weight": 3, "features": ["a.npz", "b.npz"]})
    assert (config.style_weight, config.features) == (3.0, ("a.npz", "b.npz"))
    assert FastConfig.from_mapping(config.as_dict()) == config


def test_toml_file_gives_values(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('style = "é.png"\nsteps = 7\nfeatures = ["vgg16"]\n', encoding="utf-8")
    assert FastConfig.read(path) == {"style": "é.png", "steps": 7, "features": ["vgg16"]}


@pytest.mark.parametrize("content", [b"style = ", b"\xff\xfe", None])
def test_other_files_are_no_configuration(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="not a readable TOML file"):
        FastConfig.read(path)


def test_only_what_changes_no_result_may_change_on_resume() -> None:
    before = FastConfig(**LEAST)
    after = FastConfig(
        **LEAST, workers=4, checkpoint_every=9, sample_every=9, threads=2, steps=5, style_weight=3.0
    )
    assert before.differences(after) == ["steps: 4000 → 5", "style_weight: 20.0 → 3.0"]


def test_what_is_passed_on_names_no_folder() -> None:
    config = FastConfig(
        style="/home/me/a.png",
        photos="/data/photos",
        features=("vgg16", "/w/b.npz"),
        initial="/c/d",
    )
    passed_on = config.without_folders()
    assert (passed_on.style, passed_on.photos, passed_on.initial) == ("a.png", "photos", "d")
    assert passed_on.features == ("vgg16", "b.npz")
    assert "/" not in str(passed_on.as_dict())


def test_a_command_trains_the_same_again() -> None:
    config = FastConfig(
        style="/home/me/the wave.png", photos="/data/photos", features=("vgg16", "/w/b.npz"),
        steps=7, style_weight=2.5, style_layers=("relu1_1", "relu2_1"), workers=3, threads=1,
    )  # fmt: skip
    command = config.as_command()
    assert command == (
        "nst-rt train fast --style 'the wave.png' --photos photos --features vgg16,b.npz --steps 7 "
        "--style-weight 2.5 --style-layers relu1_1,relu2_1"
    )
    words = [*shlex.split(command)[3:], "-o", "run"]
    given = fast.make_context("fast", words, obj=Console()).params
    values = {key: value for key, value in given.items() if value and key in LEAST | vars(config)}
    assert FastConfig.from_mapping(values).as_command() == command


def test_help_of_the_command_names_every_option_and_its_default() -> None:
    context = fast.make_context("fast", ["-o", "run"], obj=Console())
    options = {parameter.name: parameter for parameter in fast.params}
    for field in fields(FastConfig):
        _, text = options[field.name].get_help_record(context) or ("", "")
        shown = re.search(r"\[(.+)\]$", text)
        if field.name in ("style", "photos", "initial", "threads"):
            assert text
        elif isinstance(field.default, tuple):
            assert shown
            assert tuple(shown[1].split(",")) == field.default
        else:
            assert shown
            assert type(field.default)(shown[1]) == field.default
