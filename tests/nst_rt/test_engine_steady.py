"""A steady engine beside the plain one: large pictures in parts, steady videos, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nst_rt.engines.side_car import side_car_path
from tests.cuda.scripts import ON_DEVICE
from tests.nst_rt.test_engine_style import COMMAND, OPEN
from tests.nst_rt.video.clips import make_clip
from tests.nst_rt.video.contents import shown
from tests.tensorrt.bindings import VERSIONS
from tests.tensorrt.machine import EngineMachine, stand_in_engine

LAZY = pytest.mark.parametrize("lazy", [0, 1], ids=["at once", "as late as CUDA may"])
HIGH = (1, 200, 240)


@pytest.fixture
def machine(engine_machine_of: Callable[[str], EngineMachine]) -> EngineMachine:
    return engine_machine_of(VERSIONS[-1])


@pytest.fixture
def engine(machine: EngineMachine, tmp_path: Path) -> Path:
    """Return a plain engine with a steady one beside it."""
    stand_in_engine(tmp_path / "wave.steady.engine", machine, high=HIGH, channels=5)
    return stand_in_engine(tmp_path / "wave.engine", machine, high=HIGH)


@LAZY
def test_photos_larger_than_it_takes_are_painted_in_parts(
    machine: EngineMachine, engine: Path, lazy: int
) -> None:
    """At their size, with one warning; also those asked for in full."""
    code = """
    for height, width, size in ((500, 300, None), (300, 700, "full"), (100, 900, 900)):
        picture = photo(height, width)
        print((stylizer(picture, size=size) == picture).all())
    print(stylizer.working_size(500, 300))
    print(told(lambda: stylizer(photo(7, 500))))
    """
    ended = machine.run(code, engine, before=OPEN, lazy=lazy)
    said, *painted, size, thin = ended.out.splitlines()
    assert said == (
        f"300x500 is larger than TensorRT {VERSIONS[-1]} takes: painted in 10 parts, "
        "as others will be"
    ), ended.err
    assert (painted, size) == (["True"] * 3, "(500, 300)")
    refused = f"SizeError 4: {engine}: takes pictures of 8x8 … 48x32 … 240x200, not of 500x7"
    assert thin.startswith(f"{refused}; build it for them: nst-rt export MODEL.onnx {engine}")


def test_what_only_the_steady_engine_takes_it_paints_at_once(
    machine: EngineMachine, engine: Path
) -> None:
    stand_in_engine(engine, machine, low=(1, 32, 32), high=(1, 64, 64))
    code = """
    for height, width in ((64, 64), (150, 200), (10, 12)):
        picture = photo(height, width)
        print((stylizer(picture) == picture).all())
    """
    ended = machine.run(code, engine, before=OPEN)
    assert ended.out.splitlines() == ["True"] * 3, ended.err
    assert ended.count("enqueue") == 3


@LAZY
def test_gpu_that_has_too_little_memory_paints_in_parts(
    machine: EngineMachine, tmp_path: Path, lazy: int
) -> None:
    high = (1, 2000, 3000)
    stand_in_engine(tmp_path / "wave.steady.engine", machine, high=high, channels=5)
    engine = stand_in_engine(tmp_path / "wave.engine", machine, high=high)
    code = """
    picture = photo(1200, 1000)
    for _ in range(2):
        print((stylizer(picture) == picture).all())
    """
    ended = machine.run(code, engine, before=OPEN, memory_mib=60, lazy=lazy)
    said, *painted = ended.out.splitlines()
    assert said.startswith("too little memory for 1000x1200 at once: it was painted in ")
    assert painted == ["True", "True"], ended.err


def test_pictures_on_the_gpu_are_not_painted_in_parts(machine: EngineMachine, engine: Path) -> None:
    """Tiles are cut and joined on the host; pictures in GPU memory stay there."""
    code = """
    print(told(lambda: stylizer(OnDevice((500, 300, 3)))))
    """
    ended = machine.run(code, engine, before=OPEN + ON_DEVICE)
    refused = (
        f"SizeError 4: {engine}: takes pictures of 8x8 … 48x32 … 240x200, not of 300x500; build"
    )
    assert ended.out.startswith(refused), ended.err


def test_frames_are_painted_with_statistics_of_those_before(
    machine: EngineMachine, engine: Path
) -> None:
    """Larger frames are painted smaller, within the steady engine's range."""
    code = """
    frame, statistics = photo(40, 60), np.arange(10, dtype=np.float32).reshape(2, 5)
    painting, used = stylizer.paint_steadily(frame, statistics, keep=0.5)
    print((painting == frame).all(), (used == statistics).all())
    print(stylizer.paint_steadily(photo(400, 480), statistics, keep=0.5)[0].shape)
    full = Stylizer(sys.argv[1], trust_engine=True, size="full")
    print(told(lambda: full.paint_steadily(photo(400, 480))))
    """
    ended = machine.run(code, engine, before=OPEN)
    same, said, shape, refused = ended.out.splitlines()
    assert same == "True True", ended.err
    takes = "wave.steady.engine takes pictures of 8x8 … 48x32 … 240x200"
    assert said == f"{takes}: larger ones are painted smaller"
    assert shape == "(400, 480, 3)"
    assert f"{engine.with_name('wave.steady.engine')} --overwrite --variant steady" in refused
    assert refused.endswith("--max 480x400")


def test_command_paints_a_steady_video(
    machine: EngineMachine, engine: Path, tmp_path: Path
) -> None:
    clip, painted = make_clip(tmp_path / "clip.mkv"), tmp_path / "painted.mkv"
    paint = ["video", clip, painted, "--style", engine, "--trust-engine"]
    ended = machine.run(COMMAND, *paint, "--steady", "0.9", "--flow", "0.3")
    assert ended.code == 0, ended.err
    assert [frame.number for frame in shown(painted)] == list(range(10))
    assert ended.count("deserialize") == 2


def test_command_paints_a_large_photo(machine: EngineMachine, engine: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (500, 300, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    ended = machine.run(
        COMMAND, "stylize", tmp_path / "photo.png", "--style", engine, "--trust-engine"
    )
    assert ended.code == 0, ended.err
    assert "painted in 10 parts" in ended.err
    assert (np.asarray(Image.open(tmp_path / "photo-wave.png")) == pixels).all()


PREPARE = """
    print(told(stylizer.prepare_steady))
    print(*{stylizer(photo(500, 300)).shape for _ in range(3)})
"""


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"model": {"variant": "steady", "checkpoint_sha256": "1" * 64}},
            "is from another checkpoint than {engine}; export both from the same one",
        ),
        ({"model": {"name": "echo"}, "statistics": 0}, "takes no statistics, although its name"),
        (
            {"gpu": "NVIDIA L4"},
            "was built for NVIDIA L4 (compute capability 8.9), here is Stand-in",
        ),
        (
            {"statistics": 7},
            "is not 1 picture in, 1 picture out, with the statistics that its side-car describes "
            "(image, statistics, keep → image_out, statistics_out)",
        ),
        ({"engine_sha256": "f" * 64}, "its SHA-256 is "),
        ({"statistics": 0}, "does not describe an engine (0 statistics)"),
    ],
)
def test_steady_engine_that_does_not_fit_is_refused_and_not_painted_with(
    machine: EngineMachine, engine: Path, facts: dict, message: str
) -> None:
    steady = engine.with_name("wave.steady.engine")
    stand_in_engine(steady, machine, high=HIGH, channels=5, **facts)
    ended = machine.run(PREPARE, engine, before=OPEN)
    refused, said, shape = ended.out.splitlines()  # said once, and not loaded again and again
    assert refused.startswith(f"ModelError 4: {steady}"), ended.err
    assert message.format(engine=engine) in refused
    assert "larger ones are painted smaller; in parts, as they are: " in said
    assert shape == "(500, 300, 3)"
    assert ended.count("deserialize") == (4 if facts.get("statistics") == 7 else 1)


def test_each_of_both_needs_somebody_who_answers_for_it(
    machine: EngineMachine, engine: Path, tmp_path: Path
) -> None:
    """The plain one was built by this user, the steady one by an unknown one."""
    code = """
    from nst_rt.engines.side_car import read_engine_facts
    from nst_rt.engines.trust import record_built
    from pathlib import Path
    plain, steady = map(Path, sys.argv[1:])
    record_built(plain, read_engine_facts(plain))
    stylizer = Stylizer(plain)
    print(told(stylizer.prepare_steady))
    record_built(steady, read_engine_facts(steady))
    print(told(stylizer.prepare_steady))
    """
    before = OPEN.replace("stylizer = Stylizer(sys.argv[1], trust_engine=True)", "")
    steady = engine.with_name("wave.steady.engine")
    ended = machine.run(code, engine, steady, before=before)
    refused, prepared = ended.out.splitlines()
    assert refused.startswith(f"ModelError 4: {steady}: is an engine, which is code"), ended.err
    assert prepared == "None"


def test_command_that_builds_it_is_that_of_the_plain_one(
    machine: EngineMachine, engine: Path
) -> None:
    steady = engine.with_name("wave.steady.engine")
    steady.unlink()
    ended = machine.run("print(told(stylizer.prepare_steady))", engine, before=OPEN)
    assert ended.out == (
        f"ModelError 4: {engine}: has no wave.steady.engine beside it, which takes statistics; "
        f"nst-rt export CHECKPOINT {steady} --variant steady --min 8x8 --opt 48x32 --max 240x200\n"
    ), ended.err
    side_car = side_car_path(engine)
    side_car.write_text(json.dumps(json.loads(side_car.read_text()) | {"precision": "fp32"}))
    ended = machine.run("print(told(stylizer.prepare_steady))", engine, before=OPEN)
    assert f"{steady} --variant steady --precision fp32 --min" in ended.out


def test_engine_of_one_size_paints_others_smaller_or_in_parts(
    machine: EngineMachine, engine: Path
) -> None:
    stand_in_engine(engine, machine, low=(1, 64, 96), high=(1, 64, 96))
    code = """
    print(stylizer.working_size(64, 96), stylizer.working_size(500, 300))
    print(stylizer.working_size(64, 96, size=48))
    """
    ended = machine.run(code, engine, before=OPEN)
    assert ended.out.splitlines() == ["(64, 96) (500, 300)", "(64, 96)"], ended.err
    engine.with_name("wave.steady.engine").unlink()
    code = """
    print(stylizer(photo(128, 192)).shape)
    print(told(lambda: stylizer(photo(128, 128))))
    """
    ended = machine.run(code, engine, before=OPEN)
    said, shape, refused = ended.out.splitlines()
    assert said.startswith("wave.engine takes pictures of 96x64: larger ones are painted smaller")
    assert shape == "(128, 192, 3)"
    assert "takes pictures of 96x64, not of 128x128; build it for them: " in refused
