"""A style that is an engine, in Python and on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.nst_rt.video.clips import make_clip
from tests.nst_rt.video.contents import shown
from tests.tensorrt.bindings import VERSIONS
from tests.tensorrt.machine import EngineMachine, stand_in_engine

COMMAND = "import sys; from nst_rt.commands import main; main(sys.argv[1:])"
OPEN = """
    import logging, sys
    import numpy as np
    from nst_rt import Stylizer
    from nst_rt.errors import NstError
    logging.basicConfig(level="WARNING", format="%(message)s", stream=sys.stdout)

    def told(action):
        try:
            return action()
        except NstError as error:
            return f"{type(error).__name__} {error.exit_code}: {error}"

    def photo(height, width):
        return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)

    stylizer = Stylizer(sys.argv[1], trust_engine=True)
"""


@pytest.fixture
def machine(engine_machine_of: Callable[[str], EngineMachine]) -> EngineMachine:
    return engine_machine_of(VERSIONS[-1])


@pytest.fixture
def engine(machine: EngineMachine, tmp_path: Path) -> Path:
    return stand_in_engine(tmp_path / "wave.engine", machine)


def test_an_engine_is_a_style_like_any_other(machine: EngineMachine, engine: Path) -> None:
    code = """
    picture = photo(40, 50)
    print((stylizer(picture) == picture).all())
    print(stylizer.info.name, stylizer.info.provider, stylizer.info.precision, stylizer.info.device)
    import pickle
    print((pickle.loads(pickle.dumps(stylizer))(picture) == picture).all())
    """
    ended = machine.run(code, engine, before=OPEN)
    assert ended.out.splitlines() == [
        "True", f"echo TensorRT {VERSIONS[-1]} fp16 cuda", "True",
    ], ended.err  # fmt: skip


def test_photos_larger_than_it_takes_are_painted_smaller(
    machine: EngineMachine, engine: Path
) -> None:
    """In proportion, so that both sides fit, with one warning; never where full size was asked."""
    code = """
    for height, width in ((200, 100), (100, 300)):
        print(stylizer.working_size(height, width), stylizer(photo(height, width)).shape)
    print(told(lambda: stylizer(photo(65, 20), size="full")))
    print(told(lambda: stylizer(photo(400, 9))))
    print(told(lambda: stylizer(photo(7, 90))))
    """
    ended = machine.run(code, engine, before=OPEN)
    said, tall, wide, full, thin, small = ended.out.splitlines()
    steady = engine.with_name("wave.steady.engine")
    in_parts = (
        f"; in parts, as they are: nst-rt export CHECKPOINT {steady} --variant steady "
        "--min 8x8 --opt 48x32 --max 96x64"
    )
    assert said == (
        "wave.engine takes pictures of 8x8 … 48x32 … 96x64: larger ones are painted smaller"
        f"{in_parts}"
    ), ended.err
    assert (tall, wide) == ("(64, 32) (200, 100, 3)", "(32, 96) (100, 300, 3)")
    refused = f"SizeError 4: {engine}: takes pictures of 8x8 … 48x32 … 96x64, not of"
    assert full.startswith(f"{refused} 20x65; build it for them: nst-rt export MODEL.onnx")
    assert full.endswith(in_parts)
    assert thin.startswith(f"{refused} 9x400; build it for them: nst-rt export MODEL.onnx")
    assert thin.endswith(in_parts)
    assert small.startswith(f"{refused} 90x7; ")
    assert not small.endswith(in_parts)  # no part of it is larger


def test_command_paints_with_an_engine(
    machine: EngineMachine, engine: Path, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    paint = ["stylize", str(tmp_path / "photo.png"), "--style", str(engine)]
    ended = machine.run(COMMAND, *paint)
    assert ended.code == 4
    assert "--trust-engine" in ended.err
    ended = machine.run(COMMAND, *paint, "--trust-engine")
    assert ended.code == 0, ended.err
    assert (np.asarray(Image.open(tmp_path / "photo-wave.png")) == pixels).all()
    ended = machine.run(COMMAND, *paint, "--device", "cpu", "-o", tmp_path / "other.png")
    assert ended.code == 2
    assert "an engine runs on the GPU" in ended.err


def test_one_picture_that_it_does_not_take_does_not_end_the_rest(
    machine: EngineMachine, engine: Path, tmp_path: Path
) -> None:
    thin, good = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGB", (9, 400), (9, 8, 7)).save(thin)
    Image.new("RGB", (40, 30), (9, 8, 7)).save(good)
    paint = ["stylize", str(thin), str(good), "--style", str(engine), "--trust-engine"]
    ended = machine.run(COMMAND, *paint)
    assert ended.code == 3
    assert "takes pictures of 8x8 … 48x32 … 96x64, not of 9x400" in ended.err
    assert (tmp_path / "b-wave.png").exists()
    ended = machine.run(COMMAND, paint[0], paint[1], *paint[3:])
    assert ended.code == 4


def test_command_paints_a_video_with_an_engine(
    machine: EngineMachine, engine: Path, tmp_path: Path
) -> None:
    clip, painted = make_clip(tmp_path / "clip.mkv"), tmp_path / "painted.mkv"
    paint = ["video", clip, painted, "--style", engine, "--trust-engine"]
    ended = machine.run(COMMAND, *paint)
    assert ended.code == 0, ended.err
    assert [frame.number for frame in shown(painted)] == list(range(10))
    assert ended.count("cuGraphLaunch") > 0
    ended = machine.run(COMMAND, *paint, "--overwrite", "--steady", "1")
    assert ended.code == 4
    assert "has no wave.steady.engine beside it, which takes statistics" in ended.err


def test_info_shows_what_it_was_built_for_and_why_it_is_not_loaded(
    machine: EngineMachine, engine: Path
) -> None:
    ended = machine.run(COMMAND, "info", engine, "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    expected = {
        "name": "echo",
        "built_by": f"tensorrt {VERSIONS[-1]}",
        "built_for": "Stand-in GPU (8.9)",
        "arithmetic": "fp16",
        "sizes": "8x8 … 48x32 … 96x64, 2 at once",
        "gpu_memory_bytes": "unknown",
        "provider": "none",
    }
    assert expected.items() <= told.items()
    assert "is an engine, which is code" in told["problem"]
    assert "opset" not in told
    ended = machine.run(COMMAND, "info", engine)
    assert "built_from        " + "0" * 64 in ended.out
