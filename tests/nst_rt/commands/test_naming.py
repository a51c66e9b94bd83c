"""What a painting is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nst_rt import zoo
from nst_rt.commands.naming import (
    Naming,
    choose_naming,
    paintings_among,
    perhaps_paintings,
)
from nst_rt.commands.search import Found
from nst_rt.errors import OutputError, UsageError
from nst_rt.model import style_name

BESIDE = Naming("thin")


def choose(*inputs: str, out: str | None = None, in_place: bool = False) -> Naming:
    return choose_naming(inputs, out, "thin", in_place=in_place, keep_ext=False)


def test_painting_lies_beside_its_photo() -> None:
    assert BESIDE.target(Found("a/photo.JPG", "photo.JPG")) == "a/photo-thin.JPG"
    assert BESIDE.target(Found("photo.tar.png", "photo.tar.png")) == "photo.tar-thin.png"


def test_folder_mirrors_the_tree() -> None:
    assert Naming("thin", folder="out").target(Found("in/a/b.png", "a/b.png")) == "out/a/b.png"


@pytest.mark.parametrize(
    ("name", "plain", "kept"),
    [
        ("x.pgm", "x.png", "x.pgm.png"),
        ("x.mpo", "x.png", "x.mpo.png"),
        ("x", "x.png", "x.png"),
        ("x.jpg", "x.jpg", "x.jpg"),
    ],
)
def test_format_that_is_not_written_becomes_png(name: str, plain: str, kept: str) -> None:
    assert Naming("thin", folder="out").target(Found(name, name)) == f"out/{plain}"
    keeping = Naming("thin", folder="out", keep_ext=True)
    assert keeping.target(Found(name, name)) == f"out/{kept}"


@pytest.mark.parametrize("stem", ["x" * 251, "é" * 125 + "x", "\U0001f3a8" * 62 + "xyz"])
def test_longest_name_is_shortened_by_whole_characters(stem: str) -> None:
    name = f"{stem}.png"
    assert len(os.fsencode(name)) == 255
    painting = BESIDE.beside(name)
    assert 250 < len(os.fsencode(painting)) <= 255
    assert painting.removesuffix("-thin.png") in stem
    assert os.fsencode(painting).decode()  # no torn character


def test_paintings_are_told_by_the_names_of_their_photos() -> None:
    names = ["b.png", "b-thin.png", "b-thin-wave.png", "lonely-thin.png", "b-2.png", "b-thin.jpg",
             "x.pgm", "x-thin.png", "x.pgm-wave.png", "-thin.png"]  # fmt: skip
    assert paintings_among(names, ["thin", "wave"]) == {
        "b-thin.png", "b-thin-wave.png", "x-thin.png", "x.pgm-wave.png",
    }  # fmt: skip
    long = "é" * 125 + "x.png"
    assert paintings_among([long, BESIDE.beside(long)], ["thin"]) == {BESIDE.beside(long)}


def test_name_of_any_style_may_be_that_of_a_painting() -> None:
    names = ["a.jpg", "a-my-style.png", "ab-x.jpg", "x.pgm", "x.pgm-wave.png", "-a.png", "b-1.png"]
    assert perhaps_paintings(names) == {"a-my-style.png", "x.pgm-wave.png"}


def test_in_place_takes_the_photo_behind_a_link(folder: Path) -> None:
    (folder / "real.png").touch()
    (folder / "link.png").symlink_to("real.png")
    naming = choose("link.png", in_place=True)
    assert naming.target(Found("link.png", "link.png")) == str(folder.resolve() / "real.png")


def test_style_is_called_as_its_card_or_its_file() -> None:
    shipped = zoo.cards()[0].name
    assert style_name(shipped) == shipped
    assert style_name("models/great-wave.onnx") == "great-wave"
    assert style_name("models/great-wave.fp16.onnx") == "great-wave"


def test_out_is_a_folder_when_it_is_one_or_ends_in_a_slash_or_must_be(folder: Path) -> None:
    (folder / "there").mkdir()
    (folder / "photos").mkdir()
    assert choose("a.png", out="there").folder == "there"
    assert choose("a.png", out="new/").folder == "new/"
    assert choose("a.png", "b.png", out="new").folder == "new"
    assert choose("photos", out="new").folder == "new"
    assert choose("*.png", out="new").folder == "new"
    assert choose("a.png", out="b.jpg").file == "b.jpg"


def test_standard_streams() -> None:
    assert choose("-").file == "-"
    assert choose("-", out="b.png").file == "b.png"
    assert choose("a.png", out="-").file == "-"


@pytest.mark.parametrize(
    ("inputs", "out", "in_place", "message"),
    [
        (["-", "a.png"], None, False, "give - alone"),
        (["-"], None, True, "leave out --in-place"),
        (["-"], "new/", False, "give -o FILE"),
        (["a.png", "b.png"], "-", False, "give a folder"),
        (["a.png", "b.png"], "c.png", False, "do not fit into one file; a folder ends in a slash"),
        (["a.png"], "c.xyz", False, r"no picture format is known for .xyz"),
        (["a.png"], "c", False, "a folder ends in a slash"),
    ],
)
def test_in_and_out_that_do_not_fit_are_refused(folder, inputs, out, in_place, message) -> None:
    (folder / "a.png").touch()
    with pytest.raises(UsageError, match=message):
        choose(*inputs, out=out, in_place=in_place)


@pytest.mark.parametrize("out", ["file.png", "file.png/"])
def test_file_in_the_place_of_the_folder_is_refused(folder: Path, out: str) -> None:
    (folder / "file.png").touch()
    with pytest.raises(OutputError, match="is a file where a folder is needed") as caught:
        choose("a.png", "b.png", out=out)
    assert caught.value.exit_code == 6
