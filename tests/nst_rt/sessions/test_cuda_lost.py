"""A GPU that is lost while it paints: errors, no process that hangs, finished work is kept."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.cuda.scripts import OPEN
from tests.nst_rt.video.clips import make_clip

STOPPED = "ProviderError 5: the GPU stopped in the middle of its work (CUDA error 719); start"
COMMAND = "import sys; from nst_rt.commands import main; sys.argv[0] = 'nst-rt'; main()"


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
@pytest.mark.parametrize(
    "call", ["cuMemcpyHtoDAsync:3", "cuMemcpyDtoHAsync:3", "cudaMemcpyAsync:3"]
)
def test_every_call_fails_and_the_session_closes(cuda_machine, echo, call, lazy) -> None:
    code = """
    from nst_rt.nvidia.context import CudaContext
    from nst_rt.nvidia.memory import DeviceBuffer
    session = opened()
    print((session.run(picture) == picture).all())
    waiting, other = session.submit(picture), picture[:, :5].copy()
    for work in (
        lambda: session.run(picture), waiting.result, lambda: session.run(other),
        lambda: session.pinned(1, 2, 3), session.release, opened,
    ):
        print(told(work))
    session.close()
    print("closed")
    """
    ended = cuda_machine.run(code, echo, before=OPEN, lazy=lazy, lost=f"{call}:719")
    painted, *errors, closed = ended.out.splitlines()
    assert (ended.code, painted, closed) == (0, "True", "closed"), ended.err
    assert len(errors) == 6
    assert all("CUDA error 719" in error for error in errors), errors
    assert errors[1].startswith(STOPPED)


def test_graph_that_is_lost_is_an_error_too(cuda_machine, echo) -> None:
    """The session of that size goes for good; ONNX Runtime would end the process in freeing it."""
    code = """
    session = opened()
    for _ in range(5):
        print(told(lambda: session.run(picture).shape))
    session.close()
    """
    ended = cuda_machine.run(code, echo, before=OPEN, lost="cudaGraphLaunch:2:719")
    painted, errors = ended.out.splitlines()[:4], ended.out.splitlines()[4:]
    assert painted == ["(1, 20, 30, 3)"] * 4, ended.err
    assert ended.code == 0
    assert [error.startswith(STOPPED) for error in errors] == [True]


def test_memory_that_is_asked_for_again_does_not_hide_the_loss(cuda_machine, echo) -> None:
    """Only lack of memory is tried again in parts, or on the CPU."""
    code = """
    from nst_rt import Stylizer
    stylizer = Stylizer(sys.argv[1], device="cuda")
    print((stylizer(picture[0]) == picture[0]).all())
    print(told(lambda: stylizer(picture[0])))
    stylizer.close()
    """
    ended = cuda_machine.run(code, echo, before=OPEN, lost="cuMemcpyHtoDAsync:2:719")
    painted, error = ended.out.splitlines()
    assert (ended.code, painted) == (0, "True"), ended.err
    assert error.startswith(STOPPED)


def test_photos_that_are_done_stay(cuda_machine, echo, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    photos = [tmp_path / f"{number}.png" for number in range(4)]
    for photo in photos:
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(photo)
    arguments = ["stylize", *photos, "-o", tmp_path / "out", "--style", echo, "--device", "cuda"]
    ended = cuda_machine.run(COMMAND, *arguments, lost="cuMemcpyHtoDAsync:3:719")
    assert ended.code == 5, ended.err
    assert "the GPU stopped in the middle of its work (CUDA error 719)" in ended.err
    done = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert [name[0] for name in done] == ["0", "1"]
    for name in done:
        with (
            Image.open(tmp_path / "out" / name) as painting,
            Image.open(photos[int(name[0])]) as photo,
        ):
            assert (np.asarray(painting) == np.asarray(photo)).all()


def test_frames_that_are_done_stay_and_a_command_goes_on(
    cuda_machine, echo, tmp_path: Path
) -> None:
    make_clip(tmp_path / "in.mp4", range(0, 2400, 40))
    output = tmp_path / "out.mp4"
    arguments = ["video", tmp_path / "in.mp4", output, "--style", echo, "--device", "cuda"]
    arguments += ["--part-seconds", "1"]
    ended = cuda_machine.run(COMMAND, *arguments, lost="cuMemcpyHtoDAsync:40:719")
    assert ended.code == 5
    resume, error = ended.err.splitlines()[:2]
    assert resume.startswith("nst-rt: resume with: nst-rt video ")
    assert resume.endswith(" --resume")
    assert "the GPU stopped in the middle of its work (CUDA error 719)" in error
    assert not output.exists()
    ended = cuda_machine.run(COMMAND, *arguments, "--resume")
    assert ended.code == 0, ended.err
    assert ended.count("cuMemcpyHtoDAsync") < 60
    with av.open(output) as video:
        assert sum(1 for _ in video.decode(video=0)) == 60
