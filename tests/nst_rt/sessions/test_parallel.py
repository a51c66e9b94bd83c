"""Pictures that are painted at once share the CPU threads of one session."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from nst_rt.model import read_model
from nst_rt.sessions import SessionOptions, open_session
from nst_rt.sessions.threads import allowed_threads
from nst_rt.system.cancellation import CancelToken, cancelled_by

PHOTO = np.zeros((1, 16, 16, 3), np.uint8)


@pytest.mark.parametrize("threads", [None, 1, 2, 6])
@pytest.mark.parametrize("parallel", [1, 4])
def test_streams_of_openvino_share_its_threads(
    model_path: Path, threads: int | None, parallel: int
) -> None:
    session = open_session(
        read_model(model_path),
        SessionOptions(device="openvino", threads=threads, parallel=parallel),
    )
    allowed = threads or allowed_threads()
    assert int(session._compiled.get_property("INFERENCE_NUM_THREADS")) <= allowed
    assert int(session._compiled.get_property("NUM_STREAMS")) <= min(parallel, allowed)
    session.close()


@pytest.mark.parametrize(("threads", "parallel"), [(1, 1), (1, 4), (2, 1), (2, 4), (6, 4)])
def test_callers_of_onnxruntime_and_its_pool_are_no_more_than_its_threads(
    model_path: Path, monkeypatch, threads: int, parallel: int
) -> None:
    pools: list[int] = []
    made = onnxruntime.InferenceSession

    def seen(data, options, **others):
        pools.append(options.intra_op_num_threads - 1)
        return made(data, options, **others)

    monkeypatch.setattr(onnxruntime, "InferenceSession", seen)
    session = open_session(
        read_model(model_path),
        SessionOptions(device="onnxruntime", threads=threads, parallel=parallel),
    )
    crowd = Crowd(session._session)
    session._session = crowd
    with ThreadPoolExecutor(5) as callers:
        list(callers.map(session.run, [PHOTO] * 15))
    assert crowd.most + pools[0] == threads


def test_who_waits_for_a_turn_can_be_stopped(model_path: Path) -> None:
    session = open_session(read_model(model_path), SessionOptions(device="onnxruntime", threads=1))
    token = CancelToken()

    def paint() -> None:
        with cancelled_by(token):
            session.run(PHOTO)

    with session._turns, ThreadPoolExecutor(1) as callers:
        waiting = callers.submit(paint)
        token.cancel()
        with pytest.raises(CancelledError):
            waiting.result(10)
    session.run(PHOTO)


class Crowd:
    """An engine that counts how many are in it at once; each stays a moment."""

    def __init__(self, session) -> None:
        self._session, self._lock = session, threading.Lock()
        self._here = self.most = 0

    def run(self, *arguments):
        with self._lock:
            self._here += 1
            self.most = max(self.most, self._here)
        threading.Event().wait(0.02)
        try:
            return self._session.run(*arguments)
        finally:
            with self._lock:
                self._here -= 1
