"""Results in a pipe: whole, whoever reads how slowly, and no one waits for who does not read."""

from __future__ import annotations

import os
import threading
from concurrent.futures import CancelledError
from contextlib import suppress

import pytest

from nst_rt.commands.stdout import Results
from nst_rt.system.cancellation import CancelToken, cancelled_by

LARGE = bytes(range(256)) * 4096
"""Far more than a pipe holds."""


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):  # closed by the test
            os.close(end)


def test_reader_gets_every_byte(pipe) -> None:
    outlet, inlet = pipe
    got = bytearray()

    def read() -> None:
        while len(got) < len(LARGE):
            got.extend(os.read(outlet, 5000))

    reading = threading.Thread(target=read)
    reading.start()
    Results(inlet).write(LARGE)
    reading.join(20)
    assert got == LARGE


def test_stop_ends_the_wait_for_a_reader_that_does_not_read(pipe) -> None:
    token, ends = CancelToken(), []

    def write() -> None:
        with cancelled_by(token), pytest.raises(CancelledError) as caught:
            Results(pipe[1]).write(LARGE)
        ends.append(caught)

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    token.cancel()
    writing.join(20)
    assert ends


def test_reader_that_leaves_is_a_broken_pipe(pipe) -> None:
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        Results(pipe[1]).write(LARGE)
