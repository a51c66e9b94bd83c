"""Which CUDA libraries are missing is known by name, and what pip installed is found."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nst_rt.nvidia.elf import linked_to
from nst_rt.nvidia.libraries import cure_for, load

LOAD = """
    import sys
    from pathlib import Path
    from nst_rt.nvidia.libraries import load_dependencies

    print(load_dependencies(Path(sys.argv[1])))
"""


@pytest.fixture
def provider(cuda_machine) -> Path:
    return cuda_machine.site / "onnxruntime/capi/libonnxruntime_providers_cuda.so"


def test_names_are_those_that_readelf_reads(provider) -> None:
    for library in (provider, Path(__file__), *provider.parent.glob("lib*.so*")):
        listing = subprocess.run(["readelf", "-d", library], capture_output=True, text=True).stdout
        assert linked_to(library) == re.findall(r"\(NEEDED\).*\[(.+)\]", listing)


def test_cut_off_libraries_name_nothing(cuda_machine, tmp_path: Path) -> None:
    whole = (cuda_machine.libraries / "libcudart.so.13").read_bytes()
    file = tmp_path / "cut.so"
    named = []
    for length in (6, 63, 64, 200, 1000, 5000, len(whole)):
        file.write_bytes(whole[:length])
        named.append(linked_to(file))
    assert named[:4] == [[]] * 4
    assert "libcuda.so.1" in named[-1]


def test_nothing_is_missing_where_cuda_is(cuda_machine, provider) -> None:
    assert cuda_machine.run(LOAD, provider).out == "[]\n"


def test_all_that_is_missing_is_named_not_the_first_alone(
    cuda_machine, provider, tmp_path: Path
) -> None:
    kept = ("libcuda.so.1", "libcudart.so.13")
    for name in kept:
        shutil.copy(cuda_machine.libraries / name, tmp_path)
    missing = cuda_machine.run(LOAD, provider, libraries=tmp_path).out
    for name in ("libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcudnn.so.9"):
        assert name in missing
    assert "libcuda.so.1" not in missing


def test_what_a_found_library_lacks_is_named(cuda_machine, provider, tmp_path: Path) -> None:
    for library in cuda_machine.libraries.glob("*.so.*"):
        if library.name != "libcuda.so.1":
            shutil.copy(library, tmp_path)
    assert cuda_machine.run(LOAD, provider, libraries=tmp_path).out == "['libcuda.so.1']\n"


def test_libraries_in_wheels_are_found(cuda_machine, provider, tmp_path: Path) -> None:
    """And the provider, which knows nothing of wheels, finds what is loaded already."""
    wheel, plain = tmp_path / "site/nvidia/cu13/lib", tmp_path / "plain"
    wheel.mkdir(parents=True)
    plain.mkdir()
    for library in cuda_machine.libraries.glob("*.so.*"):
        shutil.copy(library, plain if library.name == "libcuda.so.1" else wheel)
    code = f"import sys\nsys.path.append({str(tmp_path / 'site')!r})\n" + "\n".join(
        line.strip() for line in LOAD.splitlines()
    )
    code += """
import onnxruntime
from nst_rt import zoo
session = onnxruntime.InferenceSession(
    str(zoo.cards()[0].file("fp32")), providers=["CUDAExecutionProvider"], enable_fallback=0
)
print(session.get_providers()[0])
"""
    ended = cuda_machine.run(code, provider, libraries=plain)
    assert ended.out == "[]\nCUDAExecutionProvider\n", ended.err


def test_damaged_library_is_named_with_the_reason(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "nvidia/cu13/lib").mkdir(parents=True)
    (tmp_path / "nvidia/cu13/lib/libcudnn.so.99").write_bytes(b"no library")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert load("libcudnn.so.98") == "libcudnn.so.98"
    assert (load("libcudnn.so.99") or "").startswith("libcudnn.so.99 (")


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        (["libcuda.so.1"], "install the NVIDIA driver"),
        (["libcudnn.so.9"], 'pip install "onnxruntime-gpu[cuda,cudnn]"'),
        (["libnvinfer.so.10", "libnvonnxparser.so.10"], 'pip install "tensorrt-cu13<11"'),
        (["libnvinfer.so.11", "libnvonnxparser.so.11"], 'pip install "nst-rt[tensorrt]"'),
        (["libtensorrt_onnxparser_rtx.so.1"], 'pip install "nst-rt[rtx]"'),
        (["libgomp.so.1"], ""),
        (
            ["libcuda.so.1", "libcublas.so.13"],
            'install the NVIDIA driver and pip install "onnxruntime-gpu[cuda,cudnn]"',
        ),
        ([], ""),
    ],
)
def test_each_missing_library_has_a_cure(missing, line) -> None:
    assert cure_for(missing) == line
