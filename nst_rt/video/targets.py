"""Refusing outputs that would destroy what must stay."""

from __future__ import annotations

import os
from pathlib import Path

from nst_rt.errors import UsageError
from nst_rt.system.atomic import is_replaceable


def refuse_source_as_target(source: Path, target: Path) -> None:
    """Raise `UsageError` if the output is its own source, or a link to it."""
    if source.exists() and target.exists() and source.samefile(target):
        raise UsageError("is the video itself", path=target, cure="choose another output")


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Raise `UsageError` if the output exists and may not be replaced."""
    if not is_replaceable(target):
        raise UsageError(
            "is neither a file nor a link",
            path=target,
            cure="choose another output; into a pipe, write - and redirect it",
        )
    if not overwrite and os.path.lexists(target):
        raise UsageError("exists already", path=target, cure="pass overwrite=True (--overwrite)")
