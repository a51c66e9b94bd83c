"""Memory does not grow with sessions that are opened and closed, or with sizes that change."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

ROUNDS = """
    import gc, os, sys
    from pathlib import Path
    import numpy as np
    from nst_rt.model import read_model
    from nst_rt.sessions import SessionOptions, open_session

    def resident():
        gc.collect()
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    path, device, rounds = sys.argv[1:]
    model, image = read_model(path), np.zeros((1, 32, 32, 3), np.uint8)
    for number in range(int(rounds)):
        session = open_session(model, SessionOptions(device=device, threads=1))
        session.run(image)
        session.close()
        if number == 20:
            before = resident()
    print((resident() - before) >> 10)
"""
LIMIT_KIB = 10 * 1024


@pytest.mark.parametrize(("device", "rounds"), [("openvino", 60), ("onnxruntime", 300)])
def test_memory_of_closed_sessions_comes_back(model_path, device, rounds) -> None:
    command = [sys.executable, "-c", textwrap.dedent(ROUNDS), str(model_path), device, str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < LIMIT_KIB


def test_memory_of_closed_cuda_sessions_comes_back(cuda_machine, model_path) -> None:
    ended = cuda_machine.run(ROUNDS, model_path, "cuda", "100")
    assert int(ended.out) < LIMIT_KIB, ended.err


SIZES = """
    import sys
    import numpy as np
    from nst_rt.model import read_model
    from nst_rt.sessions import SessionOptions, open_session

    def resident():
        return int(open("/proc/self/statm").read().split()[1]) * 4096

    path, device, largest = sys.argv[1:]
    session = open_session(read_model(path), SessionOptions(device=device, threads=1))
    before = resident()
    session.run(np.zeros((1, int(largest), int(largest), 3), np.uint8))
    taken = resident() - before
    for height, width in np.random.default_rng(1).integers(40, int(largest), (12, 2)):
        session.run(np.zeros((1, height, width, 3), np.uint8))
    print((resident() - before) / taken)
"""


@pytest.mark.parametrize("device", ["openvino", "onnxruntime"])
def test_pictures_of_many_sizes_take_no_more_memory_than_the_largest(model_path, device) -> None:
    command = [sys.executable, "-c", textwrap.dedent(SIZES), str(model_path), device, "1400"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.2
