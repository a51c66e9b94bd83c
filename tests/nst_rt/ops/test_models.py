"""A model of fused operators is a model like others, where its library can be built."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nst_export.exporter import export_style
from nst_rt import Stylizer
from nst_rt.errors import ModelError, OutputError, ProviderError
from nst_rt.model import check_model
from nst_rt.ops import build_library
from tests.nst_export.centring import centre_on_a_part


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fused") / "wave.onnx"
    with pytest.MonkeyPatch.context() as patch:
        centre_on_a_part(patch)
        export_style("great-wave", path, flavour="fp16", variant="fused", size=(48, 64))
    return path


def test_stylizer_paints_it_on_the_cpu(fused: Path, photo) -> None:
    image = np.ascontiguousarray(photo[:48, :64])
    with Stylizer(fused, device="cpu") as ours, Stylizer("great-wave", precision="fp32") as plain:
        assert (ours.info.provider.split()[0], ours.info.precision) == ("ONNX", "fp16")
        assert np.abs(ours(image).astype(int) - plain(image)).mean() < 0.5


def test_openvino_says_what_paints_it(fused: Path) -> None:
    says = "OpenVINO has not; choose device onnxruntime, or export it without --variant fused"
    with pytest.raises(ProviderError, match=says):
        Stylizer(fused, device="openvino")


def test_its_operators_are_refused_in_a_model_that_does_not_say_so(fused: Path) -> None:
    data = fused.read_bytes().replace(
        b"nst_rt.variant\x12\x05fused", b"nst_rt.variant\x12\x05plain"
    )
    with pytest.raises(ModelError, match=r"needs custom operators \(nst_rt\)"):
        check_model(fused, data)


def test_library_is_built_once_and_only_from_a_folder_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NST_RT_CACHE", str(tmp_path / "cache"))
    library = build_library("cpu")
    monkeypatch.setenv("CXX", str(tmp_path / "no-compiler"))
    assert build_library("cpu") == library
    library.chmod(0o666)
    with pytest.raises(OutputError, match=r"can be written by others \(mode 666\)"):
        build_library("cpu")
    library.unlink()
    with pytest.raises(ProviderError, match="no-compiler does not run"):
        build_library("cpu")
    (tmp_path / "file").touch()
    monkeypatch.setenv("NST_RT_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"cannot be kept .*NST_RT_CACHE=FOLDER"):
        build_library("cpu")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("NST_RT_CACHE", str(tmp_path / "other"))
    with pytest.raises(ProviderError, match="no C\\+\\+ compiler is installed; install g\\+\\+"):
        build_library("cpu")


def test_a_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text("#!/bin/sh\necho 'x.h:1: error: no such thing' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("NST_RT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(ProviderError, match=r"does not compile .*error: no such thing\)"):
        build_library("cpu")
    assert not list((tmp_path / "cache/operators").iterdir())
