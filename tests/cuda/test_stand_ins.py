"""The stand-ins behave like CUDA where the tests of our code rely on it."""

from __future__ import annotations

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
    print(int(driver.cuMemAlloc(4)[0]), int(driver.cuStreamSynchronize(one)[0]))
    graph = ok(driver.cuGraphInstantiate(ok(driver.cuStreamEndCapture(one)), 0))
    put(b"now!")
    ok(driver.cuGraphLaunch(graph, one))
    ok(driver.cuStreamSynchronize(one))
    print(got())
    """,
        before=STREAM,
    )
    assert ended.out.splitlines() == ["900 900", "b'now!'"], ended.err


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
