"""Sizes as text, there and back."""

from __future__ import annotations

import pytest

from nst_rt.sizes import parse_size, size_text


@pytest.mark.parametrize("text", ["1280x720", "1280X720"])
def test_width_comes_first_in_text_and_height_in_code(text: str) -> None:
    assert parse_size(text) == (720, 1280)
    assert size_text(parse_size(text)) == "1280x720"


@pytest.mark.parametrize("text", ["", "48", "48x", "0x32", "48x0", "-1x2", "axb", "1x2x3", "1.5x2"])
def test_text_that_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no size; write it like 1280x720"):
        parse_size(text)
