"""Parts that an installation lacks: exit code 5 and what to install."""

from __future__ import annotations

import sys

import pytest

from nst_rt.commands.extras import needing
from nst_rt.errors import ModelError, ProviderError

from .conftest import save


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


def test_package_that_does_not_load_says_why() -> None:
    expected = pytest.raises(ProviderError, match=r"painting needs libx\.so: cannot open")
    with expected, needing("cpu", "painting"):
        raise ImportError("libx.so: cannot open")


def test_errors_of_ours_pass() -> None:
    with pytest.raises(ModelError, match="as it was"), needing("cpu", "painting"):
        raise ModelError("as it was")
