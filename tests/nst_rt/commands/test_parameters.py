"""Values of options that are refused before any work."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("number", ["nan", "inf"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("stylize", "a.png", "--strength"),
        ("video", "a.mp4", "b.mp4", "--part-seconds"),
        ("live", "0", "--give-up"),
    ],
)
def test_numbers_that_are_none_are_refused(nst, arguments, number) -> None:
    ended = nst(*arguments, number)
    assert ended.code == 2
    assert arguments[-1] in ended.err
