"""The choice of a session for a device, and refusals of one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest

from nst_rt.errors import ModelError, OutOfMemoryError, ProviderError, UsageError
from nst_rt.model import Adaptation, read_model
from nst_rt.sessions import SessionOptions, onnxruntime, open_session, openvino, preferred_flavour
from tests.cuda.echo import echo_model
from tests.cuda.scripts import OPEN


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVIDIA's driver has made its devices."""
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: str(self) == "/dev/nvidiactl" or exists(self))


def test_driver_without_a_build_that_uses_it_is_passed_over_in_silence(
    driver, monkeypatch, model_path, caplog
) -> None:
    assert open_session(read_model(model_path)).device == "cpu"
    assert preferred_flavour("auto", "auto") == "fp32"
    monkeypatch.setattr("nst_rt.sessions.choosing.find_spec", lambda name: None)
    assert preferred_flavour("auto", "auto") == "fp32"
    assert caplog.messages == []


def test_driver_and_a_build_that_uses_it_paint(cuda_machine, tmp_path: Path) -> None:
    code = """
    from pathlib import Path
    exists = Path.exists
    Path.exists = lambda self: str(self) == "/dev/nvidiactl" or exists(self)
    print(open_session(read_model(sys.argv[1])).provider)
    """
    ended = cuda_machine.run(code, echo_model(tmp_path / "echo.onnx"), before=OPEN)
    assert ended.out.strip().endswith("CUDAExecutionProvider"), ended.err


def test_build_without_cuda_says_so_where_a_driver_is(cuda_machine, model_path) -> None:
    code = """
from nst_rt import NstError
from nst_rt.model import read_model
from nst_rt.sessions import SessionOptions, open_session
import sys
import threading
try:
    open_session(read_model(sys.argv[1]), SessionOptions(device="cuda"))
except NstError as error:
    print(error)
"""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "LD_LIBRARY_PATH": str(cuda_machine.libraries),
    }
    ended = subprocess.run(
        [sys.executable, "-c", code, str(model_path)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stdout == (
        "onnxruntime is its build without CUDA, it has no CUDAExecutionProvider; "
        'pip uninstall -y onnxruntime onnxruntime-gpu && pip install "nst-rt[cuda]"\n'
    )


def test_driver_and_build_that_are_both_missing_are_both_named(model_path, monkeypatch) -> None:
    monkeypatch.setattr("nst_rt.sessions.cuda.load", lambda name: name)
    with pytest.raises(ProviderError) as raised:
        open_session(read_model(model_path), SessionOptions(device="cuda"))
    assert str(raised.value) == (
        "no NVIDIA driver is here, and onnxruntime is its build without CUDA, it has no "
        "CUDAExecutionProvider; install the NVIDIA driver, then "
        'pip uninstall -y onnxruntime onnxruntime-gpu && pip install "nst-rt[cuda]"'
    )


def test_provider_that_is_dropped_in_silence_is_an_error(cuda_machine, tmp_path: Path) -> None:
    """Its libraries are all here, one of them of another version."""
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    for library in cuda_machine.libraries.glob("*.so.*[0-9]"):
        (libraries / library.name).write_bytes(library.read_bytes())
    (other,) = libraries.glob("libcublas.so.*")
    (tmp_path / "empty.c").write_text("")
    command = ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{other.name}", "-o", str(other)]
    subprocess.run([*command, str(tmp_path / "empty.c")], check=True)
    code = "print(told(opened))"
    model = echo_model(tmp_path / "echo.onnx")
    ended = cuda_machine.run(code, model, before=OPEN, libraries=libraries)
    assert ended.out.startswith(
        "ProviderError 5: CUDAExecutionProvider was asked for, CPUExecutionProvider came"
    ), ended.err


def test_foreign_model_is_refused_on_the_gpu(model_path: Path) -> None:
    model = read_model(model_path)
    model = type(model)(**{**vars(model), "adaptation": Adaptation("nhwc", 255.0)})
    for device in ("cuda", "tensorrt"):
        with pytest.raises(ProviderError, match="painted on the CPU alone; choose device cpu"):
            open_session(model, SessionOptions(device=device))


def test_options_that_make_no_sense_are_refused(model_path: Path) -> None:
    with pytest.raises(UsageError, match="parallel is 0; give a whole number"):
        open_session(read_model(model_path), SessionOptions(parallel=0))


def test_arithmetic_that_a_processor_lacks_is_refused() -> None:
    with pytest.raises(ProviderError, match=r"no fp16 arithmetic .it has fp32, bf16.; choose"):
        openvino._precision("fp16", ["FP32", "BF16", "INT8"])
    assert openvino._precision("auto", ["FP32", "BF16"]) == "bf16"
    assert openvino._precision("auto", ["FP32"]) == "fp32"


def test_memory_that_onnx_runtime_does_not_get_is_told_as_that(model_path, monkeypatch) -> None:
    session = open_session(read_model(model_path), SessionOptions(device="onnxruntime"))
    assert isinstance(session, onnxruntime.OnnxRuntimeSession)
    said = RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc")
    assert isinstance(session._refused(said), OutOfMemoryError)
    assert isinstance(session._failed(said), OutOfMemoryError)
    other = session._failed(RuntimeError("[ONNXRuntimeError] : 1 : FAIL : no such kernel"))
    assert isinstance(other, ModelError)
    assert "no such kernel" in str(other)


def test_model_that_is_not_of_its_scale_is_refused(tmp_path: Path) -> None:
    path = echo_model(tmp_path / "echo.onnx")
    model = onnx.load(path)
    for fact in model.metadata_props:
        fact.value = "2" if fact.key == "nst_rt.scale" else fact.value
    onnx.save(model, path)
    session = open_session(read_model(path), SessionOptions(device="openvino", threads=1))
    with pytest.raises(ModelError, match="is not of scale 2, as it says"):
        session.run(np.zeros((1, 16, 16, 3), np.uint8))


def test_user_who_says_how_many_kernels_are_kept_is_obeyed(monkeypatch) -> None:
    monkeypatch.setenv(openvino._KERNELS, "77")
    openvino._keep_few_kernels(None, None)  # makes no kernel that would read another number
    assert os.environ[openvino._KERNELS] == "77"


def test_thread_that_finds_no_room_is_lack_of_memory(model_path, monkeypatch) -> None:
    session = open_session(read_model(model_path), SessionOptions(device="onnxruntime", threads=1))

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    picture = np.zeros((1, 16, 16, 3), np.uint8)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(OutOfMemoryError):
            session.run(picture)
    assert session.run(picture).shape == picture.shape
