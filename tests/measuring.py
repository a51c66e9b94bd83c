"""Where coverage is measured: where lines run that need a GPU, here and over the stand-ins.

To begin costs a process a tenth of a second, and from then on Python takes half as long again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import walk_packages

BEGIN = "COVERAGE_PROCESS_START"
"""The environment variable that begins it."""
MEASURED = {BEGIN: os.environ.pop(BEGIN)} if BEGIN in os.environ else {}
"""Goes into the environment of a process that is measured, if this one is."""
ELSEWHERE = {
    *("benchmarks", "examples", "nst_export", "nst_train", "nst_train/methods"),
    *("nst_rt/images", "nst_rt/model", "nst_rt/video", "nst_rt/video/live"),
}
"""Folders whose tests are about other code."""
ALONE = {"nst_rt/commands"}
"""Folders whose processes are not measured unless a test gives them `MEASURED`."""
_PACKAGES = (
    *("nst_rt.nvidia", "nst_rt.ops", "nst_rt.sessions", "nst_rt.diagnosis", "nst_rt.engines"),
    *("nst_export.engine", "benchmarks.gpu"),
)


def import_all() -> None:
    """Import what is measured: a pause would hide the lines of a module that it imports first."""
    for name in _PACKAGES:
        package = import_module(name)
        for module in walk_packages(package.__path__, f"{name}."):
            import_module(module.name)


@contextmanager
def measured(folder: str) -> Iterator[None]:
    """Measure tests of a folder of `tests` as it asks for, and the processes that they start."""
    if MEASURED and folder in ELSEWHERE:
        from coverage import Coverage

        measuring = Coverage.current()
        assert measuring
        measuring.stop()
        yield
        measuring.start()
    elif MEASURED and folder not in ALONE:
        os.environ.update(MEASURED)
        yield
        del os.environ[BEGIN]
    else:
        yield
