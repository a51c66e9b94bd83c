"""What callers give is taken from any type that means it, and refused in one line."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from nst_rt.errors import UsageError
from nst_rt.system.arguments import file_path, refuse_unknown, seconds, share, whole_number

NO_NUMBERS = ["1", None, [1], float("nan"), float("inf"), Decimal(1), np.array([0.5, 1])]


def test_numbers_of_any_type_become_plain_ones() -> None:
    assert type(whole_number("count", np.int64(5))) is int
    assert type(share("keep", np.float32(0.5))) is float
    assert (share("keep", 1), share("keep", Fraction(1, 4))) == (1.0, 0.25)
    assert [seconds("start", value) for value in (np.float64(1.5), np.int32(2), 0.1)] == [
        Fraction(3, 2),
        2,
        Fraction(0.1),
    ]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_named(value) -> None:
    with pytest.raises(UsageError, match=r"keep is .*; choose it in 0…1"):
        share("keep", value)
    with pytest.raises(UsageError, match=r"start is .*; give seconds, 0 or more"):
        seconds("start", value)
    with pytest.raises(UsageError, match=r"count is .*; give a whole number, 1 or more"):
        whole_number("count", value)


def test_ends_of_ranges_are_inside() -> None:
    assert (share("keep", 0), share("keep", 1), seconds("start", 0)) == (0, 1, 0)
    assert (whole_number("stream", 0, least=0), whole_number("crf", 63, most=63)) == (0, 63)
    for value in (-1e-9, 1.000001, 10**400):
        with pytest.raises(UsageError, match="keep is"):
            share("keep", value)
    with pytest.raises(UsageError, match="stream is -1; give a whole number, 0 or more"):
        whole_number("stream", -1, least=0)
    with pytest.raises(UsageError, match="crf is 64; give 63 at most"):
        whole_number("crf", 64, most=63)
    with pytest.raises(UsageError, match="count is True"):
        whole_number("count", True)


@pytest.mark.parametrize("value", ["x", None, 0, ["a"], np.array(["a", "b"])])
def test_words_without_meaning_get_the_known_ones(value) -> None:
    with pytest.raises(UsageError, match=r"color is .*; choose a, b"):
        refuse_unknown("color", value, ("a", "b"))
    refuse_unknown("color", "b", ("a", "b"))


def test_paths_of_any_type_are_those_of_files() -> None:
    assert file_path("output", b"a/b.png") == file_path("output", Path("a/b.png"))
    for value in (None, 5, ["a"], "", "/", "a\0b"):
        with pytest.raises(UsageError, match=r"output is .*, which no file is called"):
            file_path("output", value)
