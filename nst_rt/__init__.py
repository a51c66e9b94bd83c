"""Paint pictures in a trained style: `Stylizer("starry-night")(photo)`.

Importing this package costs numpy and nothing else; what is heavy loads on first use.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nst_rt._version import __version__
from nst_rt.errors import (
    ClosedError,
    InputError,
    LimitError,
    MissingExtraError,
    ModelError,
    NstError,
    OutOfMemoryError,
    OutputError,
    ParityError,
    ProviderError,
    SizeError,
    UnsafeError,
    UsageError,
)

if TYPE_CHECKING:
    from nst_rt.images import Picture
    from nst_rt.stylizer import Stylizer
    from nst_rt.system.cancellation import CancelToken, cancelled_by

__all__ = [
    "CancelToken",
    "ClosedError",
    "InputError",
    "LimitError",
    "MissingExtraError",
    "ModelError",
    "NstError",
    "OutOfMemoryError",
    "OutputError",
    "ParityError",
    "Picture",
    "ProviderError",
    "SizeError",
    "Stylizer",
    "UnsafeError",
    "UsageError",
    "__version__",
    "cancelled_by",
]
_LOADED_ON_USE = {
    "CancelToken": "nst_rt.system.cancellation",
    "Picture": "nst_rt.images",
    "Stylizer": "nst_rt.stylizer",
    "cancelled_by": "nst_rt.system.cancellation",
}

logging.getLogger(__name__).addHandler(logging.NullHandler())  # who wants to hear us says so


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_USE:
        return getattr(import_module(_LOADED_ON_USE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
