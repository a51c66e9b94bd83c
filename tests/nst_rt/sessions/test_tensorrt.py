"""ONNX Runtime's TensorRT provider over stand-ins: its own parsing of options, its own files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

from nst_rt import zoo
from tests.cuda.echo import echo_model, steady_echo_model
from tests.cuda.scripts import OPEN

TENSORRT = (
    OPEN.replace('device="cuda"', 'device="tensorrt"')
    + """
    import logging
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
"""
)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return echo_model(tmp_path_factory.mktemp("tensorrt") / "echo.onnx")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NST_RT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def machine(cuda_machine, tmp_path: Path):
    """Runs a script where TensorRT seems to work, in an empty folder."""

    def run(code: str, *arguments: str | Path, **options):
        (tmp_path / "here").mkdir(exist_ok=True)
        before = f"{TENSORRT}    os.chdir({str(tmp_path / 'here')!r})\n"
        options = {"tensorrt": True, **options}
        return cuda_machine.run(code, *arguments, before=before, **options)

    return run


def engines(cache: Path) -> list[Path]:
    return sorted((cache / "engines").glob("*/*.engine"))


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
    assert "_fp16_sm89" in engine.name  # half precision was allowed


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


def test_engine_is_built_once_with_a_word_and_loaded_the_next_time(machine, echo, cache) -> None:
    first, second = (machine("opened()", echo) for _ in range(2))
    assert (first.count("buildSerializedNetwork"), second.count("buildSerializedNetwork")) == (1, 0)
    assert "building the engine of echo for Stand-in GPU: this takes minutes, once" in first.err
    assert second.err == ""
    (engine,) = engines(cache)
    note = json.loads((engine.parent / "built.json").read_text())
    assert engine.name in note["files"]
    assert (note["gpu"], note["capability"], note["driver"]) == ("Stand-in GPU", "8.9", "580.00")
    assert "TensorRT 10.16.1" in note["backend"]
    assert note["shapes"] == "image:1x16x16x3 image:1x720x1280x3 image:1x1920x1920x3"


def test_processes_that_open_a_style_together_build_one_engine(
    cuda_machine, echo, cache, tmp_path
) -> None:
    trace = tmp_path / "trace"
    environment = cuda_machine.environment(tensorrt=True, trace=str(trace))
    script = textwrap.dedent(TENSORRT) + "print((opened().run(picture) == picture).all())"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, echo], env=environment, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    assert [process.communicate(timeout=120)[0] for process in processes] == [b"True\n"] * 3
    assert trace.read_text().splitlines().count("buildSerializedNetwork") == 1


def test_other_gpu_gets_an_engine_of_its_own(machine, echo, cache) -> None:
    machine("opened()", echo)
    ended = machine("opened()", echo, capability=120)
    assert ended.count("buildSerializedNetwork") == 1, ended.err
    assert len(engines(cache)) == 2


def test_damaged_engine_never_reaches_tensorrt(machine, echo, cache) -> None:
    machine("opened()", echo)
    (engine,) = engines(cache)
    engine.write_bytes(b"code of a stranger")
    ended = machine("session = opened(); print((session.run(picture) == picture).all())", echo)
    assert ended.out == "True\n", ended.err
    assert ended.count("buildSerializedNetwork") == 1
    assert f"{engine} is damaged: the engine is built again" in ended.err


def test_files_are_for_this_user_alone_whatever_the_umask(machine, echo, cache) -> None:
    machine("os.umask(0); opened()", echo)
    (engine,) = engines(cache)
    for path in (engine.parent.parent, engine.parent, *engine.parent.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


def test_styles_share_how_long_kernels_took(machine, echo, cache, tmp_path) -> None:
    machine("opened()", echo)
    (timings,) = (cache / "engines").glob("timings-*/*")
    timings.write_bytes(b"of the first style")
    os.utime(timings, (0, 0))
    machine("opened()", "starry-night")
    assert [timings] == list((cache / "engines").glob("timings-*/*"))
    assert timings.stat().st_mtime > 0  # written again


def test_failure_is_told_and_the_next_time_at_once(machine, echo, cache) -> None:
    said = "ProviderError 5: {}TensorRT could not build the engine; its own words stand above; "
    ended = machine("print(told(opened))", echo, fail="buildSerializedNetwork:2")
    assert ended.out.startswith(said.format("")), ended.err
    assert "choose device cuda" in ended.out
    assert "OutOfMemory" in ended.err  # TensorRT's own words
    again = machine("print(told(opened))", echo)
    assert again.out.startswith("ProviderError 5: the engine could not be built on "), again.err
    assert again.out.rstrip().endswith("failed.json")
    assert again.count("buildSerializedNetwork") == 0


def test_damaged_timings_are_forgotten_and_the_build_goes_on(machine, echo, cache) -> None:
    machine("opened()", echo)
    (timings,) = (cache / "engines").glob("timings-*/*")
    timings.write_bytes(b"damaged")
    code = """
    from nst_rt.sessions import tensorrt
    before, attempts = tensorrt.CudaSession._load, []
    def load(self, *arguments):
        attempts.append(self._timings.stat().st_size)
        os.environ["STAND_IN_FAIL"] = "buildSerializedNetwork:2" if attempts[-1] else ""
        return before(self, *arguments)
    tensorrt.CudaSession._load = load
    session = opened()
    print(attempts, (session.run(picture) == picture).all())
    """
    ended = machine(code, "starry-night")
    assert ended.out == "[7, 0] True\n", ended.err


def test_what_tensorrt_does_not_take_cuda_computes_and_it_is_said(machine, cache) -> None:
    code = "session = opened()\nprint(set(session.nodes))"
    ended = machine(code, zoo.cards()[0].file("fp16"), nodes=40)
    assert "CUDAExecutionProvider" in ended.out, ended.err
    assert "CPUExecutionProvider" not in ended.out
    assert "TensorRT takes 40 nodes, CUDA computes" in ended.err


def test_model_of_which_tensorrt_takes_nothing_is_refused(machine, echo) -> None:
    ended = machine("print(told(opened))", echo, nodes=0)
    assert ended.out.startswith("ProviderError 5: TensorRT takes no node of this model; choose dev")


def test_missing_tensorrt_is_named_with_the_version_that_is_wanted(machine, echo) -> None:
    ended = machine("print(told(opened))", echo, tensorrt=False)
    named = "libnvinfer.so.10, libnvonnxparser.so.10 are missing"
    assert ended.out == f'ProviderError 5: {named}; pip install "tensorrt-cu13<11"\n', ended.err


def test_tensorrt_that_does_not_load_is_told(machine, echo) -> None:
    code = """
    from nst_rt.sessions import tensorrt
    tensorrt.need_libraries = lambda onnxruntime, provider: None  # as on Windows
    print(told(opened))
    """
    ended = machine(code, echo, tensorrt=False)
    assert ended.out.startswith("ProviderError 5: TensorRT 10 does not load (libnvinfer.so.10: ")
    assert ended.out.endswith('pip install "tensorrt-cu13<11"\n')


def test_options_are_parsed_by_the_provider_itself(machine, echo) -> None:
    """A name that it does not know, and a value that it does not take, are errors."""
    code = """
    from nst_rt.sessions.tensorrt import TensorRtSession
    right = TensorRtSession._engine_options
    for wrong in {"trt_fp16_enabled": "True"}, {"trt_fp16_enable": "yes"}:
        TensorRtSession._engine_options = lambda self: right(self) | wrong
        print(told(opened))
        os.environ["NST_RT_CACHE"] += "-of-the-next"
    """
    name, value = machine(code, echo).out.splitlines()
    assert "trt_fp16_enabled" in name
    assert "trt_fp16_enable" in value
    assert name.startswith("ProviderError 5: ")


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


def test_picture_beyond_the_engine_is_refused_with_its_limits(machine, echo) -> None:
    code = """
    session = opened()
    for height, width in (1921, 20), (20, 15):
        print(told(lambda: session.run(black(height, width))))
    print(told(lambda: session.run(np.concatenate([picture] * 2))))
    print((session.run(picture) == picture).all())
    """
    ended = machine(code, echo)
    tall, narrow, two, painted = ended.out.splitlines()
    takes = "is not within what its engine takes: one of 16x16 … 1920x1920; paint at --size 1920 "
    assert tall.startswith(f"LimitError 3: 20x1921 {takes}"), ended.err
    assert narrow.startswith(f"LimitError 3: 15x20 {takes}")
    assert two.startswith(f"LimitError 3: 2 of 30x20 {takes}")
    assert painted == "True"


def test_engine_is_loaded_from_a_cache_that_cannot_be_written(machine, echo, cache) -> None:
    machine("opened()", echo)
    code = """
    import errno
    from nst_rt import engine_cache
    def refuse(target, data):
        raise OSError(errno.EROFS, "Read-only file system")
    engine_cache.replace_file = refuse
    session = opened()
    print((session.run(picture) == picture).all())
    """
    ended = machine(code, echo)
    assert (ended.out, ended.err) == ("True\n", "")
    assert ended.count("buildSerializedNetwork") == 0


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
    assert "30x40 is not within what its engine takes: one of 30x20 … 30x20" in second


def fixed(folder: Path) -> Path:
    """The echo for pictures of 30x20."""
    model = onnx.load(echo_model(folder / "fixed.onnx"))
    for door in (*model.graph.input, *model.graph.output):
        for dimension, size in zip(door.type.tensor_type.shape.dim, (1, 20, 30, 3), strict=True):
            dimension.dim_value = size
    onnx.save(model, folder / "fixed.onnx")
    return folder / "fixed.onnx"


def test_arithmetic_that_tensorrt_has_not_is_refused(machine, echo) -> None:
    code = """
    print(told(lambda: opened(precision="fp32")))
    print(told(lambda: opened(precision="fp16")))
    """
    ended = machine(code, echo)
    first, second = ended.out.splitlines()
    assert first == (
        "ProviderError 5: TensorRT computes this file in tf32, fp32 was asked for; choose device cu"
        "da"
    ), ended.err
    assert "computes this file in tf32, fp16 was asked for" in second
    ended = machine('print(opened(precision="fp32").precision)', echo, capability=75)
    assert ended.out == "fp32\n", ended.err


def test_without_a_cache_nothing_is_written_anywhere(machine, echo, cache, tmp_path) -> None:
    cache.write_text("no folder")
    ended = machine("session = opened(); print((session.run(picture) == picture).all())", echo)
    assert ended.out == "True\n", ended.err
    assert "engines are not kept for the next time" in ended.err
    assert list((tmp_path / "here").iterdir()) == []


def test_failure_in_the_middle_is_told_and_nothing_else_paints(machine, echo) -> None:
    code = """
    session = opened()
    os.environ["STAND_IN_FAIL"] = "enqueueV3:700"
    print(told(lambda: session.run(picture)))
    os.environ["STAND_IN_FAIL"] = ""
    print((session.run(picture) == picture).all())
    """
    ended = machine(code, echo)
    first, second = ended.out.splitlines()
    assert first.startswith("ProviderError 5: TensorRT EP execution context enqueue failed"), first
    assert second == "True"


def test_style_that_overflows_in_half_precision_goes_on_in_tf32(machine) -> None:
    code = """
    import nst_rt.painter
    from nst_rt import Stylizer
    stylizer = Stylizer(sys.argv[1], device="tensorrt")
    nst_rt.painter.is_blank = lambda painting, photo: stylizer.info.flavour == "fp16"
    painting, info = stylizer(picture[0]), stylizer.info
    print((painting == picture[0]).all(), info.flavour, info.precision)
    """
    ended = machine(code, zoo.cards()[0].name)
    assert ended.out == "True fp32 tf32\n", ended.err
    assert "half precision painted one colour, from now on float32 paints" in ended.err


def test_memory_goes_back_when_a_session_closes(machine, echo) -> None:
    code = """
    for _ in range(3):
        session = opened()
        session.run(black(300, 400))
        held = used()
        session.close()
        del session
        print(held > 0, used())
    """
    ended = machine(code, echo)
    assert ended.out.splitlines() == ["True 0"] * 3, ended.err


def test_model_of_fused_operators_is_refused(machine, tmp_path) -> None:
    model = onnx.load(echo_model(tmp_path / "fused.onnx"))
    model.metadata_props.add(key="nst_rt.variant", value="fused")
    onnx.save(model, tmp_path / "fused.onnx")
    ended = machine("print(told(opened))", tmp_path / "fused.onnx")
    assert ended.out.endswith("fused.onnx: TensorRT has no fused operators; choose device cuda\n")


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
