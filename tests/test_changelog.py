"""The changelog's newest entry is the version that is in the tree."""

from __future__ import annotations

import re
from pathlib import Path

from nst_rt import __version__


def test_changelog_begins_with_this_version() -> None:
    text = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(\S+)\]", text, flags=re.MULTILINE)[0] == __version__
