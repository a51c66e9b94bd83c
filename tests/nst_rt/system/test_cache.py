"""The cache folder follows the variable, then the habits of the system."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nst_rt.system.cache import cache_folder


@pytest.mark.parametrize(
    ("system", "variables", "folder"),
    [
        ("linux", {}, "home/.cache/nst-rt"),
        ("linux", {"XDG_CACHE_HOME": "x"}, "x/nst-rt"),
        ("darwin", {}, "home/Library/Caches/nst-rt"),
        ("win32", {}, "home/AppData/Local/nst-rt"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/nst-rt"),
        ("linux", {"NST_RT_CACHE": "mine", "XDG_CACHE_HOME": "x"}, "mine"),
    ],
)
def test_folder(system, variables, folder, monkeypatch) -> None:
    for name in ("NST_RT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    assert cache_folder() == Path(folder)
