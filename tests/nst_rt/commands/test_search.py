"""Which pictures an argument stands for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nst_rt.commands.search import Found, Search
from nst_rt.errors import InputError


@pytest.fixture
def tree(folder: Path) -> Path:
    for name in ("b.png", "a.JPG", "notes.txt", "Thumbs.db", ".DS_Store", "._a.jpg", "sub/c.webp",
                 "sub/deep/d.tif", ".hidden/e.png", "[1].png"):  # fmt: skip
        path = folder / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder / "photos"


def places(argument: str, search: Search | None = None) -> list[str]:
    found = list((search or Search()).find(argument))
    assert all(isinstance(one, Found) for one in found), found
    assert all(Path(one.path).is_file() for one in found)
    return [one.place for one in found]


def complaint(argument: str) -> str:
    [error] = Search().find(argument)
    assert isinstance(error, InputError)
    return str(error)


def test_folder_gives_its_pictures_in_a_fixed_order_and_nothing_else(tree: Path) -> None:
    assert places("photos") == [
        "[1].png", "a.JPG", "b.png", ".hidden/e.png", "sub/c.webp", "sub/deep/d.tif",
    ]  # fmt: skip


def test_a17_photos_that_are_not_read_are_not_passed_over_in_silence(tree: Path) -> None:
    (tree / "IMG_1.HEIC").touch()
    assert "IMG_1.HEIC" in places("photos")


def test_named_file_is_taken_whatever_it_is_called(tree: Path) -> None:
    assert places("photos/notes.txt") == ["notes.txt"]


def test_linked_folders_are_not_followed_and_loops_end(tree: Path) -> None:
    before = places("photos")
    (tree / "sub/loop").symlink_to(tree)
    (tree / "elsewhere").symlink_to("/usr")
    (tree / "self.png").symlink_to(tree / "self.png")
    (tree / "linked.png").symlink_to(tree / "b.png")
    found = [one.place for one in Search().find("photos")]
    assert sorted(found) == sorted([*before, "self.png", "linked.png"])


def test_linked_folder_that_is_named_is_searched(tree: Path, folder: Path) -> None:
    (folder / "link").symlink_to(tree / "sub")
    assert places("link") == ["c.webp", "deep/d.tif"]


def test_folder_of_the_paintings_is_not_entered(tree: Path) -> None:
    assert "sub/deep/d.tif" not in places("photos", Search(avoid="photos/sub/deep"))


def test_neighbours_painting_is_passed_over_and_counted(tree: Path) -> None:
    for name in ("b-thin.png", "sub/c-thin.webp"):
        (tree / name).touch()
    asked = []

    def paintings(folder, names) -> set[str]:
        asked.append((folder.name, list(names)))
        return {name for name in names if "-thin" in name}

    search = Search(paintings=paintings)
    found = places("photos", search)
    assert "b.png" in found
    assert not [place for place in found if "-thin" in place]
    assert search.left_out == 2
    assert ("sub", ["c-thin.webp", "c.webp"]) in asked  # a folder at a time


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.png", ["[1].png", "b.png"]),
        ("photos/*", ["[1].png", "a.JPG", "b.png", "sub/c.webp", "sub/deep/d.tif"]),
        ("photos/**/*.tif", ["sub/deep/d.tif"]),
        ("photos/**", ["[1].png", "a.JPG", "b.png", "sub/c.webp", "sub/deep/d.tif"]),
        ("photos/s?b/*.webp", ["sub/c.webp"]),
        ("photos/*/", ["sub/c.webp", "sub/deep/d.tif"]),  # as in a shell, folders alone
        ("photos/.h*/*", [".hidden/e.png"]),
        ("*/b.png", ["photos/b.png"]),
    ],
)
def test_pattern_is_expanded_below_its_first_wildcard(tree, pattern, expected) -> None:
    assert places(pattern) == expected
    absolute = places(os.path.join(tree.parent, pattern))  # noqa: PTH118 - Path would eat nothing
    assert absolute == expected


def test_file_whose_name_looks_like_a_pattern_is_that_file(tree: Path) -> None:
    assert places("photos/[1].png") == ["[1].png"]


@pytest.mark.parametrize("argument", ["nowhere", "", "x" * 300, "photos/b.png/x"])
def test_nothing_there_is_said(tree: Path, argument: str) -> None:
    assert complaint(argument).endswith("no such file or folder")
    assert not complaint(argument).startswith(":")


def test_folder_or_pattern_without_pictures_is_said(tree: Path) -> None:
    (tree / "empty").mkdir()
    assert complaint("photos/empty") == "photos/empty: no pictures there"
    assert complaint("*.bmp") == "*.bmp: no pictures there"
    assert "cannot be expanded" in complaint("photos/**x")


def test_folder_that_vanishes_does_not_end_the_search(tree: Path, monkeypatch) -> None:
    scan = os.scandir

    def scandir(path):
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(Search().find("photos"))
    errors = [str(one) for one in found if isinstance(one, InputError)]
    assert errors == ["photos/sub: cannot be searched (Permission denied)"]
    assert len(found) == 5
