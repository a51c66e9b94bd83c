"""The stand-ins behave like CUDA where the tests of our code rely on it."""

from __future__ import annotations

import textwrap

import pytest

from tests.cuda.scripts import DRIVER

STREAM = (
    DRIVER
    + """
    one, two = (ok(driver.cuStreamCreate(1)) for _ in range(2))
    host = [ok(driver.cuMemHostAlloc(4, 0)) for _ in range(2)]
    device = ok(driver.cuMemAlloc(4))
    def put(value): ctypes.memmove(host[0], value, 4)
    def got(): return ctypes.string_at(host[1], 4)
"""
)


def test_cuda_python_copies_through_the_device(cuda_machine) -> None:
    ended = cuda_machine.run(
        """
    put(b"abcd")
    ok(driver.cuMemcpyHtoDAsync(device, host[0], 4, one))
    ok(driver.cuMemcpyDtoHAsync(host[1], device, 4, one))
    ok(driver.cuStreamSynchronize(one))
    print(got())
    """,
        before=STREAM,
    )
    assert (ended.code, ended.out) == (0, "b'abcd'\n"), ended.err
    assert ended.count("cuMemcpyHtoDAsync") == 1


def test_lazy_streams_show_what_nobody_waited_for(cuda_machine) -> None:
    """A copy out of the device that does not wait for the copy into it gives stale bytes."""
    ended = cuda_machine.run(
        """
    event = ok(driver.cuEventCreate(0))
    for wait in (False, True):
        put(b"wait" if wait else b"race")
        ok(driver.cuMemcpyHtoDAsync(device, host[0], 4, one))
        ok(driver.cuEventRecord(event, one))
        if wait:
            ok(driver.cuStreamWaitEvent(two, event, 0))
        ok(driver.cuMemcpyDtoHAsync(host[1], device, 4, two))
        ok(driver.cuStreamSynchronize(two))
        print(got())
    """,
        before=STREAM,
        lazy=1,
    )
    assert ended.out.splitlines() == [str(b"\xa5" * 4), "b'wait'"], ended.err


def test_graph_replays_what_was_captured_with_what_is_there_now(cuda_machine) -> None:
    ended = cuda_machine.run(
        """
    put(b"then")
    ok(driver.cuStreamBeginCapture(one, driver.CUstreamCaptureMode(0)))
    ok(driver.cuMemcpyHtoDAsync(device, host[0], 4, one))
    ok(driver.cuMemcpyDtoHAsync(host[1], device, 4, one))
    captured = ok(driver.cuStreamEndCapture(one))
    graph = ok(driver.cuGraphInstantiate(captured, 0))
    ok(driver.cuGraphDestroy(captured))
    put(b"now!")
    ok(driver.cuGraphLaunch(graph, one))
    ok(driver.cuStreamSynchronize(one))
    print(got())
    """,
        before=STREAM,
    )
    assert ended.out == "b'now!'\n", ended.err


def test_who_may_not_wait_spoils_what_is_captured(cuda_machine) -> None:
    """By the mode of the capture, and by what the thread that would wait asked for itself."""
    ended = cuda_machine.run(
        """
    modes = driver.CUstreamCaptureMode
    def allocate(mode):
        ok(driver.cuThreadExchangeStreamCaptureMode(modes(mode)))
        return int(driver.cuMemAlloc(4)[0])
    for captured, elsewhere, asked in ((0, 0, 0), (0, 1, 0), (0, 1, 1), (1, 1, 0), (1, 0, 2)):
        ok(driver.cuStreamBeginCapture(one, modes(captured)))
        with ThreadPoolExecutor(1) as other:
            work = other.submit(allocate, asked).result if elsewhere else lambda: allocate(asked)
            print(work(), int(driver.cuStreamEndCapture(one)[0]))
    """,
        before="from concurrent.futures import ThreadPoolExecutor\n" + textwrap.dedent(STREAM),
    )
    assert ended.out.splitlines() == ["900 901", "900 901", "0 0", "0 0", "0 0"], ended.err


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
@pytest.mark.parametrize(
    ("misuse", "said"),
    [
        ("ok(driver.cuMemFree(device)); copy()", "of the GPU, or pinned, is named that was freed"),
        ("ok(driver.cuMemFree(device)); ok(driver.cuMemFree(device))", "is freed twice"),
        ("ok(driver.cuMemFree(host[0]))", "is freed as if it were of the other kind"),
        ("copy(5)", "is read past its end"),
        ("ok(driver.cuMemsetD8Async(int(device) + 2, 0, 3, one))", "is filled past its end"),
        ("ok(driver.cuMemcpyDtoHAsync(host[1], 4096, 1, one))", "is read that never was there"),
        ("ok(driver.cuStreamDestroy(one)); copy()", "a stream is used that was destroyed"),
        ("ok(driver.cuEventDestroy(event)); ok(driver.cuEventRecord(event, one))", "an event is"),
        ("ok(driver.cuGraphLaunch(captured(), one))", "a graph that can be launched is used"),
        ("gone = captured(); ok(driver.cuGraphDestroy(gone)); launchable(gone)", "a graph is used"),
    ],
)  # fmt: skip
def test_misuse_ends_the_process_and_says_of_what(cuda_machine, lazy, misuse, said) -> None:
    before = """
    event = ok(driver.cuEventCreate(0))

    def copy(size=4):
        ok(driver.cuMemcpyHtoDAsync(device, host[0], size, one))

    def captured():
        ok(driver.cuStreamBeginCapture(one, driver.CUstreamCaptureMode(0)))
        copy()
        return ok(driver.cuStreamEndCapture(one))

    def launchable(graph):
        return ok(driver.cuGraphInstantiate(graph, 0))

    """
    code = textwrap.dedent(before) + misuse + "\nok(driver.cuStreamSynchronize(one))"
    with pytest.raises(AssertionError, match=rf"signal 6\n(.|\n)*{said}"):
        cuda_machine.run(code, before=STREAM, lazy=lazy)


def test_memory_that_is_freed_before_work_is_done_ends_the_process(cuda_machine) -> None:
    code = """
    ok(driver.cuMemcpyHtoDAsync(device, host[0], 4, one))
    ok(driver.cuMemFreeAsync(device, two))
    ok(driver.cuStreamSynchronize(two))
    ok(driver.cuStreamSynchronize(one))
    """
    with pytest.raises(AssertionError, match="is written that was freed"):
        cuda_machine.run(code, before=STREAM, lazy=1)
    assert cuda_machine.run(code, before=STREAM).code == 0


def test_pinned_memory_that_was_freed_is_read_by_nobody(cuda_machine) -> None:
    with pytest.raises(AssertionError, match="signal 11"):
        cuda_machine.run("ok(driver.cuMemFreeHost(host[1])); got()", before=STREAM)


def test_memory_is_counted_and_ends(cuda_machine) -> None:
    ended = cuda_machine.run(
        """
    before = driver.cuMemGetInfo()[1:]
    code, _ = driver.cuMemAlloc(65 << 20)
    block = ok(driver.cuMemAlloc(32 << 20))
    left = driver.cuMemGetInfo()[1]
    ok(driver.cuMemFree(block))
    print(int(code), before[0] - left == 32 << 20, driver.cuMemGetInfo()[1:] == before)
    """,
        before=STREAM,
        memory_mib=64,
    )
    assert ended.out == "2 True True\n", ended.err


def test_call_fails_as_asked(cuda_machine) -> None:
    code = "print(int(driver.cuStreamSynchronize(one)[0]))"
    assert cuda_machine.run(code, before=STREAM, fail="cuStreamSynchronize:700").out == "700\n"
    assert cuda_machine.run(code, before=STREAM, fail="cuStreamSync:700").out == "0\n"
    assert "AssertionError" in cuda_machine.run(code, before=STREAM, devices=0).err
