"""Painting in one thread is cancelled by another."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from nst_rt.errors import ModelError
from nst_rt.model import read_model
from nst_rt.sessions import SessionOptions, open_session
from nst_rt.system.cancellation import CancelToken, cancelled_by, current_token, raise_if_cancelled

ENGINES = ("openvino", "onnxruntime")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("in_main_thread", [True, False])
def test_stop_ends_a_long_inference_and_the_engine_paints_on(
    engine, in_main_thread, model_path
) -> None:
    session = open_session(read_model(model_path), SessionOptions(device=engine, threads=1))
    large, small = (np.zeros((1, size, size, 3), np.uint8) for size in (2048, 16))
    token, caught = CancelToken(), []
    timer = threading.Timer(0.3, token.cancel)  # inside the first picture

    def work() -> None:
        with cancelled_by(token), pytest.raises(CancelledError) as error:
            session.run(large)
        caught.append(error)

    thread = threading.Thread(target=work)
    timer.start()
    if in_main_thread:
        work()
    else:
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    timer.join()
    assert caught
    assert session.run(small).shape == small.shape


def test_what_was_stopped_before_ends_at_once_and_alone() -> None:
    token, calls = CancelToken(), []
    token.cancel()
    with cancelled_by(token):
        with pytest.raises(CancelledError):
            raise_if_cancelled()
        with current_token().on_cancel(lambda: calls.append("called")):
            assert calls == ["called"]
    raise_if_cancelled()


@pytest.mark.parametrize("engine", ENGINES)
def test_what_follows_a_stop_is_painted_as_before(engine, model_path, photo) -> None:
    """Of all sizes, and by threads that wait while the picture is stopped."""
    session = open_session(
        read_model(model_path), SessionOptions(device=engine, precision="fp32", threads=1)
    )
    small = np.ascontiguousarray(photo[None, :64, :48])
    expected = session.run(small)
    large = np.zeros((1, 1500, 1500, 3), np.uint8)
    others = ThreadPoolExecutor(2)

    def paint_on() -> None:
        while True:
            session.run(large)

    for seconds in (0.1, 0.2, 0.3):
        token, waiting = CancelToken(), []  # type: ignore[var-annotated]

        def stop_soon(token: CancelToken = token, waiting: list[Any] = waiting) -> None:
            waiting += [others.submit(session.run, small) for _ in range(2)]
            threading.Timer(0.1, token.cancel).start()  # when they wait behind the large one

        threading.Timer(seconds, stop_soon).start()
        with cancelled_by(token), pytest.raises(CancelledError):
            paint_on()
        assert all((painting.result() == expected).all() for painting in waiting)
        assert (session.run(small) == expected).all()
    others.shutdown()


def test_what_follows_a_failure_inside_the_engine_is_painted_as_before(model_path, photo) -> None:
    session = open_session(read_model(model_path), SessionOptions(device="openvino", threads=1))
    small = np.ascontiguousarray(photo[None, :64, :48])
    expected = session.run(small)
    compiled = session._compiled
    with pytest.raises(ModelError, match="cannot paint with it"):
        session.run(small[..., :2])  # not contiguous
    assert session._compiled is not compiled
    assert (session.run(small) == expected).all()
