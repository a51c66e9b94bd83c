"""Engines of the CPU paint the same pictures, report what they are, and can be interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from nst_rt.errors import MissingExtraError, ModelError, ProviderError, UsageError
from nst_rt.model import Adaptation, read_model
from nst_rt.sessions import SessionOptions, open_session
from nst_rt.sessions.threads import _cgroup_quota, allowed_threads
from nst_train.network import paint

ENGINES = ("openvino", "onnxruntime")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (16, 16), (61, 47), (128, 200)])
def test_fp32_paints_like_the_network(engine, size, model_path, network, photo) -> None:
    image = np.ascontiguousarray(np.resize(photo, (*size, 3)))[None]
    expected = paint(network, torch.from_numpy(image)).numpy()
    session = open_session(
        read_model(model_path), SessionOptions(device=engine, precision="fp32", threads=1)
    )
    difference = np.abs(session.run(image).astype(int) - expected)
    assert difference.max() <= 1
    assert (session.precision, session.threads, session.device) == ("fp32", 1, "cpu")


@pytest.mark.parametrize("engine", ENGINES)
def test_read_only_pixels_are_painted(engine, model_path, photo) -> None:
    session = open_session(read_model(model_path), SessionOptions(device=engine, threads=1))
    image = photo[None, :32, :40].copy()
    expected = session.run(image)
    image.flags.writeable = False
    assert (session.run(image) == expected).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_batches_and_threads_give_the_same_bytes(engine, model_path, photo) -> None:
    session = open_session(read_model(model_path), SessionOptions(device=engine, threads=1))
    images = [np.roll(photo[:64, :80], shift, axis=1).copy()[None] for shift in range(8)]
    alone = [session.run(image) for image in images]
    batch = session.run(np.concatenate(images))
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(session.run, images * 4))
    assert all((one == two).all() for one, two in zip(alone * 4, together, strict=True))
    assert np.abs(batch.astype(int) - np.concatenate(alone)).max() <= 1


def test_explicit_device_never_falls_back(model_path) -> None:
    with pytest.raises(ProviderError, match=r"NVIDIA driver|CUDAExecutionProvider") as caught:
        open_session(read_model(model_path), SessionOptions(device="cuda"))
    assert caught.value.exit_code == 5


def test_auto_paints_on_the_cpu_where_cuda_is_broken(model_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr("nst_rt.sessions.choosing._has_cuda", lambda: True)
    session = open_session(read_model(model_path), SessionOptions(threads=1))
    assert session.device == "cpu"
    assert "the GPU is not used, the CPU paints: " in caplog.text


def test_unknown_options_are_named(model_path) -> None:
    model = read_model(model_path)
    with pytest.raises(UsageError, match="device is 'gpu'; choose auto, cpu"):
        open_session(model, SessionOptions(device="gpu"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="precision is 'fp8'"):
        open_session(model, SessionOptions(precision="fp8"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="threads is 0"):
        open_session(model, SessionOptions(threads=0))


def test_arithmetic_that_the_engine_lacks_is_an_error(model_path) -> None:
    with pytest.raises(ProviderError, match="no bf16 arithmetic"):
        open_session(read_model(model_path), SessionOptions(device="onnxruntime", precision="bf16"))


def test_missing_engine_names_the_extra(model_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtraError, match=r'pip install "nst-rt\[cpu\]"'):
        open_session(read_model(model_path), SessionOptions(device="openvino"))


def test_model_that_no_engine_runs_is_refused(tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    info = [helper.make_tensor_value_info(n, TensorProto.UINT8, ("N", "H", "W", 3)) for n in "ab"]
    node = helper.make_node("NoSuchOperator", ["a"], ["b"])
    model = helper.make_model(
        helper.make_graph([node], "g", info[:1], info[1:]),
        opset_imports=[helper.make_opsetid("", 18)], ir_version=9,
    )  # fmt: skip
    path = tmp_path / "odd.onnx"
    path.write_bytes(model.SerializeToString())
    for engine in ENGINES:
        with pytest.raises(ModelError, match=r"cannot run it \(.*\); .*export it again") as caught:
            open_session(read_model(path), SessionOptions(device=engine))  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


def test_described_foreign_model_paints_uint8(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper

    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 3, "H", "W")) for n in "ab"]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["a", "w"], ["b"])], "g", info[:1], info[1:],
        [numpy_helper.from_array(np.array([2, 1, 0.5], np.float32).reshape(3, 1, 1), "w")],
    )  # fmt: skip
    path = tmp_path / "foreign.onnx"
    opset = [helper.make_opsetid("", 18)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    )
    session = open_session(read_model(path, adaptation=Adaptation("nchw", 1.0)))
    image = np.full((1, 5, 7, 3), 200, np.uint8)
    assert session.run(image)[0, 0, 0].tolist() == [255, 200, 100]


@pytest.mark.parametrize(
    ("operator", "message"),
    [("Log", "NaN or infinite"), ("Flatten", "1×105 numbers, which are no")],
)
def test_foreign_model_that_gives_no_picture_is_refused(operator, message, tmp_path: Path) -> None:
    from onnx import TensorProto, helper

    info = [helper.make_tensor_value_info("a", TensorProto.FLOAT, (1, 3, "H", "W"))]
    info.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, None))
    graph = helper.make_graph([helper.make_node(operator, ["a"], ["b"])], "g", info[:1], info[1:])
    opset = [helper.make_opsetid("", 18)]
    path = tmp_path / "foreign.onnx"
    path.write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()
    )
    session = open_session(read_model(path, adaptation=Adaptation("nchw", 1.0)))
    with pytest.raises(ModelError, match=message):
        session.run(np.zeros((1, 5, 7, 3), np.uint8))


def test_threads_respect_affinity_quota_and_environment(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr("nst_rt.sessions.threads._cgroup_quota", lambda: 3)
    assert allowed_threads() == 3
    monkeypatch.setenv("ORT_INTRA_OP_NUM_THREADS", "2")
    assert allowed_threads() == 2
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5}, raising=False)
    assert allowed_threads() == 1
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert _cgroup_quota(tmp_path) == 2
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert _cgroup_quota(tmp_path) is None


def test_thread_count_is_logged(model_path, caplog) -> None:
    caplog.set_level("INFO", "nst_rt")
    open_session(read_model(model_path), SessionOptions(device="onnxruntime", threads=1))
    assert "1 of" in caplog.text
    assert "allowed threads" in caplog.text


@pytest.mark.parametrize("engine", ENGINES)
def test_interrupt_stops_a_long_inference(engine, model_path) -> None:
    """A child paints a picture that takes many seconds; Ctrl-C must end it soon."""
    code = f"""
        import numpy as np, sys, time
        from nst_rt.model import read_model
        from nst_rt.sessions import SessionOptions, open_session
        options = SessionOptions(device={engine!r}, threads=1)
        session = open_session(read_model({str(model_path)!r}), options)
        image = np.zeros((1, 4096, 4096, 3), np.uint8)
        print("ready", flush=True)
        try:
            while True:
                session.run(image)
        except KeyboardInterrupt:
            print("stopped", flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(1)  # well inside the first picture
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "stopped\n"
        assert child.wait(30) == 0


def test_signals_are_safe_after_sessions_closed_in_any_order(model_path) -> None:
    """OpenVINO gives the thread a signal stack; it must not be one that is freed."""
    code = """
import os, signal, sys
import nst_rt

first, second = (nst_rt.Stylizer(sys.argv[1], threads=1).warmup(16, 16) for _ in range(2))
first.close(), second.close()
del first, second
signal.signal(signal.SIGUSR1, lambda number, frame: print("handled"))
blocks = [bytearray(11_568) for _ in range(100)]
os.kill(os.getpid(), signal.SIGUSR1)
"""
    command = [sys.executable, "-X", "faulthandler", "-c", code, str(model_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


@pytest.mark.parametrize("engine", ENGINES)
def test_painting_may_have_its_place(engine, model_path, photo) -> None:
    session = open_session(read_model(model_path), SessionOptions(device=engine, threads=1))
    image = photo[None, :32, :40].copy()
    out = session.pinned(*image.shape)
    painting = session.run(image, out)
    assert (painting == session.run(image)).all()
    assert (painting is out) == (engine == "openvino")  # ONNX Runtime makes its own array
