"""Errors that keep an engine from loading or painting are one line with the cure."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nst_export.engine import build_engine
from nst_rt import zoo
from nst_rt.errors import ModelError, ProviderError
from nst_rt.model import read_model
from nst_rt.nvidia.engine import _deserialize
from nst_rt.sessions import open_session
from nst_rt.sessions.engine_fit import _rtx_version
from tests.cuda.scripts import OPEN
from tests.nst_export.engine.small_models import convolution
from tests.tensorrt.bindings import VERSIONS
from tests.tensorrt.machine import RTX, EngineMachine, stand_in_engine

NEWEST = VERSIONS[-1]
EngineMachineOf = Callable[[str], EngineMachine]
PAINT = "print(told(lambda: opened(trust_engine=True).run(picture).shape))"
AGAIN = "nst-rt export MODEL.onnx {path} --overwrite --min 8x8 --opt 48x32 --max 96x64 --batch 2"


@pytest.fixture
def machine(engine_machine_of: EngineMachineOf) -> EngineMachine:
    return engine_machine_of(NEWEST)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"devices": 0}, "ProviderError 5: {path}: an engine runs on a GPU: no GPU is visible"),
        ({"fail": "runtime:1"}, "finds no GPU with a driver that is new enough; update NVIDIA's"),
        (
            {"fail": "deserialize:2"},
            "OutOfMemoryError 5: TensorRT {version} needs more GPU memory than is free; close what",
        ),
        ({"memory_mib": 0}, "OutOfMemoryError 5: TensorRT {version} needs more GPU memory"),
        ({"fail": "context:2"}, "OutOfMemoryError 5: TensorRT {version} needs more GPU memory"),
        ({"memory_mib": 1}, "OutOfMemoryError 5: not enough GPU memory (CUDA error 2)"),
        (
            {"fail": "enqueue:700"},
            "ProviderError 5: TensorRT {version} cannot paint (an illegal memory access was "
            "encountered)",
        ),
    ],
)
def test_what_the_gpu_refuses(
    machine: EngineMachine, tmp_path: Path, switches: dict[str, Any], message: str
) -> None:
    engine = stand_in_engine(tmp_path / "x.engine", machine)
    ended = machine.run(PAINT, engine, before=OPEN, **switches)
    assert message.format(version=NEWEST, path=engine) in ended.out, ended.err
    assert len(ended.out.splitlines()) == 1
    assert ended.code == 0, ended.err


def test_what_tensorrt_10_says_is_heard(engine_machine_of: EngineMachineOf, tmp_path: Path) -> None:
    machine = engine_machine_of(VERSIONS[0])
    engine = stand_in_engine(tmp_path / "x.engine", machine, data=b"no engine")
    ended = machine.run(PAINT, engine, before=OPEN)
    assert f"is no engine that TensorRT {VERSIONS[0]} can read" in ended.out, ended.err


@pytest.mark.parametrize(
    "lost", ["enqueue:1:719", "cuGraphLaunch:2:719", "cuMemcpyHtoDAsync:2:999"]
)
def test_a_gpu_that_is_gone_does_not_take_the_process_along(
    machine: EngineMachine, tmp_path: Path, lost: str
) -> None:
    """Calls of TensorRT that a lost GPU would fail are left out."""
    code = """
    session = opened(trust_engine=True)
    for _ in range(5):
        said = told(lambda: session.run(picture).shape)
    print(said)
    session.close()
    print("closed")
    """
    engine = stand_in_engine(tmp_path / "x.engine", machine)
    ended = machine.run(code, engine, before=OPEN, lost=lost)
    said, closed = ended.out.splitlines()
    assert said.startswith("ProviderError 5: "), ended.err
    assert (closed, ended.code) == ("closed", 0)
    assert ended.count("destroy") == 0


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"backend_version": "10.16.1.11"},
            f"was built by TensorRT 10.16.1.11, here is version {NEWEST}; build it here: " + AGAIN,
        ),
        (
            {"gpu": "NVIDIA L4"},
            "was built for NVIDIA L4 (compute capability 8.9), here is Stand-in GPU (8.9); build",
        ),
        (
            {"compute_capabilities": ["9.0"]},
            "was built for Stand-in GPU (compute capability 9.0), here is Stand-in GPU (8.9)",
        ),
        ({"platform": "win32-amd64"}, "was built for win32-amd64, here is linux-x86_64; build it"),
        ({"backend": "other"}, "was built by other, which nst-rt does not know"),
        (
            {"data": b"no engine"},
            f"is no engine that TensorRT {NEWEST} can read; build it again: nst-rt export",
        ),
    ],
)
def test_engine_that_does_not_fit(
    machine: EngineMachine, tmp_path: Path, facts: dict[str, Any], message: str
) -> None:
    engine = stand_in_engine(tmp_path / "x.engine", machine, **facts)
    ended = machine.run(PAINT, engine, before=OPEN)
    assert f"ModelError 4: {engine}: {message.format(path=engine)}" in ended.out, ended.err
    assert ended.count("deserialize") == ("data" in facts)


def test_the_command_that_rebuilds_names_a_shipped_style(
    machine: EngineMachine, tmp_path: Path
) -> None:
    card = zoo.cards()[0]
    engine = stand_in_engine(
        tmp_path / "x.engine",
        machine,
        gpu="NVIDIA L4",
        model={"name": card.name},
        onnx_sha256=card.sha256,
        precision="fp32",
    )
    ended = machine.run(PAINT, engine, before=OPEN)
    assert f"nst-rt export {card.name} {engine} --overwrite --precision fp32 --min" in ended.out


def test_sizes_that_it_does_not_take(machine: EngineMachine, tmp_path: Path) -> None:
    code = """
    session = opened(trust_engine=True)
    for shape in ((1, 65, 20, 3), (1, 20, 4, 3), (3, 20, 20, 3)):
        print(told(lambda: session.run(np.zeros(shape, np.uint8))))
    print(session.run(np.full((2, 64, 96, 3), 7, np.uint8)).min())
    """
    engine = stand_in_engine(tmp_path / "x.engine", machine)
    ended = machine.run(code, engine, before=OPEN)
    high, thin, many, painted = ended.out.splitlines()
    sizes = f"SizeError 4: {engine}: takes pictures of 8x8 … 48x32 … 96x64"
    assert high == (
        f"{sizes}, not of 20x65; build it for them: nst-rt export MODEL.onnx {engine} --overwrite "
        "--min 8x8 --opt 48x32 --max 96x65 --batch 2"
    ), ended.err
    assert thin.startswith(f"{sizes}, not of 4x20; build it for them: ")
    assert "--min 4x8 --opt 48x32" in thin
    assert many.startswith(f"{sizes}, 2 at once, not of 20x20 in batches of 3; build it for them: ")
    assert many.endswith("--batch 3")
    assert painted == "7"


def test_engine_of_a_model_that_is_no_style(machine: EngineMachine, tmp_path: Path) -> None:
    engine = stand_in_engine(tmp_path / "x.engine", machine)
    for count, ends in ((1, "image → nothing"), (3, "image → image_out, image_out")):
        ended = machine.run(PAINT, engine, before=OPEN, tensors=count)
        said = f"ModelError 4: {engine}: is not 1 picture in, 1 picture out ({ends})"
        assert ended.out.startswith(said), ended.err


def test_only_engines_that_somebody_answers_for_are_loaded(
    machine: EngineMachine, tmp_path: Path
) -> None:
    code = "print(told(opened))"
    engine = stand_in_engine(tmp_path / "x.engine", machine)
    ended = machine.run(code, engine, before=OPEN)
    assert "ModelError 4" in ended.out, ended.err
    assert "paint with trust_engine=True (--trust-engine) if you know who built it" in ended.out
    assert ended.count("deserialize") == 0


def test_bytes_that_are_not_the_side_cars_are_never_loaded(
    machine: EngineMachine, tmp_path: Path
) -> None:
    code = "print(told(lambda: opened(trust_engine=True)))"
    engine = stand_in_engine(tmp_path / "x.engine", machine)
    whole = engine.read_bytes()
    for data, message in ((whole[:-1], "bytes where"), (whole.swapcase(), "its SHA-256 is")):
        engine.write_bytes(data)
        ended = machine.run(code, engine, before=OPEN)
        assert ended.out.startswith(f"ModelError 4: {engine}: "), ended.err
        assert message in ended.out
        assert ended.count("deserialize") == 0


def test_devices_and_precisions(machine: EngineMachine, tmp_path: Path) -> None:
    code = """
    for device in ("cpu", "openvino", "onnxruntime", "auto", "cuda"):
        model = read_model(sys.argv[1])
        options = SessionOptions(device=device, trust_engine=True)
        print(told(lambda: open_session(model, options).device))
    for precision in ("fp16", "fp32"):
        print(told(lambda: opened(precision=precision, trust_engine=True).precision))
    """
    engine = stand_in_engine(tmp_path / "x.engine", machine)
    ended = machine.run(code, engine, before=OPEN)
    *refused, auto, cuda, same, other = ended.out.splitlines()
    for line in refused:
        assert line.startswith(f"UsageError 2: {engine}: an engine runs on the GPU"), ended.err
        assert "give the .onnx file that it was built from" in line
    assert (auto, cuda, same) == ("cuda", "cuda", "fp16")
    assert other.startswith("ModelError 4: ")
    assert "this engine computes in fp16, fp32 was asked for; build another" in other


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("tensorrt", 'TensorRT needs tensorrt; pip install "nst-rt[tensorrt]"'),
        ("cuda", 'cuda-bindings is not installed; pip install "nst-rt[tensorrt]"'),
    ],
)
def test_packages_that_are_absent(
    machine: EngineMachine, tmp_path: Path, module: str, message: str
) -> None:
    engine = stand_in_engine(tmp_path / "x.engine", machine)
    ended = machine.run(f"sys.modules[{module!r}] = None\n" + PAINT, engine, before=OPEN)
    assert f"Error 5: {message}" in ended.out, ended.err


def test_bindings_without_their_libraries(machine: EngineMachine, tmp_path: Path) -> None:
    engine = stand_in_engine(tmp_path / "x.engine", machine)
    ended = replace(machine, run_time=tmp_path).run(PAINT, engine, before=OPEN)
    assert ended.out.startswith("MissingExtraError 5: TensorRT does not load (libnv"), ended.err
    assert ended.out.endswith('; pip install "nst-rt[tensorrt]"\n')


def test_engine_of_a_gpu_that_its_library_does_not_know(
    engine_machine_of: EngineMachineOf, tmp_path: Path
) -> None:
    rtx = engine_machine_of(RTX)
    engine = stand_in_engine(tmp_path / "x.engine", rtx)
    for capability, cure in ((75, "--compute-capability 7.5"), (90, "--backend tensorrt")):
        ended = rtx.run(PAINT, engine, before=OPEN, capability=capability)
        assert "was built for portable (compute capability 8.9), here is Stand-in GPU" in ended.out
        assert ended.out.rstrip().endswith(cure), ended.err


def test_version_in_the_head_of_an_engine_counts(
    engine_machine_of: EngineMachineOf, tmp_path: Path
) -> None:
    rtx = engine_machine_of(RTX)
    head = b"vtrt" + bytes(20) + struct.pack("4B", 1, 6, 0, 9) + bytes(36)
    engine = stand_in_engine(tmp_path / "x.engine", rtx, data=head)
    ended = rtx.run(PAINT, engine, before=OPEN)
    assert f"was built by TensorRT-RTX 1.6.0.9, here is version {RTX}" in ended.out, ended.err
    assert ended.count("deserialize") == 0


def test_real_engine_without_a_driver(tmp_path: Path) -> None:
    """Engines and messages of the real TensorRT-RTX, without a GPU."""
    import tensorrt_rtx

    model = convolution(tmp_path / "x.onnx", metadata={"nst_rt.schema": "1"})
    build_engine(model, tmp_path / "x.engine")
    engine = read_model(tmp_path / "x.engine")
    assert _rtx_version(engine.data) == tensorrt_rtx.__version__
    with pytest.raises(ProviderError, match="an engine runs on a GPU"):
        open_session(engine)
    with pytest.raises(ProviderError, match=r"RTX finds no GPU with a driver .*; update NVIDIA's"):
        _deserialize(tensorrt_rtx, "RTX", engine.data)
    with pytest.raises(ModelError, match="is no engine that RTX can read; build it again"):
        _deserialize(tensorrt_rtx, "RTX", b"vtrt" + bytes(100))
