"""Native engines paint like any other session, over the real bindings of each version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cuda.scripts import ON_DEVICE, OPEN
from tests.tensorrt.bindings import VERSIONS
from tests.tensorrt.machine import RTX, EngineMachine, stand_in_engine

EngineMachineOf = Callable[[str], EngineMachine]
LAZY = pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])


@pytest.fixture
def machine(engine_machine_of: EngineMachineOf) -> EngineMachine:
    return engine_machine_of(VERSIONS[-1])


@pytest.fixture
def engine(machine: EngineMachine, tmp_path: Path) -> Path:
    return stand_in_engine(tmp_path / "echo.engine", machine)


@LAZY
@pytest.mark.parametrize("version", [*VERSIONS, RTX])
def test_pictures_in_flight_keep_their_pixels(
    engine_machine_of: EngineMachineOf, tmp_path: Path, version: str, lazy: int
) -> None:
    """Each set of buffers is painted once as it is, then as a graph, which TensorRT-RTX makes."""
    machine = engine_machine_of(version)
    code = """
    session = opened(trust_engine=True)
    image, paintings = picture.copy(), []
    for number in range(5):
        image[:] = number
        paintings.append(session.submit(image))
    image[:] = 99
    print(*(int(painting.result().max()) for painting in reversed(paintings)))
    for _ in range(2):
        print(*(int(session.run(np.full_like(image, number)).min()) for number in range(5)))
    print(session.provider, session.device, session.precision)
    session.close()
    print(used())
    """
    engine = stand_in_engine(tmp_path / "echo.engine", machine)
    ended = machine.run(code, engine, before=OPEN, lazy=lazy)
    title = "TensorRT-RTX" if version == RTX else "TensorRT"
    assert ended.out.splitlines() == [
        "4 3 2 1 0", "0 1 2 3 4", "0 1 2 3 4", f"{title} {version} cuda fp16", "0",
    ], ended.err  # fmt: skip
    assert ended.count("enqueue") == (15 if version == RTX else 6)  # one while it is captured
    assert ended.count("context that captures graphs") == (5 if version == RTX else 0)
    assert ended.count("cuGraphLaunch") == (0 if version == RTX else 10)
    assert ended.count("cuGraphInstantiate") == (0 if version == RTX else 1)


def test_an_engine_takes_and_gives_nothing_else(machine: EngineMachine, engine: Path) -> None:
    code = """
    session = opened(trust_engine=True)
    painting, further = session.run_all(picture)
    print((painting == picture).all(), further)
    print(told(lambda: session.run_all(picture, keep=np.ones(1, np.float32))))
    """
    ended = machine.run(code, engine, before=OPEN)
    painted, refused = ended.out.splitlines()
    assert painted == "True {}", ended.err
    assert refused == "UsageError 2: the model takes no keep; it takes a picture alone"


def test_contexts_stay_until_they_have_painted(machine: EngineMachine, engine: Path) -> None:
    """More arrays of the caller's than are remembered, and nobody waits."""
    code = """
    session = opened(trust_engine=True)
    arrays = [OnDevice(picture.shape) for _ in range(12)]
    for array in arrays[1:]:
        session.paint_on_device(arrays[0], array)
    session.close()
    print("done")
    """
    ended = machine.run(code, engine, before=OPEN + ON_DEVICE, lazy=1)
    assert ended.out == "done\n", ended.err
    assert ended.count("context") == 11


def test_contexts_have_painted_when_the_process_ends(machine: EngineMachine, engine: Path) -> None:
    code = """
    session = opened(trust_engine=True)
    waiting = [session.submit(picture) for _ in range(3)]
    """
    ended = machine.run(code, engine, before=OPEN, lazy=1)
    assert (ended.code, ended.err) == (0, "")
    assert "destroy" in ended.calls[ended.calls.index("cuCtxSynchronize") :]


@LAZY
def test_garbage_of_a_cycle_is_freed_in_order(
    machine: EngineMachine, engine: Path, lazy: int
) -> None:
    """A session with pictures that nobody waited for; the stream last, which contexts wait for."""
    code = """
    import gc

    class Knot:
        pass

    def tie():
        knot = Knot()
        knot.itself, knot.session = knot, opened(trust_engine=True)
        knot.waiting = [knot.session.submit(picture) for _ in range(3)]

    tie()
    gc.collect()
    print(used())
    """
    ended = machine.run(code, engine, before=OPEN, lazy=lazy)
    assert (ended.code, ended.out) == (0, "0\n"), ended.err


@LAZY
def test_a_block_that_became_too_small_stays_with_its_graphs(
    machine: EngineMachine, engine: Path, lazy: int
) -> None:
    code = """
    session = opened(trust_engine=True)
    small, large = ([OnDevice((1, size, size, 3)) for _ in range(2)] for size in (10, 60))
    for pair in (small, small, large, small, large, small):
        session.paint_on_device(*pair)
    cuda.call(cuda.driver.cuCtxSynchronize)
    session.close()
    print(used() == sum(array.buffer.size for array in (*small, *large)))
    """
    ended = machine.run(code, engine, before=OPEN + ON_DEVICE, lazy=lazy)
    assert ended.out == "True\n", ended.err
    assert ended.count("cuGraphLaunch") == 4


def test_threads_share_an_engine(machine: EngineMachine, engine: Path) -> None:
    code = """
    session = opened(trust_engine=True)
    def paint(number):
        image = np.full((1, 8 + number % 3, 40, 3), number, np.uint8)
        return (session.run(image) == number).all()
    with ThreadPoolExecutor(4) as pool:
        print(all(pool.map(paint, range(60))))
    """
    ended = machine.run(code, engine, before=OPEN, lazy=1)
    assert ended.out == "True\n", ended.err


@LAZY
def test_pictures_on_the_gpu_stay_there(machine: EngineMachine, engine: Path, lazy: int) -> None:
    code = """
    session = opened(trust_engine=True)
    image, painting, stream = OnDevice(picture.shape), OnDevice(picture.shape), Stream(cuda)
    source, target = (PinnedArray(cuda, picture.shape) for _ in range(2))
    for number in range(4):
        source.array[:] = picture + number
        stream.upload(source, image.buffer)
        session.paint_on_device(image, painting, stream=int(stream.handle))
        stream.download(painting.buffer, target)
        cuda.call(cuda.driver.cuStreamSynchronize, stream.handle)
        print((target.array == picture + number).all())
    """
    ended = machine.run(code, engine, before=OPEN + ON_DEVICE, lazy=lazy)
    assert ended.out.splitlines() == ["True"] * 4, ended.err
    assert ended.count("cuMemcpyHtoDAsync") == ended.count("cuMemcpyDtoHAsync") == 4
    assert ended.count("cuGraphLaunch") == 3


@pytest.mark.parametrize("version", [VERSIONS[-1], RTX])
def test_a_forked_child_leaves_the_gpu_alone(
    engine_machine_of: EngineMachineOf, tmp_path: Path, version: str
) -> None:
    """Neither what it drops nor its end calls the driver, which does not work there."""
    machine = replace(engine_machine_of(version), scratch=tmp_path)
    code = """
    import gc
    from pathlib import Path
    session = opened(trust_engine=True)
    session.run(picture)
    held = session.submit(picture)
    trace = Path(os.environ["STAND_IN_TRACE"])
    before = len(trace.read_text())
    child = os.fork()
    if child == 0:
        del session, held
        gc.collect()
        sys.exit(0)
    print(os.waitpid(child, 0)[1], len(trace.read_text()) - before)
    print((held.result() == picture).all(), *Path(os.environ["NST_RT_CACHE"]).rglob("*.bin"))
    """
    engine = stand_in_engine(tmp_path / "echo.engine", machine)
    ended = machine.run(code, engine, before=OPEN, lazy=1)
    assert ended.out.splitlines() == ["0 0", "True"], ended.err


def test_a_stylizer_paints_arrays_on_the_gpu(machine: EngineMachine, engine: Path) -> None:
    code = """
    from nst_rt import Stylizer
    stylizer, array = Stylizer(sys.argv[1], trust_engine=True), OnDevice((20, 30, 3))
    stream, source = Stream(cuda), PinnedArray(cuda, (20, 30, 3))
    source.array[:] = picture[0]
    stream.upload(source, array.buffer)
    cuda.call(cuda.driver.cuStreamSynchronize, stream.handle)
    painting = stylizer(array)
    address = painting.__cuda_array_interface__["data"][0]
    cuda.call(cuda.driver.cuCtxSynchronize)
    print((np.frombuffer((ctypes.c_uint8 * 1800).from_address(address), np.uint8)
           == picture.ravel()).all())
    """
    ended = machine.run(code, engine, before=OPEN + ON_DEVICE, lazy=1)
    assert ended.out == "True\n", ended.err
    assert ended.count("cuMemcpyDtoHAsync") == 0


def test_opened_and_closed_again_and_again(machine: EngineMachine, engine: Path) -> None:
    code = """
    rounds = 200
    for number in range(rounds):
        session = opened(trust_engine=True)
        session.run(black(64, 96))
        session.close()
        if used():
            print(used())
        if number == 20:
            before = resident()
    print("done", resident() - before < 2 * 2**20)
    """
    ended = machine.run(code, engine, before=OPEN, lazy=1)
    assert ended.out == "done True\n", ended.err
    assert ended.count("cuStreamCreate") == ended.count("cuStreamDestroy") == 3 * 200
    assert ended.count("destroy") == 4 * 200  # run time, engine, configuration, context


def test_memory_follows_the_picture_and_ends_with_the_session(
    machine: EngineMachine, engine: Path
) -> None:
    code = """
    session = opened(trust_engine=True)
    empty = used()
    def after(height, width):
        session.run(black(height, width))
        return used() - empty
    print(after(8, 8), after(64, 96), after(8, 8))
    sizes = {after(8 + number, 8 + number) for number in range(30)}
    print(max(sizes))
    session.release()
    print(used() - empty)
    held = session.submit(black(20, 20))
    session.close()
    print(used() > 0)
    del held
    print(used())
    """
    ended = machine.run(code, engine, before=OPEN, lazy=1)
    small, large = 8 * 8 * (64 + 6), 64 * 96 * (64 + 6)
    kept = 64 * 96 * 64  # the block that launches share stays as large as it once had to be
    assert ended.out.splitlines() == [
        f"{small} {large} {kept + 8 * 8 * 6}", str(kept + 37 * 37 * 6), "0", "True", "0",
    ], ended.err  # fmt: skip


def test_without_leave_to_capture_kernels_are_launched_one_by_one(
    machine: EngineMachine, engine: Path
) -> None:
    code = """
    import logging
    logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
    session = opened(trust_engine=True)
    print(*((session.run(picture) == picture).all() for _ in range(4)))
    """
    for refused in ("cuStreamBeginCapture:900", "cuGraphInstantiate:900"):
        ended = machine.run(code, engine, before=OPEN, fail=refused)
        told = "launched kernel by kernel, a CUDA graph is refused"
        assert [line.startswith(told) for line in ended.out.splitlines()].count(True) == 1
        assert ended.out.endswith("True True True True\n"), ended.err
        assert ended.count("cuGraphLaunch") == 0


def test_graph_is_not_captured_from_what_was_never_run(
    machine: EngineMachine, engine: Path
) -> None:
    """TensorRT's deferred work in a context's first run cannot be captured."""
    code = """
    from nst_rt.nvidia.graphs import Graph
    session = opened(trust_engine=True)
    allocate = session._cuda.driver.cuMemAlloc
    places = [int(session._cuda.call(allocate, picture.size)) for _ in range(2)]
    launch = session._engine.prepare(picture.shape, *places)
    print(told(lambda: Graph(session._cuda, session._engine.stream, launch._enqueue)))
    print((session.run(picture) == picture).all())
    """
    ended = machine.run(code, engine, before=OPEN)
    refused, painted = ended.out.splitlines()
    assert "cannot paint (operation not permitted when stream is capturing)" in refused, ended.err
    assert painted == "True"
