"""TensorRT 10 and 11 through their real bindings, where they work and where they do not.

TensorRT 11's own calls run over TensorRT-RTX's library; TensorRT 10's objects have another layout.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.nst_export.engine.small_models import convolution
from tests.tensorrt.bindings import VERSIONS, TensorRt

NEWEST = VERSIONS[-1]
TensorRtOf = Callable[[str], TensorRt]
BUILD = """
    import sys
    from pathlib import Path
    from nst_rt.commands import main
    main(sys.argv[1:])
"""


@pytest.fixture
def build(
    tensorrt_of: TensorRtOf, rtx_libraries: Path, tmp_path: Path
) -> Callable[..., tuple[dict, str]]:
    """Return a function that runs `nst-rt export` over TensorRT 11 and returns its streams."""

    def run(source: Path, *options: str | Path) -> tuple[dict, str]:
        target = tmp_path / "x.engine"
        arguments = ["export", source, target, "--overwrite", "--json", *options]
        ended = tensorrt_of(NEWEST).run(BUILD, *arguments, rtx=rtx_libraries)
        assert ended.code == 0, ended.err
        return json.loads(ended.out), ended.err

    return run


def test_tensorrt_11_builds_for_the_gpu_that_is_here(
    build: Callable[..., tuple[dict, str]], shipped: Path
) -> None:
    told, _ = build(shipped, "--level", "5", "--workspace", "4096", "--max", "3840x2160")
    assert (told["backend"], told["backend_version"]) == ("tensorrt", NEWEST)
    assert (told["gpu"], told["compute_capabilities"]) == ("Stand-in GPU", ["8.9"])
    assert told["driver"] == "580.00"
    assert told["options"] == {"level": 5, "workspace_mib": 4096}
    assert told["precision"] == "fp16"
    assert told["engine_bytes"] > 1_000_000
    assert told["memory"]["activations"] > 0


def test_timing_cache_is_kept_and_one_of_no_use_begins_anew(
    build: Callable[..., tuple[dict, str]], tmp_path: Path
) -> None:
    source, cache = convolution(tmp_path / "x.onnx"), tmp_path / "new" / "cache"
    _, said = build(source, "--timing-cache", cache)
    kept = cache.read_bytes()
    assert kept
    assert "timing cache" not in said
    cache.write_bytes(b"of another version")
    _, said = build(source, "--timing-cache", cache)
    assert "nst-rt: warning: The timing cache will not be used!" in said
    assert cache.read_bytes() == kept


def test_timing_cache_that_cannot_be_used_as_a_file(
    tensorrt_of: TensorRtOf, rtx_libraries: Path, tmp_path: Path
) -> None:
    source = convolution(tmp_path / "x.onnx")
    for cache, code, message in (
        (source / "below", 6, "cannot be written"),
        (Path("/proc/self/mem"), 2, "cannot be read"),
    ):
        arguments = ["export", source, tmp_path / "x.engine", "--timing-cache", cache]
        ended = tensorrt_of(NEWEST).run(BUILD, *arguments, rtx=rtx_libraries)
        assert ended.code == code, ended.err
        assert message in ended.err
    assert not (tmp_path / "x.engine").exists()


def test_a_gpu_cannot_be_chosen_where_it_is_here(
    tensorrt_of: TensorRtOf, rtx_libraries: Path, shipped: Path, tmp_path: Path
) -> None:
    arguments = ["export", shipped, tmp_path / "x.engine", "--compute-capability", "8.6"]
    ended = tensorrt_of(NEWEST).run(BUILD, *arguments, rtx=rtx_libraries)
    assert ended.code == 2
    assert "builds for the GPU that is here; leave out capabilities" in ended.err


@pytest.mark.parametrize("version", VERSIONS)
def test_a_library_that_does_not_start(
    tensorrt_of: TensorRtOf, shipped: Path, tmp_path: Path, version: str
) -> None:
    ended = tensorrt_of(version).run(BUILD, "export", shipped, tmp_path / "x.engine")
    assert ended.code == 5
    said = f"TensorRT {version} is installed and does not start; see nst-rt doctor"
    assert ended.err.splitlines() == [f"nst-rt: {said}"]


def test_a_library_that_does_not_start_and_says_why(tensorrt_of: TensorRtOf) -> None:
    code = """
    from nst_export.engine.backends import open_backend
    from nst_rt.errors import NstError
    from nst_rt.nvidia.tensorrt_log import collect_messages

    backend = open_backend("tensorrt")
    with collect_messages() as messages:
        messages.add("ERROR", "CUDA initialization failure with error: 35")
        try:
            backend.builder(messages)
        except NstError as error:
            print(error.exit_code, error)
    """
    ended = tensorrt_of(NEWEST).run(code)
    assert ended.out.startswith(f"5 TensorRT {NEWEST} finds no GPU with a driver that is new"), (
        ended.err
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_tensorrt_needs_the_gpu_that_it_builds_for(
    tensorrt_of: TensorRtOf, shipped: Path, tmp_path: Path, version: str
) -> None:
    arguments = ["export", shipped, tmp_path / "x.engine", "--backend", "tensorrt"]
    ended = tensorrt_of(version).run(BUILD, *arguments, gpu=False)
    assert ended.code == 5
    assert "TensorRT builds on the GPU that the engine is for: no NVIDIA driver" in ended.err
    assert 'or with backend="tensorrt-rtx" (--backend), which needs none' in ended.err


def test_without_a_gpu_tensorrt_rtx_is_taken(tensorrt_of: TensorRtOf, tmp_path: Path) -> None:
    arguments = ["export", convolution(tmp_path / "x.onnx"), tmp_path / "x.engine", "-v"]
    ended = tensorrt_of(NEWEST).run(BUILD, *arguments, gpu=False)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("tensorrt-rtx ")
    assert "TensorRT is passed over: TensorRT builds on the GPU" in ended.err


def test_bindings_without_libraries(tensorrt_of: TensorRtOf, shipped: Path, tmp_path: Path) -> None:
    bare = TensorRt(NEWEST, tensorrt_of(NEWEST).site, tmp_path)
    ended = bare.run(BUILD, "export", shipped, tmp_path / "x.engine", "--backend", "tensorrt")
    assert ended.code == 5
    assert "TensorRT does not load (libnv" in ended.err
    assert 'pip install "nst-rt[tensorrt]"' in ended.err


@pytest.mark.parametrize(
    ("version", "message"), [("9.3.0", "is 9.3.0, nst-rt knows 10.13 up to"), ("12.0.1", "12.0")]
)
def test_versions_that_nobody_has_looked_at(
    tensorrt_of: TensorRtOf, shipped: Path, tmp_path: Path, version: str, message: str
) -> None:
    code = f"import tensorrt; tensorrt.__version__ = {version!r}\n" + BUILD.replace("    ", "")
    arguments = ["export", shipped, tmp_path / "x.engine", "--backend", "tensorrt"]
    ended = tensorrt_of(NEWEST).run(code, *arguments)
    assert ended.code == 5
    assert message in ended.err


def test_neither_is_installed(tensorrt_of: TensorRtOf, shipped: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['tensorrt'] = sys.modules['tensorrt_rtx'] = None\n"
    code += BUILD.replace("    ", "")
    for options, cure in (((), "nst-rt[rtx]"), (("--backend", "tensorrt-rtx"), "nst-rt[rtx]")):
        ended = tensorrt_of(NEWEST).run(code, "export", shipped, tmp_path / "x.engine", *options)
        assert ended.code == 5
        assert f'pip install "{cure}"' in ended.err
        assert len(ended.err.splitlines()) == 1
