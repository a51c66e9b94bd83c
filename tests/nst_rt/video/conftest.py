"""What the tests of video share."""

from __future__ import annotations

import pytest

from nst_rt.video.pipes import Inflow


@pytest.fixture(autouse=True)
def inflows_are_closed(monkeypatch):
    opened, begin = [], Inflow.__init__

    def watched(inflow, name) -> None:
        begin(inflow, name)
        opened.append(inflow)

    monkeypatch.setattr(Inflow, "__init__", watched)
    yield
    for inflow in opened:
        inflow.close()
