"""Engines that ONNX Runtime's TensorRT provider builds are kept in the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

from tests.nst_rt.sessions.tensorrt.conftest import TENSORRT, engines


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
    failed = "TensorRT could not build the engine; choose device cuda, which builds none; "
    ended = machine("print(told(opened))", echo, fail="buildSerializedNetwork:2")
    (log,) = (cache / "engines").glob("*/messages.log")
    messages = f"{failed}{log} has TensorRT's messages"
    assert ended.out == f"ProviderError 5: {messages}\n", ended.err
    assert "Error Code 2: OutOfMemory" in log.read_text()
    assert "Error Code 2: OutOfMemory" in ended.err
    again = machine("print(told(opened))", echo)
    assert again.out.startswith("ProviderError 5: the engine could not be built on "), again.err
    assert f": {messages}; to try again delete " in again.out
    assert again.out.rstrip().endswith("failed.json")
    assert again.count("buildSerializedNetwork") == 0
    log.with_name("failed.json").unlink()
    third = machine("print(opened().device)", echo)
    assert third.out == "cuda\n", third.err
    assert not log.exists()


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


def test_engine_is_loaded_from_a_cache_that_cannot_be_written(machine, echo, cache) -> None:
    machine("opened()", echo)
    code = """
    import errno
    from nst_rt.engines import cache as engine_cache
    def refuse(target, data):
        raise OSError(errno.EROFS, "Read-only file system")
    engine_cache.replace_file = refuse
    session = opened()
    print((session.run(picture) == picture).all())
    """
    ended = machine(code, echo)
    assert (ended.out, ended.err) == ("True\n", "")
    assert ended.count("buildSerializedNetwork") == 0


def test_without_a_cache_nothing_is_written_anywhere(machine, echo, cache, tmp_path) -> None:
    cache.write_text("no folder")
    ended = machine("session = opened(); print((session.run(picture) == picture).all())", echo)
    assert ended.out == "True\n", ended.err
    assert "engines are not kept for the next time" in ended.err
    assert list((tmp_path / "here").iterdir()) == []
