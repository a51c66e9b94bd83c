"""Frame buffers in pinned memory, which the GPU reads and writes by itself."""

from __future__ import annotations

import pytest

from tests.cuda.scripts import OPEN


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_pinned_pictures_need_no_other_pinned_memory(cuda_machine, echo, lazy) -> None:
    code = """
    session = opened()
    source, target = session.pinned(*picture.shape), session.pinned(*picture.shape)
    for number in range(3):
        source[:] = picture + number
        painting = session.run(source, target)
        print(painting is target, (target == picture + number).all())
    part, into = session.pinned(3, *picture.shape[1:]), session.pinned(3, *picture.shape[1:])
    part[:] = np.arange(3).reshape(3, 1, 1, 1)
    for index in range(3):
        session.run(part[index : index + 1], into[index : index + 1])
    print((into == part).all())
    """
    ended = cuda_machine.run(code, echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["True True"] * 3 + ["True"], ended.err
    assert ended.count("cuMemHostAlloc") == 4


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_pinned_and_other_arrays_take_turns(cuda_machine, echo, lazy) -> None:
    code = """
    session = opened()
    pinned = session.pinned(*picture.shape)
    pinned[:] = picture
    out = np.zeros_like(picture)
    print((session.run(pinned) == picture).all())
    print(session.run(picture, out) is out, (out == picture).all())
    print((session.run(picture[:, ::-1].copy(), pinned) == picture[:, ::-1]).all())
    first, second = session.submit(pinned), session.submit(pinned, out)
    print((first.result() == second.result()).all())
    wide = session.pinned(1, 20, 60, 3)
    wide[:] = 5
    print((session.run(np.ascontiguousarray(wide[:, :, ::2])) == 5).all())
    """
    ended = cuda_machine.run(code, echo, before=OPEN, lazy=lazy)
    assert ended.out.splitlines() == ["True", "True True", "True", "True", "True"], ended.err


def test_pinned_memory_lives_as_long_as_a_view_of_it_or_its_painting(cuda_machine, echo) -> None:
    code = """
    session = opened()
    view = session.pinned(*picture.shape)[0, 3:]
    view[:] = 7
    painting = session.submit(np.full_like(picture, 9), session.pinned(*picture.shape))
    print(int(view.max()), int(painting.result().min()))
    del view, painting
    print(open(os.environ["STAND_IN_TRACE"]).read().count("cuMemFreeHost"))
    """
    ended = cuda_machine.run(code, echo, before=OPEN, lazy=1)
    assert ended.out.splitlines() == ["7 9", "2"], ended.err


def test_a_programs_own_buffers(cuda_machine, echo) -> None:
    code = """
    from nst_rt import Stylizer
    with Stylizer(sys.argv[1], device="cuda") as stylizer:
        photos, paintings = (stylizer.pinned(20, 30, count=2) for _ in range(2))
        photos[:] = picture
        print(stylizer(photos, out=paintings) is paintings, (paintings == photos).all())
        paintings[:] = 0
        one = stylizer(photos[1], out=paintings[1])
        print((one == picture[0]).all(), paintings[0].max(), (paintings[1] == picture[0]).all())
        print(open(os.environ["STAND_IN_TRACE"]).read().count("cuMemHostAlloc"))
        wrong = stylizer.pinned(20, 31)
        print(told(lambda: stylizer(photos[0], out=wrong)))
    session = opened()
    print(told(lambda: session.submit(picture, wrong[None])))
    """
    ended = cuda_machine.run(code, echo, before=OPEN)
    batch, one, allocated, *wrong = ended.out.splitlines()
    assert (batch, one, allocated) == ("True True", "True 0 True", "2"), ended.err
    assert wrong == [
        "UsageError 2: out is uint8 20×31×3; give uint8 20×30×3, C-contiguous",
        "UsageError 2: out is uint8 (1, 20, 31, 3); give uint8 (1, 20, 30, 3)",
    ]
