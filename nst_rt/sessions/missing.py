"""The error for an engine that an installation lacks."""

from __future__ import annotations

from nst_rt.errors import MissingExtraError


def missing_engine(module: str, extra: str, error: ImportError) -> MissingExtraError:
    """Return the error for an engine whose package is not installed, or does not load."""
    absent = isinstance(error, ModuleNotFoundError)
    what = "is not installed" if absent else f"does not load ({error})"
    return MissingExtraError(f"{module} {what}", cure=f'pip install "nst-rt[{extra}]"')
