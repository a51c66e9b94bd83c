"""What the tests of video share."""

from __future__ import annotations

import pytest

from nst_rt.video.pipes import ByteReader


@pytest.fixture(autouse=True)
def readers_are_closed(monkeypatch):
    opened, begin = [], ByteReader.__init__

    def watched(reader, name) -> None:
        begin(reader, name)
        opened.append(reader)

    monkeypatch.setattr(ByteReader, "__init__", watched)
    yield
    for reader in opened:
        reader.close()
