"""Optional parts of nst-rt, which an installation may lack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nst_rt.errors import MissingExtraError, NstError


@contextmanager
def needing(extra: str, purpose: str) -> Iterator[None]:
    """Turn a failed import into an error that names the extra.

    Raises:
        MissingExtraError: a package is absent, or does not load.
    """
    try:
        yield
    except NstError:
        raise
    except ImportError as error:
        lacking = error.name if isinstance(error, ModuleNotFoundError) else str(error)
        cure = f'pip install "nst-rt[{extra}]"'
        if lacking == "onnxruntime":  # either build will do, but not both
            cure = 'pip install "nst-rt[cpu]", or "nst-rt[cuda]" for an NVIDIA GPU'
        raise MissingExtraError(f"{purpose} needs {lacking}", cure=cure) from error
