"""A program that ends while its threads paint ends as if they did not."""

from __future__ import annotations

import subprocess
import sys

import pytest

BEGIN = """
import atexit, sys, threading
import numpy as np
from nst_rt import Stylizer

stylizer = Stylizer(sys.argv[1], device=sys.argv[2], threads=1)
photo = np.zeros((400, 400, 3), np.uint8)
painted, stop = threading.Semaphore(0), threading.Event()

def paint():
    while not stop.is_set():
        stylizer(photo)
        painted.release()

"""
DAEMON = "threading.Thread(target=paint, daemon=True).start()\npainted.acquire()\n"
STREAM = "paintings = stylizer.stream(photo for _ in range(1000))\nnext(paintings)\n"
OPENING = """
def reopen():
    while True:
        Stylizer(sys.argv[1], device=sys.argv[2], threads=1)
        painted.release()

threading.Thread(target=reopen, daemon=True).start()
painted.acquire()
"""
JOINED = """
thread = threading.Thread(target=paint, daemon=True)

def end():
    stop.set()
    thread.join()
    stylizer(photo)
    print("joined")

atexit.register(end)
thread.start()
painted.acquire()
"""


@pytest.mark.parametrize("device", ["openvino", "onnxruntime"])
@pytest.mark.parametrize(
    ("work", "says"),
    [(DAEMON, ""), (STREAM, ""), (OPENING, ""), (JOINED, "joined\n")],
    ids=["daemon", "stream", "opening", "joined"],
)
def test_program_ends_in_peace(model_path, device, work, says) -> None:
    command = [sys.executable, "-c", BEGIN + work, str(model_path), device]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, says, "")
