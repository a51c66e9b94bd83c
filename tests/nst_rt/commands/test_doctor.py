"""`nst-rt doctor` shows what is usable and what is in the way, whatever is broken."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.cuda.machine import CudaMachine

from .conftest import records
from .doctor_runs import BROKEN, doctor, lines, module

TENSORRT_CURE = (
    'pip install "nst-rt[tensorrt]" to build engines, '
    '"nst-rt[cuda]" "tensorrt-cu13<11" to paint with it'
)


@pytest.fixture(scope="module")
def on_cuda(cuda_machine: CudaMachine) -> dict[str, str]:
    """Return what is printed where CUDA works."""
    return lines(doctor(**cuda_machine.environment()))


def test_this_machine() -> None:
    ended = doctor()
    said = lines(ended)
    assert (ended.code, ended.err) == (0, "")
    assert said["cpu"] == said["openvino"]
    assert said["cpu"].startswith("OpenVINO ")
    assert said["onnxruntime"].startswith("ONNX Runtime ")
    assert said["onnxruntime"].endswith(" CPUExecutionProvider, fp32")
    assert "fp32" in said["processor"]
    assert all(f"{name} " in said["versions"] for name in ("nst-rt", "python", "numpy", "torch"))


def test_json_is_one_object() -> None:
    ended = doctor("--json")
    (found,) = records(ended.out)
    assert found["paints"] is True
    verdicts = {verdict["device"]: verdict for verdict in found["verdicts"]}
    assert verdicts["cpu"]["paints"]
    assert verdicts["cpu"]["precision"] in found["processor"]["precisions"]
    assert found["cache"]["folder"]


def test_cuda_paints_on_a_machine_that_has_it(on_cuda) -> None:
    assert on_cuda["cuda"].startswith("ONNX Runtime 1.")
    assert "CUDAExecutionProvider, fp16" in on_cuda["cuda"]  # what a shipped style is painted in
    assert on_cuda["driver"] == "580.00, CUDA 13.0"
    assert on_cuda["gpu 0"] == "Stand-in GPU, 8.0 GiB, compute capability 8.9"
    assert on_cuda["libraries"] == "CUDA 13.0, cuDNN 9.28.0"
    assert "onnxruntime-gpu 1." in on_cuda["versions"]
    assert on_cuda["tensorrt"] == f"not usable: not installed: {TENSORRT_CURE}"


@pytest.mark.parametrize(
    ("switches", "says"),
    [
        ({"driver": 12040}, "the NVIDIA driver is older than this CUDA (CUDA error 35): update"),
        ({"memory_mib": 1}, "not enough GPU memory"),
        ({"fail": "kernel:700"}, "an illegal memory access was encountered"),
        ({"devices": 0}, "no NVIDIA GPU is visible|no GPU is visible"),
    ],
    ids=["old driver", "memory", "kernel", "no device"],
)
def test_cuda_that_fails_says_why(cuda_machine, ask, switches, says) -> None:
    ended = ask("cuda", "onnxruntime", **cuda_machine.environment(**switches))
    said = lines(ended)
    assert any(said["cuda"].startswith(f"not usable: {part}") for part in says.split("|"))
    assert (ended.code, ended.err) == (0, "")  # the CPU paints


def test_missing_libraries_come_with_the_line_that_installs_them(cuda_machine, ask, folder) -> None:
    said = lines(ask("cuda", **cuda_machine.environment(libraries=folder)))
    assert said["cuda"].startswith("not usable: libcuda.so.1, libcublasLt.so.13, ")
    cure = ' are missing: install the NVIDIA driver and pip install "onnxruntime-gpu[cuda,cudnn]"'
    assert said["cuda"].endswith(cure)
    assert said["driver"] in ("no NVIDIA driver", "a GPU without its driver")


def test_build_without_cuda_on_a_machine_with_a_gpu(cuda_machine, ask) -> None:
    """The environment's own onnxruntime is the CPU build."""
    said = lines(ask("cuda", LD_LIBRARY_PATH=str(cuda_machine.libraries)))
    assert said["cuda"] == (
        "not usable: onnxruntime is its build without CUDA: "
        'pip uninstall -y onnxruntime onnxruntime-gpu && pip install "nst-rt[cuda]"'
    )


@pytest.mark.parametrize("installed", [True, False])
def test_driver_and_build_that_are_both_missing_are_both_named(
    nst, monkeypatch, installed: bool
) -> None:
    monkeypatch.setattr("nst_rt.diagnosis._is_there", lambda module: installed)
    said = lines(nst("doctor"))
    problem = "onnxruntime is its build without CUDA" if installed else "onnxruntime-gpu is not ins"
    assert said["cuda"].startswith(f"not usable: {said['driver']}, {problem}")
    assert ": install the NVIDIA driver, then pip " in said["cuda"]
    assert said["cuda"].endswith('pip install "nst-rt[cuda]"')


@pytest.mark.parametrize("how", BROKEN)
def test_broken_onnxruntime_is_told_and_the_rest_goes_on(how, ask, tmp_path: Path) -> None:
    broken = module(tmp_path, "onnxruntime", BROKEN[how])
    ended = ask("onnxruntime", "openvino", path=broken)
    said = lines(ended)
    assert (ended.code, ended.err) == (0, "")
    assert "Traceback" not in ended.out.decode()
    assert said["onnxruntime"].startswith("not usable: ")
    assert said["cpu"].startswith("OpenVINO ")
    expected = {
        "import": "does not load (DLL load failed while importing onnxruntime_pybind11_state): "
        'pip install --force-reinstall "nst-rt[cpu]"',
        "library": "libgomp.so.1 is missing",
        "exit": "ends with code 7: why",
        "crash": "crashes (SIGSEGV)",
        "child": "OSError: so",
    }
    assert expected.get(how, "") in said["onnxruntime"]


def test_machine_on_which_nothing_paints_is_exit_5(tmp_path: Path) -> None:
    for name in ("openvino", "onnxruntime", "numpy"):
        module(tmp_path, name, BROKEN["import"])
    ended = doctor("--json", path=tmp_path)
    (found,) = records(ended.out)
    assert (ended.code, ended.err, found["paints"]) == (5, "", False)
    assert all(verdict["problem"] for verdict in found["verdicts"] if verdict["device"] == "cpu")


def test_libraries_that_are_missing_one_at_a_time(cuda_machine, ask, tmp_path: Path) -> None:
    cures = {
        "libcudnn.so.9": 'pip install "onnxruntime-gpu[cuda,cudnn]"',
        "libcuda.so.1": "install the NVIDIA driver",
    }
    for missing, cure in cures.items():
        rest = tmp_path / missing
        rest.mkdir()
        for library in cuda_machine.libraries.glob("*.so.*"):
            if library.name != missing:
                (rest / library.name).write_bytes(library.read_bytes())
        said = lines(ask("cuda", **cuda_machine.environment(libraries=rest)))
        assert said["cuda"] == f"not usable: {missing} is missing: {cure}"


def test_module_that_another_program_put_in_place_is_no_package(nst, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", type(sys)("tensorrt"))
    assert lines(nst("doctor"))["tensorrt"] == f"not usable: not installed: {TENSORRT_CURE}"


def test_machine_without_any_engine(nst, monkeypatch) -> None:
    monkeypatch.setattr("nst_rt.diagnosis.find_spec", lambda name: None)
    ended = nst("doctor")
    said = lines(ended)
    assert ended.code == 5
    cure = 'not usable: not installed: pip install "nst-rt[cpu]"'
    assert said["cpu"] == said["openvino"] == said["onnxruntime"] == cure


def test_builds_over_each_other_are_told_with_the_cure(ask, tmp_path: Path) -> None:
    for name in ("onnxruntime", "onnxruntime-gpu"):
        record = tmp_path / f"{name.replace('-', '_')}-9.9.dist-info"
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n")
    assert lines(ask(path=tmp_path))["warning"] == (
        "onnxruntime and onnxruntime-gpu are installed over each other, which breaks one of them: "
        "pip uninstall -y onnxruntime onnxruntime-gpu && "
        'pip install "nst-rt[cuda]" (or [cpu])'
    )
    (found,) = records(ask(path=tmp_path, json=True).out)
    assert found["versions"]["onnxruntime-gpu"] == "9.9"


def test_builds_in_two_folders_only_hide_one_another(on_cuda) -> None:
    assert "onnxruntime 1." in on_cuda["versions"]
    assert "onnxruntime-gpu 1." in on_cuda["versions"]
    assert "warning" not in on_cuda


def test_damaged_records_of_packages_are_no_obstacle(ask, tmp_path: Path) -> None:
    (tmp_path / "onnx-1.dist-info").mkdir()
    (tmp_path / "torch-2.dist-info").mkdir()
    (tmp_path / "torch-2.dist-info/METADATA").write_bytes(b"\xff\xfe\x00")
    ended = ask("onnxruntime", path=tmp_path, json=True)
    (found,) = records(ended.out)
    assert (ended.code, ended.err) == (0, "")
    assert found["versions"]["onnx"] == found["versions"]["torch"] == "unknown"


def test_machine_without_a_place_for_files(monkeypatch, nst, tmp_path: Path) -> None:
    def refuse(**where: Path) -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    module(tmp_path, "onnxruntime", BROKEN["exit"])
    monkeypatch.syspath_prepend(tmp_path)
    said = lines(nst("doctor"))
    assert said["cpu"].startswith("OpenVINO ")
    assert said["onnxruntime"] == "not usable: ends with code 7"


def test_probe_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch) -> None:
    from nst_rt.diagnosis.children import run_probes

    module(tmp_path, "onnxruntime", "import time; time.sleep(600)")
    monkeypatch.syspath_prepend(tmp_path)
    answers = run_probes(["onnxruntime"], timeout_s=0.5)
    assert answers == {"onnxruntime": {"problem": "does not answer"}}


def test_probe_is_ended_where_processes_have_no_groups(tmp_path: Path, monkeypatch) -> None:
    from nst_rt.diagnosis.children import run_probes

    monkeypatch.delattr(os, "killpg")
    module(tmp_path, "onnxruntime", "import time; time.sleep(600)")
    monkeypatch.syspath_prepend(tmp_path)
    answers = run_probes(["onnxruntime"], timeout_s=0.5)
    assert answers == {"onnxruntime": {"problem": "does not answer"}}


def test_build_whose_provider_is_no_file_of_its_own(ask, tmp_path: Path) -> None:
    """As on Windows; cuda-bindings is missing here."""
    code = "__version__ = '1.31'\ndef get_available_providers(): return ['CUDAExecutionProvider']"
    said = lines(ask("cuda", path=module(tmp_path, "onnxruntime", code)))
    assert said["cuda"].startswith("not usable: no ")  # GPU, or driver
    assert "libraries" not in said


def test_user_without_a_home_has_no_cache(monkeypatch, ask) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NST_RT_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    ended = ask("onnxruntime")
    assert (ended.code, lines(ended)["cache"]) == (0, "none (not writable)")


def test_cache_that_cannot_be_had(ask, folder: Path) -> None:
    (folder / "file").write_text("")
    found = json.loads(ask(json=True, NST_RT_CACHE="file/cache").out)
    assert found["cache"] == {"folder": "file/cache", "writable": False}
    assert lines(ask(NST_RT_CACHE="file/cache"))["cache"] == "file/cache (not writable)"
    assert lines(ask(NST_RT_CACHE="new/cache"))["cache"] == "new/cache"
    assert not (folder / "new").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc")
def test_cache_that_only_permissions_would_allow(ask, folder: Path) -> None:
    found = json.loads(ask(json=True, NST_RT_CACHE="/proc/nope/cache").out)
    assert found["cache"] == {"folder": "/proc/nope/cache", "writable": False}
    assert json.loads(ask(json=True, NST_RT_CACHE=".").out)["cache"]["writable"]
    assert list(folder.iterdir()) == []
