"""`nst-rt export`: what it hands to the exporter and what it prints."""

from __future__ import annotations

import json
import os
import pty
import re
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from nst_export.exporter import Export
from nst_export.verification import Parity
from nst_rt import zoo
from nst_rt.errors import ParityError
from tests.nst_export.centring import CALIBRATE

from .conftest import RUN, finish, start


@pytest.fixture(autouse=True)
def wave(folder: Path) -> None:
    """Write a file that looks like a checkpoint."""
    (folder / "wave").write_bytes(bytes(8) + b"{}")


@pytest.fixture
def exporter(monkeypatch):
    """Replace the exporter by one that writes nothing; return the calls it got."""
    calls = []

    def export_style(source, target, **options):
        calls.append((source, target, options))
        rows = [Parity("PyTorch", 32, 48, 1, 0.0123, 61.25)]
        options.pop("report")(rows[0])
        options.pop("progress")(0.5, "painting")
        return Export(path=target, bytes=12345, rows=rows, largest_activation=777.0)

    monkeypatch.setattr("nst_export.exporter.export_style", export_style)
    return calls


def test_table_of_differences_is_printed(nst, exporter) -> None:
    text = nst("export", "wave", "new\n.onnx", "--precision", "fp16").out.decode()
    assert text.splitlines()[0].split() == ["against", "size", "max", "mean", "PSNR"]
    assert "48x32     1   0.0123   61.2 dB" in text
    assert "largest activation 777 of 65,504" in text
    assert text.endswith("new\\n.onnx  12,345 bytes\n")


def test_progress_is_shown_beside_the_table_on_a_terminal(folder) -> None:
    """A photo of the size is painted several times, which takes its time where it is large."""
    ours, theirs = pty.openpty()
    checkpoint = zoo.cards()[0].file("checkpoint")
    options = ("--size", "96x64", "--precision", "fp16")
    given = {"code": CALIBRATE + RUN, "stdout": theirs, "stderr": theirs}
    process = start("export", checkpoint, "x.onnx", *options, **given)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # the terminal is gone when the process is
        while data := os.read(ours, 4096):
            shown += data
    os.close(ours)
    assert finish(process).code == 0
    assert b"painting 96x64 in PyTorch fp16" in shown
    assert b"%" in shown
    rows = [line for line in shown.split(b"\n") if b" dB" in line]
    assert len(rows) == 4
    assert all(re.search(rb"(^|\x1b\[2K|\r)PyTorch fp", row) for row in rows), rows


def test_json_is_one_object(nst, exporter) -> None:
    result = json.loads(nst("export", "wave", "x.onnx", "--json").out)
    assert (result["path"], result["bytes"], result["rows"][0]["largest"]) == ("x.onnx", 12345, 1)


def test_options_reach_the_exporter(nst, exporter) -> None:
    options = ["--size", "48x32", "--variant", "stats", "--title", "Wave", "--overwrite"]
    assert nst("export", "wave", "x.onnx", *options).code == 0
    [(source, target, given)] = exporter
    assert (source, target) == ("wave", Path("x.onnx"))
    assert given == {
        "flavour": "fp32", "size": (32, 48), "variant": "stats", "facts": {"title": "Wave"},
        "overwrite": True,
    }  # fmt: skip


@pytest.mark.parametrize("size", ["48", "48x", "0x32", "-1x2", "axb"])
def test_size_that_is_none_is_exit_2(nst, exporter, size: str) -> None:
    ended = nst("export", "wave", "x.onnx", f"--size={size}")
    assert ended.code == 2
    assert "write it like 1280x720" in ended.err


def test_model_that_paints_otherwise_is_exit_4(nst, monkeypatch) -> None:
    def refuse(*arguments, report, **options):
        report(Parity("PyTorch", 32, 48, 9, 0.5, 31.0))
        raise ParityError("differs by 9 levels")

    monkeypatch.setattr("nst_export.exporter.export_style", refuse)
    ended = nst("export", "wave", "x.onnx")
    assert (ended.code, ended.lines) == (4, ["nst-rt: differs by 9 levels"])
    assert b"48x32     9   0.5000   31.0 dB" in ended.out
    assert nst("export", "wave", "x.onnx", "--json").out == b""


NOTHING = "is no checkpoint, model file or style; give"


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("x.jpg", "x.onnx", f"{NOTHING} a .safetensors file or a style's name"),
        ("x.jpg", "x.engine", f"{NOTHING} a .safetensors checkpoint, a .onnx file or a style's"),
        ("x.engine", "y.engine", "is an engine already; give the .onnx file or style that it was"),
        ("x.engine", "y.onnx", "is an engine, which becomes no model file; give the checkpoint or"),
        ("x.onnx", "y.onnx", "is a model file already; give the checkpoint or style that it was"),
    ],
)
def test_what_nothing_is_exported_from_is_told_before_what_is_missing(
    nst, folder: Path, monkeypatch, source: str, target: str, message: str
) -> None:
    for module in ("nst_export.exporter", "nst_export.engine"):
        monkeypatch.setitem(sys.modules, module, None)
    assert "no such model; did you mean great-wave?" in nst("export", "graet-wave", target).err
    (folder / source).write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00")
    ended = nst("export", source, target)
    assert (ended.code, len(ended.lines)) == (4, 1)
    assert ended.err.startswith(f"nst-rt: {source}: {message}")


def test_checkpoint_needs_what_exports_it(nst, folder: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "nst_export.exporter", None)
    ended = nst("export", zoo.cards()[0].file("checkpoint"), "x.onnx")
    assert (ended.code, 'pip install "nst-rt[export]"' in ended.err) == (5, True)


@pytest.mark.parametrize("name", ["x" * 300, "~nobody-of-that-name/x"])
def test_name_that_cannot_be_looked_up_is_reported(nst, name: str) -> None:
    ended = nst("export", name, "x.onnx")
    assert (ended.code, "cannot be looked up" in ended.err) == (4, True)


def test_folder_of_a_run_is_told_with_the_file_in_it(nst, folder: Path) -> None:
    (folder / "run").mkdir()
    (folder / "run/style.safetensors").write_bytes(b"")
    assert "is a folder; give run/style.safetensors" in nst("export", "run", "x.onnx").err
