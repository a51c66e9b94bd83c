"""Resources of a CUDA session live exactly as long as the GPU works with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cuda.echo import steady_echo_model
from tests.cuda.scripts import ON_DEVICE, OPEN

LAZY = pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])


@pytest.fixture(scope="module")
def steady_echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return steady_echo_model(tmp_path_factory.mktemp("cuda") / "echo.steady.onnx")


@LAZY
def test_session_that_nobody_has_gives_its_memory_back_at_once(cuda_machine, echo, lazy) -> None:
    """Not when Python looks for garbage, which may be minutes later. What is painted is done."""
    code = """
    import gc
    gc.disable()
    session = opened()
    for _ in range(5):
        session.run(picture)
    waiting = session.submit(picture)
    del session
    print((waiting.result() == picture).all())
    del waiting
    print(used())
    """
    ended = cuda_machine.run(code, echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["True", "0"], ended.err


@LAZY
def test_session_closes_when_what_it_began_is_done(cuda_machine, echo, lazy) -> None:
    code = """
    class Part:
        def __del__(self):
            print(cuda.driver.cuStreamQuery(stream.handle)[0].name)

    session = opened()
    waiting, stream = session.submit(picture), session._pictures.compute
    session._session.part = Part()
    session.close()
    print((waiting.result() == picture).all())
    """
    ended = cuda_machine.run(ON_DEVICE + code, echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["CUDA_SUCCESS", "True"], ended.err


def test_engine_is_freed_before_the_stream_that_it_uses_till_then(cuda_machine) -> None:
    """Dropped, as garbage of a cycle, closed, and when the process ends."""
    code = """
    import gc

    def painted():
        model = read_model("starry-night", variant="steady")
        session = open_session(model, SessionOptions(device="cuda"))
        for _ in range(5):
            session.run(picture)
        return session

    painted()
    knot = [painted()]
    knot.append(knot)
    del knot
    gc.collect()
    painted().close()
    print(used())
    left = painted()
    """
    ended = cuda_machine.run(code, before=OPEN)
    assert (ended.code, ended.out) == (0, "0\n"), ended.err
    assert "cudaLaunchHostFunc" in ended.calls[ended.calls.index("cuStreamDestroy") :]


@LAZY
def test_garbage_of_a_cycle_is_freed_in_order(cuda_machine, echo, lazy) -> None:
    """A painting that nobody waited for, its picture, which another library lent, and all else."""
    code = """
    import gc
    from nst_rt.nvidia.dlpack import export_capsule

    class Lender:
        def __init__(self):
            self.buffer = DeviceBuffer(cuda, 1800)

        def __dlpack_device__(self):
            return 2, 0

        def __dlpack__(self, **wishes):
            # its library takes the memory for other work as soon as it is given back
            owner = Owner()
            owner.buffer = self.buffer
            return export_capsule(owner, int(self.buffer.address), (20, 30, 3), (2, 0), False)

    class Owner:
        def __del__(self):
            print(cuda.driver.cuStreamQuery(stream.handle)[0].name)

    class Knot:
        pass

    def tie():
        knot = Knot()
        knot.itself, knot.session = knot, opened()
        lent = Lender()
        place = knot.session.as_device_array(lent)
        knot.painting = knot.session.paint_array(lent, place)
        return knot.session._pictures.compute

    stream = tie()
    gc.collect()
    print(used())
    """
    ended = cuda_machine.run(ON_DEVICE + code, echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["CUDA_SUCCESS", "0"], ended.err


@LAZY
def test_what_was_painted_before_an_error_is_in_order(cuda_machine, steady_echo, lazy) -> None:
    """The painting is done, what came beside it does not come down."""
    code = """
    image, painting = (OnDevice(picture.shape) for _ in range(2))
    source, target = (PinnedArray(cuda, picture.shape) for _ in range(2))
    stream = Stream(cuda)
    source.array[:] = picture
    stream.upload(source, image.buffer)
    session = opened()
    os.environ["STAND_IN_FAIL"] = "cuMemcpyDtoHAsync:2"
    print(told(lambda: session.paint_on_device(image, painting, stream=int(stream.handle))))
    os.environ["STAND_IN_FAIL"] = ""
    stream.download(painting.buffer, target)
    cuda.call(cuda.driver.cuStreamSynchronize, stream.handle)
    print((target.array == picture).all())
    """
    ended = cuda_machine.run(ON_DEVICE + code, steady_echo, before=OPEN, lazy=lazy)
    error, is_there = ended.out.splitlines()
    assert error.startswith("OutOfMemoryError 5: not enough GPU memory"), ended.err
    assert is_there == "True"


def test_captures_of_other_threads_are_not_spoilt(cuda_machine, echo) -> None:
    """ONNX Runtime captures in the mode that forbids all other threads to allocate, and waits."""
    code = """
    modes = cuda.driver.CUstreamCaptureMode
    stream = Stream(cuda)
    cuda.call(cuda.driver.cuStreamBeginCapture, stream.handle, modes.CU_STREAM_CAPTURE_MODE_GLOBAL)

    def paints():
        session = opened()
        same = [(session.run(picture) == picture).all() for _ in range(5)]
        session.pinned(2, 3)
        session.release()
        session.close()
        return all(same)

    with ThreadPoolExecutor(1) as other:
        print(other.submit(paints).result(), used())
    cuda.call(cuda.driver.cuStreamEndCapture, stream.handle)
    """
    ended = cuda_machine.run(ON_DEVICE + code, echo, before=OPEN)
    assert (ended.code, ended.out) == (0, "True 0\n"), ended.err


def test_garbage_that_is_found_during_a_capture_is_freed_and_does_not_spoil_it(
    cuda_machine, echo
) -> None:
    code = """
    import gc
    from nst_rt.nvidia.graphs import Graph
    stream, knot = Stream(cuda), [DeviceBuffer(cuda, 1800)]
    knot.append(knot)
    del knot
    print(used())
    graph = Graph(cuda, stream, gc.collect)
    print(used())
    graph.launch(stream)
    """
    ended = cuda_machine.run(ON_DEVICE + code, echo, before=OPEN)
    assert (ended.code, ended.out.splitlines()) == (0, ["1800", "0"]), ended.err


def test_nothing_is_freed_while_another_thread_begins_a_picture(cuda_machine, echo) -> None:
    code = """
    session = opened()
    lock, sessions = session._pictures._lock, session._sessions
    for name in ("run", "release", "close"):
        def wrapped(*arguments, name=name, inner=getattr(sessions, name), **options):
            print(name, lock.locked())
            return inner(*arguments, **options)
        setattr(sessions, name, wrapped)
    session.run(picture)
    session.release()
    session.close()
    """
    ended = cuda_machine.run(code, echo, before=OPEN)
    assert ended.out.splitlines() == ["run True", "release True", "run True", "close True"], (
        ended.err
    )


def test_lack_of_memory_is_none_of_release(cuda_machine) -> None:
    code = """
    session = opened()
    session.run(black(64, 64))
    os.environ["STAND_IN_FAIL"] = "kernel:2"
    print(told(session.release))
    os.environ["STAND_IN_FAIL"] = ""
    print(session.run(picture).shape)
    """
    ended = cuda_machine.run(code, "starry-night", before=OPEN)
    assert ended.out.splitlines() == ["None", "(1, 20, 30, 3)"], ended.err


def test_what_fails_before_anything_runs_is_an_error_of_ours(cuda_machine, steady_echo) -> None:
    """ONNX Runtime copies an input that no node on the GPU takes when it hears where it lies."""
    code = """
    session = opened()
    os.environ["STAND_IN_FAIL"] = "cudaMemcpyAsync:2"
    print(told(lambda: session.run(picture)))
    os.environ["STAND_IN_FAIL"] = ""
    print((session.run(picture) == picture).all())
    """
    ended = cuda_machine.run(code, steady_echo, before=OPEN)
    error, same = ended.out.splitlines()
    assert error.startswith("OutOfMemoryError 5: not enough GPU memory"), ended.err
    assert same == "True"
