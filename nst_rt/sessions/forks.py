"""What a forked child inherits of an engine is never freed there.

An engine's destructor waits for threads that the child does not have: it would hang, or end the
process with an error, when the child drops the object and at the latest when it exits.
"""

from __future__ import annotations

import ctypes
import os
from weakref import WeakSet

_engines: WeakSet[object] = WeakSet()


def keep_in_children(*engines: object) -> None:
    """Let children of this process hold these objects for ever, whoever drops them."""
    _engines.update(engines)


def _keep() -> None:
    for engine in _engines:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep)
