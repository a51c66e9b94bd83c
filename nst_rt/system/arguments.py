"""Checks of callers' arguments, which may be anything: numbers, words, paths."""

from __future__ import annotations

import math
import operator
import os
from fractions import Fraction
from numbers import Rational, Real
from pathlib import Path

from nst_rt.errors import UsageError


def whole_number(
    name: str,
    value: object,
    *,
    least: int = 1,
    most: int | None = None,
    cure: str = "give a whole number, {} or more",
) -> int:
    """Return a whole number of any type as an int, if it is in range.

    Raises:
        UsageError: it is no whole number, below `least`, or above `most`.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}", cure=cure.format(least))
    if most is not None and number > most:
        raise UsageError(f"{name} is {number:,}", cure=f"give {most:,} at most")
    return number


def number(
    name: str,
    value: object,
    *,
    least: Fraction | int = 0,
    most: Fraction | int | None = None,
    cure: str,
) -> Fraction:
    """Return a real number of any type exactly, if it is in `least`…`most`.

    Raises:
        UsageError: it is no number, or out of range.
    """
    exact = None
    if isinstance(value, Rational):
        exact = Fraction(int(value.numerator), int(value.denominator))
    elif isinstance(value, Real) and math.isfinite(value):
        exact = Fraction(float(value))
    if exact is None or exact < least or (most is not None and exact > most):
        said = value if isinstance(value, Fraction) else repr(value)
        raise UsageError(f"{name} is {said}", cure=cure)
    return exact


def share(name: str, value: object) -> float:
    """Return a real number of any type as a float, if it is in 0…1.

    Raises:
        UsageError: it is no number, or out of range.
    """
    return float(number(name, value, most=1, cure="choose it in 0…1"))


def seconds(name: str, value: object) -> Fraction:
    """Return a time of any numeric type exactly, if it is 0 or more.

    Raises:
        UsageError: it is no number, negative, or infinite.
    """
    return number(name, value, cure="give seconds, 0 or more")


def refuse_unknown(name: str, value: object, known: tuple[str, ...]) -> None:
    """Raise `UsageError` for a value that is not among the known ones."""
    if not isinstance(value, str) or value not in known:
        raise UsageError(f"{name} is {value!r}", cure=f"choose {', '.join(known)}")


def file_path(name: str, value: object) -> Path:
    """Return a path that a file can have.

    Raises:
        UsageError: it is no path, or no file can have it.
    """
    try:
        path = Path(os.fsdecode(value))  # type: ignore[arg-type]  # that is the question
        if path.name and b"\0" not in os.fsencode(path):
            return path
    except (TypeError, UnicodeEncodeError):
        pass
    raise UsageError(f"{name} is {value!r}, which no file is called", cure="give a file's path")
