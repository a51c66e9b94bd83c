"""Sizes that recur are painted in a few sessions of one shape, as CUDA graphs."""

from __future__ import annotations

from pathlib import Path

import pytest

from nst_export.forms import FORMS
from nst_export.half import half_graph
from tests.cuda.scripts import OPEN

PLACED = """
    import nst_rt.sessions.cuda as cuda
    from nst_rt.sessions.placement import nodes_by_provider

    placed, open_one = [], cuda.CudaSession._open_one

    def watched(session, shape):
        opened = open_one(session, shape)
        placed.append((shape[1:3], nodes_by_provider(opened._session)))
        return opened

    cuda.CudaSession._open_one = watched
"""
"""Collects the sizes that got a session, and the providers of their nodes."""


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_size_that_comes_again_is_launched_as_a_graph(cuda_machine, echo, lazy) -> None:
    code = """
    session = opened()
    pictures = [np.roll(picture, shift, axis=2) for shift in range(8)]
    print(*((session.run(one) == one).all() for one in pictures), placed)
    """
    ended = cuda_machine.run(PLACED + code, echo, before=OPEN, lazy=lazy)
    assert ended.out == f"{'True ' * 8}[((20, 30), {{'CUDAExecutionProvider': 1}})]\n", ended.err
    assert ended.count("cudaGraphInstantiate") == 1
    assert ended.count("cudaGraphLaunch") == 8 - 3  # in the other session, and once to warm up


@pytest.mark.parametrize("variant", ["plain", "steady"])
def test_no_node_of_a_shipped_style_is_off_the_gpu_then(cuda_machine, variant) -> None:
    code = """
    model = read_model("starry-night", variant=sys.argv[1])
    session = open_session(model, SessionOptions(device="cuda"))
    print(sorted(session.nodes))
    for _ in range(5):
        session.run(picture)
    ((_, nodes),) = placed
    print(*nodes)
    """
    ended = cuda_machine.run(PLACED + code, variant, before=OPEN)
    both = "['CPUExecutionProvider', 'CUDAExecutionProvider']"
    assert ended.out.splitlines() == [both, "CUDAExecutionProvider"], ended.err
    assert ended.count("cudaGraphLaunch") == 5 - 3


def test_sizes_in_turn_are_opened_ever_less_often(cuda_machine, echo) -> None:
    """A session for each picture would cost more than it gives."""
    code = """
    session = opened()
    pictures = [black(20, 30 + number) for number in range(3)]
    for _ in range(100):
        for one in pictures:
            session.run(one)
    print(len(placed))
    """
    ended = cuda_machine.run(PLACED + code, echo, before=OPEN)
    assert 3 <= int(ended.out) <= 18, ended.err


def test_memory_of_many_sizes_that_come_again_is_bounded(cuda_machine) -> None:
    """Three sessions hold it: of any size, of the last two."""
    code = """
    session = opened()
    for _ in range(4):
        session.run(black(480, 480))
    largest = used()
    for height, width in np.random.default_rng(1).integers(40, 480, (10, 2)):
        for _ in range(4):
            session.run(black(height, width))
    print(len(placed), used() / largest)
    session.close()
    print(used())
    """
    ended = cuda_machine.run(PLACED + code, "starry-night", before=OPEN)
    opened, left = ended.out.splitlines()
    assert opened.startswith("11 "), ended.err
    assert float(opened.split()[1]) < 1.5
    assert left == "0"


def test_size_without_room_for_a_session_is_painted_all_the_same(cuda_machine) -> None:
    code = """
    session = opened()
    for number in range(6):
        if number == 2:
            os.environ["STAND_IN_MEMORY_MIB"] = str((used() >> 20) + 1)
        print(session.run(picture).shape)
    """
    ended = cuda_machine.run(PLACED + code, "starry-night", before=OPEN)
    assert ended.out.splitlines() == ["(1, 20, 30, 3)"] * 6, ended.err
    assert ended.count("cudaGraphLaunch") == 0


def test_session_that_fails_gives_way_to_the_one_for_all_sizes(cuda_machine, echo) -> None:
    code = """
    session = opened()
    for number in range(8):
        if number == 3:
            os.environ["STAND_IN_FAIL"] = "cudaStreamBeginCapture:2"
        print((session.run(picture) == picture).all())
    """
    ended = cuda_machine.run(PLACED + code, echo, before=OPEN)
    assert ended.out.splitlines() == ["True"] * 8, ended.err
    assert ended.count("cudaStreamBeginCapture") == 1


def test_arrays_that_never_come_again_leave_no_graphs_behind(cuda_machine, echo) -> None:
    """A program that allocates each frame anew gets no capture for each."""
    code = """
    from nst_rt.nvidia.context import CudaContext
    from nst_rt.nvidia.memory import DeviceBuffer

    class OnDevice:
        def __init__(self, cuda, shape):
            self.buffer = DeviceBuffer(cuda, int(np.prod(shape)))
            self.__cuda_array_interface__ = {
                "shape": shape, "typestr": "|u1", "data": (int(self.buffer.address), False),
                "version": 3,
            }

    session, cuda = opened(), CudaContext()
    cuda.make_current()
    arrays = [[OnDevice(cuda, picture.shape) for _ in range(2)] for _ in range(40)]
    for pair in arrays:
        session.paint_on_device(*pair)
    for pair in arrays[-12:] * 2:
        session.paint_on_device(*pair)
    for pair in arrays[:20]:
        session.paint_on_device(*pair)
    """
    ended = cuda_machine.run(code, echo, before=OPEN)
    assert ended.code == 0, ended.err
    assert ended.count("cudaGraphInstantiate") == 12
    assert ended.count("cudaGraphLaunch") == 24


def test_kernels_are_tried_out_for_one_size_alone(cuda_machine, echo) -> None:
    code = """
    session = opened(precision="auto")
    for _ in range(3):
        session.run(picture)
    (sized,) = session._sessions._of_one_shape.values()
    for one in session._session, sized._session:
        options = one.get_provider_options()[session._provider]
        names = "cudnn_conv_algo_search", "enable_cuda_graph", "prefer_nhwc", "use_tf32"
        print(*(options[name] for name in names))
    """
    ended = cuda_machine.run(code, echo, before=OPEN)
    assert ended.out.splitlines() == ["HEURISTIC 0 0 0", "EXHAUSTIVE 1 0 0"], ended.err


def test_form_that_wants_channels_last_gets_them_once_its_size_is_known(
    cuda_machine, network, tmp_path: Path
) -> None:
    form = FORMS["thresholds, N×H×W×C"]
    facts = {"nst_rt.schema": "1", "nst_rt.kind": "style", "nst_rt.scale": "1"}
    facts["nst_rt.flavour"] = "fp16"
    model = tmp_path / "last.onnx"
    model.write_bytes(half_graph(network, facts, form).SerializeToString())
    code = """
    session = opened()
    for _ in range(5):
        session.run(picture)
    (sized,) = session._sessions._of_one_shape.values()
    for one in session._session, sized._session:
        print(one.get_provider_options()[session._provider]["prefer_nhwc"])
    """
    ended = cuda_machine.run(code, model, before=OPEN)
    assert ended.out.split() == ["0", "1"], ended.err
    assert ended.count("cudaGraphLaunch") == 5 - 3
