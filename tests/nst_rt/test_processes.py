"""A Stylizer and processes: forked, spawned, and running for a long time."""

from __future__ import annotations

import dataclasses
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from nst_rt import Stylizer

ENGINES = ("openvino", "onnxruntime")


@pytest.mark.parametrize("device", ENGINES)
def test_refused_after_fork_and_never_hangs(device, model_path) -> None:
    """An inherited Stylizer refuses with a cure; a new one paints; the child ends by itself."""
    code = """
import os, sys
import numpy as np
from nst_rt import ClosedError, Stylizer

photo, device = np.zeros((32, 32, 3), np.uint8), sys.argv[2]
stylizer = Stylizer(sys.argv[1], device=device, threads=2).warmup(32, 32)
child = os.fork()
if not child:
    for use in (stylizer, stylizer.stream, lambda photo: stylizer.__enter__()):
        try:
            use(photo)
        except ClosedError as error:
            assert str(error) == "was created in another process; create it after fork"
        else:
            os._exit(9)
    stylizer.close()
    del stylizer, use
    with Stylizer(sys.argv[1], device=device, threads=2) as own:
        own(photo)
    # the destructors of onnxruntime's own module hang in every forked child
    os._exit(0) if device == "onnxruntime" else sys.exit(0)
stylizer(photo)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    command = [sys.executable, "-c", code, str(model_path), device]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_fork_waits_until_no_thread_of_an_engine_works(model_path) -> None:
    """A painting thread may hold a lock, which nobody would release in the child."""
    code = """
import os, sys, threading
from pathlib import Path

awake = []

def look():
    known = {thread.native_id for thread in threading.enumerate()}
    for task in Path("/proc/self/task").iterdir():
        if int(task.name) not in known and "State:\\tS" not in (task / "status").read_text():
            awake.append(task.name)

os.register_at_fork(before=look)  # the first to be registered is the last to be called

import numpy as np
from nst_rt import Stylizer

photo = np.zeros((200, 200, 3), np.uint8)
stylizer = Stylizer(sys.argv[1], device="openvino", threads=2)
painted, stop = threading.Semaphore(0), threading.Event()

def paint():
    while not stop.is_set():
        stylizer(photo)
        painted.release()

thread = threading.Thread(target=paint)
thread.start()
for _ in range(8):
    painted.acquire()
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
stop.set()
thread.join()
sys.exit(len(awake))
"""
    done = subprocess.run([sys.executable, "-c", code, str(model_path)], check=False, timeout=60)
    assert done.returncode == 0


def test_pickles_as_its_recipe(model_path, photo, monkeypatch) -> None:
    """Another process makes its own engine, wherever it runs."""
    monkeypatch.chdir(model_path.parent)
    with Stylizer(model_path.name, threads=1, precision="fp32", strength=0.5, size=64) as stylizer:
        expected, recipe = stylizer(photo), pickle.dumps(stylizer)
        monkeypatch.chdir("/")
        with pickle.loads(recipe) as other:
            assert (other(photo) == expected).all()
            assert other.info == dataclasses.replace(stylizer.info, path=str(model_path))
    with Stylizer("the-scream", threads=1) as shipped:
        assert b"site-packages" not in pickle.dumps(shipped)
        assert b"the-scream.onnx" not in pickle.dumps(shipped)


def paint_one(stylizer: Stylizer) -> int:
    return int(stylizer(np.zeros((16, 16, 3), np.uint8)).size)


def test_spawned_processes_paint_with_what_they_are_sent(model_path) -> None:
    stylizer = Stylizer(model_path, threads=1)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        assert processes.submit(paint_one, stylizer).result(60) == 16 * 16 * 3


@pytest.mark.parametrize("device", ENGINES)
def test_calls_leave_nothing_behind(device, model_path) -> None:
    """Memory, open files and threads are those of before."""
    code = """
import asyncio, gc, os, sys, threading
from pathlib import Path
import numpy as np
from nst_rt import Stylizer

def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

photo = np.zeros((16, 24, 3), np.uint8)
stylizer = Stylizer(sys.argv[1], device=sys.argv[2], threads=1)

async def calls(count):
    async for _ in stylizer.astream(photo for _ in range(count)):
        pass

def paint(count):
    for _ in range(count):
        stylizer(photo)
    for _ in stylizer.stream(photo for _ in range(count)):
        pass
    asyncio.run(calls(count // 10))

paint(100)
before = resident(), len(os.listdir("/proc/self/fd")), threading.active_count()
paint(500)
after = resident(), len(os.listdir("/proc/self/fd")), threading.active_count()
print(*(now - then for now, then in zip(after, before)))
"""
    command = [sys.executable, "-c", code, str(model_path), device]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    memory, files, threads = map(int, done.stdout.split())
    assert memory < 5 * 2**20
    assert (files, threads) == (0, 0)
