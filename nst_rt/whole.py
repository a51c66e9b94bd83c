"""Counts and sizes that callers give, who may give anything."""

from __future__ import annotations

import operator

from nst_rt.errors import UsageError


def whole(name: str, value: object, *, most: int | None = None) -> int:
    """The number, of whatever type, if it is a whole one from 1 on.

    Raises:
        UsageError: it is none, below 1, or above `most`.
    """
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}", cure="give a whole number, 1 or more")
    if most is not None and number > most:
        raise UsageError(f"{name} is {number:,}", cure=f"give {most:,} at most")
    return number
