"""ONNX Runtime's TensorRT provider paints, over stand-ins for TensorRT's libraries."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from nst_rt import zoo
from tests.cuda.echo import echo_model, steady_echo_model
from tests.nst_rt.sessions.tensorrt.conftest import engines


def test_session_says_what_it_is(machine, echo) -> None:
    ended = machine("s = opened(); print(s.provider, s.precision, s.device, s.nodes)", echo)
    version = "TensorrtExecutionProvider, TensorRT 10.16.1"
    assert f"{version} tf32 cuda {{'TensorrtExecutionProvider': 1}}" in ended.out, ended.err


@pytest.mark.parametrize("name", [card.name for card in zoo.cards()])
def test_shipped_styles_are_taken_whole_in_half_precision(machine, cache, name) -> None:
    code = """
    from nst_rt import Stylizer
    with Stylizer(sys.argv[1], device="tensorrt") as stylizer:
        print(stylizer.info.flavour, stylizer.info.precision)
        print(set(stylizer._painter.session().nodes))
    """
    ended = machine(code, name)
    assert ended.out.splitlines() == ["fp16 fp16", "{'TensorrtExecutionProvider'}"], ended.err
    (engine,) = engines(cache)
    assert "_fp16_sm89" in engine.name  # half precision was allowed,
    made = {call for call in ended.calls if call.startswith("createNetworkV2")}
    assert made == {"createNetworkV2 with flags 0"}  # since the network is not strongly typed


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_pictures_come_back_whole_and_to_whom_they_belong(machine, echo, lazy) -> None:
    code = """
    session = opened()
    pictures = [np.roll(picture, shift, axis=2)[:, : 20 - shift % 3].copy() for shift in range(16)]
    kept = [one.copy() for one in pictures]
    alone = [session.run(one) for one in pictures]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(session.run, pictures))
    print(all((a == b).all() for a, b in zip(alone + together, kept * 2)))
    """
    ended = machine(code, echo, lazy=lazy)
    assert ended.out == "True\n", ended.err
    assert ended.count("enqueueV3") == 32


def test_memory_is_given_back_by_a_picture_that_its_engine_takes(machine, echo) -> None:
    code = """
    session = opened()
    for _ in range(2):
        print((session.run(picture) == picture).all(), session.release())
    """
    ended = machine(code, echo)
    assert ended.out.splitlines() == ["True None"] * 2, ended.err


def test_what_tensorrt_does_not_take_cuda_computes_and_it_is_said(machine, cache) -> None:
    code = "session = opened()\nprint(set(session.nodes))"
    ended = machine(code, zoo.cards()[0].file("fp16"), nodes=40)
    assert "CUDAExecutionProvider" in ended.out, ended.err
    assert "CPUExecutionProvider" not in ended.out
    assert "TensorRT takes 40 nodes, CUDA computes" in ended.err


def test_standard_output_carries_the_painting_alone(cuda_machine, echo, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)).save(photo)
    code = """
    import sys
    from nst_rt.commands import main
    photo, painting, style = sys.argv[1:]
    main(["stylize", photo, "-o", painting, "--style", style, "--device", "tensorrt", "--json"])
    """
    ended = cuda_machine.run(code, photo, tmp_path / "painting.png", echo, tensorrt=True)
    assert ended.code == 0, ended.err
    record, _ = map(json.loads, ended.out.splitlines())
    assert (record["width"], record["height"]) == (30, 20)
    painted = np.asarray(Image.open(tmp_path / "painting.png"))
    assert (painted == np.asarray(Image.open(photo))).all()
    (told,) = ended.err.splitlines()
    assert told.startswith("nst-rt: warning: building the engine of echo for Stand-in GPU: ")


def test_libraries_in_the_wheel_are_found(machine, cuda_machine, echo, tmp_path) -> None:
    wheel = tmp_path / "site/tensorrt_libs"
    wheel.parent.mkdir()
    wheel.symlink_to(cuda_machine.tensorrt)
    code = f"""
    sys.path.append({str(wheel.parent)!r})
    print(opened().nodes)
    """
    ended = machine(code, echo, tensorrt=False)
    assert ended.out == "{'TensorrtExecutionProvider': 1}\n", ended.err


def test_photo_beyond_the_engine_is_painted_in_parts(machine, tmp_path) -> None:
    echo_model(tmp_path / "large.onnx")
    steady_echo_model(tmp_path / "large.steady.onnx")
    code = """
    from nst_rt import Stylizer
    photo = np.random.default_rng(0).integers(0, 256, (1300, 4000, 3), np.uint8)
    stylizer = Stylizer(sys.argv[1], device="tensorrt", size="full")
    print(*((stylizer(one) == one).all() for one in (photo, photo.transpose(1, 0, 2).copy())))
    """
    ended = machine(code, tmp_path / "large.onnx")
    assert ended.out == "True True\n", ended.err
    told = [line for line in ended.err.splitlines() if "parts" in line]
    assert told[0].startswith("4000x1300 is larger than ONNX Runtime ")
    assert len(told) == 1
    assert ended.count("buildSerializedNetwork") == 2  # the plain file and the steady one


def test_model_of_one_size_has_no_profile(machine, cache) -> None:
    code = """
    session = opened()
    print(session._engine_options(), session.nodes, (session.run(picture) == picture).all())
    print(told(lambda: session.run(black(40, 30))))
    """
    ended = machine(code, fixed(cache.parent))
    first, second = ended.out.splitlines()
    expected = "{'trt_fp16_enable': 'False'} {'TensorrtExecutionProvider': 1} True"
    assert first == expected, ended.err
    assert "takes one picture at a time, of 30x20, not of 30x40; choose device cuda" in second


def fixed(folder: Path) -> Path:
    """The echo for pictures of 30x20."""
    model = onnx.load(echo_model(folder / "fixed.onnx"))
    for door in (*model.graph.input, *model.graph.output):
        for dimension, size in zip(door.type.tensor_type.shape.dim, (1, 20, 30, 3), strict=True):
            dimension.dim_value = size
    onnx.save(model, folder / "fixed.onnx")
    return folder / "fixed.onnx"


def test_style_that_overflows_in_half_precision_goes_on_in_tf32(machine) -> None:
    code = """
    import nst_rt.painting.painter
    from nst_rt import Stylizer
    stylizer = Stylizer(sys.argv[1], device="tensorrt")
    nst_rt.painting.painter.is_blank = lambda painting, photo: stylizer.info.flavour == "fp16"
    painting, info = stylizer(picture[0]), stylizer.info
    print((painting == picture[0]).all(), info.flavour, info.precision)
    """
    ended = machine(code, zoo.cards()[0].name)
    assert ended.out == "True fp32 tf32\n", ended.err
    assert "half precision painted one colour, from now on float32 paints" in ended.err


def test_memory_goes_back_when_a_session_closes(machine, echo) -> None:
    code = """
    kept = set()
    for number in range(40):
        session = opened()
        session.run(black(300, 400))
        held = used()
        session.close()
        del session
        kept.add((held > 0, used()))
        if number == 10:
            before = resident()
    print(kept, resident() - before < 4 * 2**20)
    """
    ended = machine(code, echo)
    assert ended.out.splitlines() == ["{(True, 0)} True"], ended.err


@pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
def test_statistics_go_up_and_come_down_with_their_picture(machine, tmp_path, lazy) -> None:
    code = """
    session = opened()
    for number in range(3):
        given = np.full((1, 2, 5), number, np.float32)
        painting, told = session.run_all(picture, statistics=given, keep=np.ones(1, np.float32))
        print((painting == picture).all(), *np.unique(told["statistics_out"]))
    """
    ended = machine(code, steady_echo_model(tmp_path / "steady.onnx"), lazy=lazy)
    assert ended.out.splitlines() == ["True 0.0", "True 1.0", "True 2.0"], ended.err


def test_shipped_style_paints_a_video_steadily(machine, cache) -> None:
    code = """
    from nst_rt import Stylizer
    with Stylizer(sys.argv[1], device="tensorrt") as stylizer:
        painting, statistics = stylizer.paint_steadily(picture[0])
        print(painting.shape, stylizer.paint_steadily(picture[0], statistics, keep=1)[0].shape)
    """
    ended = machine(code, zoo.cards()[0].name)
    assert ended.out == "(20, 30, 3) (20, 30, 3)\n", ended.err
    assert len(engines(cache)) == 2
