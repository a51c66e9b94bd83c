"""Parts that an installation lacks: exit code 5 and what to install."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from nst_rt.commands.extras import needing
from nst_rt.diagnosis.packages import BUILDS
from nst_rt.errors import ModelError, ProviderError

from .conftest import save

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


@pytest.mark.parametrize(
    ("absent", "arguments", "extra"),
    [
        ("nst_train.config", ["train", "fast", "-o", "run"], "train"),
        ("nst_export.exporter", ["export", "starry-night", "x.onnx"], "export"),
    ],
)
def test_missing_extra_is_exit_5_with_the_pip_line(
    nst, folder, monkeypatch, absent, arguments, extra
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    ended = nst(*arguments)
    assert (ended.code, len(ended.lines)) == (5, 1)
    assert f"ing needs {absent}; " in ended.err
    assert f'pip install "nst-rt[{extra}]"' in ended.err


def test_no_engine_is_exit_5_with_the_pip_line(nst, folder, style, monkeypatch) -> None:
    save("a.png")
    monkeypatch.setitem(sys.modules, "openvino", None)
    ended = nst("stylize", "a.png", "--device", "openvino", *style)
    assert ended.code == 5
    assert ended.lines == ['nst-rt: openvino is not installed; pip install "nst-rt[cpu]"']


def test_asked_for_device_that_is_absent_is_exit_5(nst, folder, style) -> None:
    save("a.png")
    ended = nst("stylize", "a.png", "--device", "cuda", *style)
    assert (ended.code, len(ended.lines), ended.out) == (5, 1, b"")


def test_export_needs_a_build_of_onnxruntime_and_names_both(nst, folder, monkeypatch) -> None:
    for name in [name for name in sys.modules if name.startswith("nst_export")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    ended = nst("export", "starry-night", "x.onnx")
    assert (ended.code, ended.lines) == (5, [
        'nst-rt: exporting needs onnxruntime; pip install "nst-rt[cpu]", or "nst-rt[cuda]" for an '
        "NVIDIA GPU"
    ])  # fmt: skip


def test_extras_do_not_bring_a_second_build_of_onnxruntime() -> None:
    """All may be installed beside `cuda`, but for `cpu` and what is made of it."""
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]

    def brought(extra: str) -> set[str]:
        names = set()
        for requirement in extras[extra]:
            own = re.fullmatch(r"nst-rt\[(.+)\]", requirement)
            if own:
                names.update(*map(brought, own[1].split(",")))
            else:
                names.add(re.match(r"[\w.-]+", requirement)[0])
        return names

    with_a_build = {extra for extra in extras if brought(extra) & set(BUILDS)}
    assert with_a_build == {"cpu", "cuda", "dev"}
    assert len(brought("dev") & set(BUILDS)) == 1


def test_package_that_does_not_load_says_why() -> None:
    expected = pytest.raises(ProviderError, match=r"painting needs libx\.so: cannot open")
    with expected, needing("cpu", "painting"):
        raise ImportError("libx.so: cannot open")


def test_errors_of_ours_pass() -> None:
    with pytest.raises(ModelError, match="as it was"), needing("cpu", "painting"):
        raise ModelError("as it was")
