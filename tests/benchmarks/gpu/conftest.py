from __future__ import annotations

import pytest

from benchmarks.gpu import timing


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long takes a moment."""
    monkeypatch.setattr(timing, "SECONDS", 0.01)
    monkeypatch.setattr(timing, "LATENCIES", 3)
