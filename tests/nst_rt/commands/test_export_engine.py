"""`nst-rt export … OUT.engine` through the real TensorRT-RTX."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
from pathlib import Path

import pytest

from nst_rt import zoo
from nst_rt.engines.side_car import read_engine_facts
from tests.nst_export.engine.small_models import long
from tests.nst_rt.commands.conftest import finish, save, start

STYLE = zoo.cards()[0].name
AGAIN = (
    f"nst-rt export {STYLE} x.engine --overwrite --min 16x16 --opt 64x64 --max 64x64 "
    "--backend tensorrt-rtx"
)


def test_engine_and_what_it_is(nst, folder: Path) -> None:
    ended = nst("export", STYLE, "new/x.engine", "--max", "3840x2160", "--batch", "2")
    assert (ended.code, ended.lines) == (0, [])
    lines = ended.out.decode().splitlines()
    facts = read_engine_facts(folder / "new/x.engine")
    mebibytes = sum(facts.memory.values()) / 2**20
    assert lines == [
        f"tensorrt-rtx {facts.backend_version}, fp16, portable (8.0, 8.6, 8.9, 12.0, 12.1)",
        f"pictures 16x16 … 1280x720 … 3840x2160, up to 2 at once, {mebibytes:,.0f} MiB on the GPU",
        f"new/x.engine  {facts.engine_bytes:,} bytes",
    ]


def test_json_is_the_side_car(nst, folder: Path) -> None:
    ended = nst("export", STYLE, "x.engine", "--json", "--max", "64x64", "--precision", "fp32")
    printed = json.loads(ended.out)
    side_car = json.loads((folder / "x.engine.json").read_text())
    assert printed.pop("path") == "x.engine"
    assert printed.pop("rows") == []
    assert printed == {key: value for key, value in side_car.items() if key != "schema"}
    assert printed["precision"] == "fp32"


def test_usual_size_beyond_the_default_of_the_largest_is_told_with_its_memory(nst, folder) -> None:
    ended = nst("export", STYLE, "x.engine", "--opt", "2560x720")
    assert ended.lines == [
        "nst-rt: warning: no largest size (--max) was given: the engine takes pictures of up to "
        "2560x1080, as --opt or --min asks for, and plans memory for them"
    ]
    assert b"pictures 16x16 \xe2\x80\xa6 2560x720 \xe2\x80\xa6 2560x1080, " in ended.out
    assert b" MiB on the GPU" in ended.out
    quiet = ("--overwrite", "--opt", "2560x720", "--max", "2560x1440")
    assert nst("export", STYLE, "x.engine", *quiet).lines == []


def test_options_reach_the_builder(nst, folder: Path, monkeypatch) -> None:
    (folder / "wave").write_bytes(bytes(8) + b"{}")
    calls = []

    def build_engine(source, target, options, **rest):
        calls.append((source, target, options, rest["facts"], rest["overwrite"]))
        raise KeyboardInterrupt

    monkeypatch.setattr("nst_export.engine.build_engine", build_engine)
    given = "--min 32x16 --opt 64x48 --max 96x80 --batch 3 --level 2 --timing-cache c"
    given += " --workspace 77 --backend tensorrt --overwrite --title Wave --precision fp16"
    given += " --variant steady"
    capabilities = ("--compute-capability", "7.5", "--compute-capability", "8.9")
    assert nst("export", "wave", "x.engine", *given.split(), *capabilities).code == 130
    [(source, target, options, facts, overwrite)] = calls
    assert (source, target, facts, overwrite) == ("wave", Path("x.engine"), {"title": "Wave"}, True)
    assert (options.smallest, options.usual, options.largest) == ((16, 32), (48, 64), (80, 96))
    assert (options.batch, options.level, options.timing_cache) == (3, 2, Path("c"))
    assert (options.workspace_mib, options.backend) == (77, "tensorrt")
    assert (options.capabilities, options.precision) == (("7.5", "8.9"), "fp16")
    assert options.variant == "steady"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.onnx", "--max", "64x64"], "--max is for engines; end the output in .engine"),
        (["x.onnx", "--timing-cache", "c"], "--timing-cache is for engines"),
        (["x.onnx", "--precision", "bf16"], "bf16 is for engines; end the output in .engine"),
        (["x.onnx", "--compute-capability", "8.9"], "--compute-capability is for engines"),
        (["x.engine", "--variant", "stats"], "--variant stats is for model files; choose plain or"),
        (["x.engine", "--min", "64"], "'--min': '64' is no size; write it like 1280x720"),
        (["x.engine", "--size", "64x64", "--min", "64x64"], "one size has no range"),
        (["x.engine", "--min", "65x64", "--opt", "64x64"], "min 65x64 does not fit into opt"),
        (["x.plan"], "cannot export to .plan; use .onnx or .engine"),
    ],
)
def test_options_that_do_not_fit_are_exit_2(nst, folder: Path, arguments, message: str) -> None:
    ended = nst("export", STYLE, *arguments)
    assert ended.code == 2
    assert message in ended.err
    assert list(folder.iterdir()) == []


def test_what_needs_torch_says_so(nst, folder: Path, monkeypatch) -> None:
    """A model file or a shipped style needs TensorRT alone; a checkpoint is exported first."""
    monkeypatch.setitem(sys.modules, "nst_export.exporter", None)
    one_size = ("--min", "64x64", "--opt", "64x64", "--max", "64x64")
    ended = nst("export", STYLE, "x.engine", *one_size)
    assert (ended.code, b"pictures 64x64, " in ended.out) == (0, True)
    checkpoint = (zoo.cards()[0].file("checkpoint"), "y.engine")
    steady = (STYLE, "x.steady.engine", "--variant", "steady")
    ended = nst("export", *steady, *one_size, "--precision", "fp32")
    assert (ended.code, b"fp32, portable" in ended.out) == (0, True)
    for arguments in checkpoint, (STYLE, "y.engine", "--size", "64x64"), (*steady, "--overwrite"):
        ended = nst("export", *arguments)
        assert ended.code == 5
        assert 'pip install "nst-rt[export]"' in ended.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_build_leaves_nothing(folder: Path, number: int) -> None:
    """The signal comes while the bar shows that the builder is at work."""
    model = long(folder / "long.onnx")
    ours, theirs = pty.openpty()
    process = start("export", model.name, "x.engine", "--max", "64x64", stderr=theirs)
    os.close(theirs)
    shown = b""
    while b"Building engine" not in shown:
        shown += os.read(ours, 4096)
    process.send_signal(number)
    while True:  # a full terminal would hold it up
        try:
            shown += os.read(ours, 4096)
        except OSError:
            break
    ended = finish(process)
    os.close(ours)
    assert ended.code == 128 + number, shown
    assert list(folder.iterdir()) == [model]


@pytest.mark.parametrize("command", ["stylize", "video", "live"])
def test_engine_that_was_not_built_here_is_loaded_only_on_ones_word(
    command: str, nst, folder: Path, monkeypatch
) -> None:
    """No GPU is here: what is trusted comes as far as that."""
    assert nst("export", STYLE, "x.engine", "--max", "64x64").code == 0
    clip = Path(__file__).parents[3] / "examples/videos/glide.mp4"
    what = {
        "stylize": (save("photo.png"),),
        "video": (clip, "painted.mp4"),
        "live": (clip, "--output", "painted.mp4"),
    }[command]
    own = nst(command, *what, "--style", "x.engine")
    assert own.code == 5
    monkeypatch.setenv("NST_RT_CACHE", "another")
    refused = nst(command, *what, "--style", "x.engine")
    assert refused.code == 4
    assert refused.lines == [
        "nst-rt: x.engine: is an engine, which is code, and is not among those that you built, by "
        f"another/engines/built; build it here: {AGAIN}; or paint with "
        "trust_engine=True (--trust-engine) if you know who built it"
    ]
    trusted = nst(command, *what, "--style", "x.engine", "--trust-engine")
    assert (trusted.code, trusted.lines) == (5, own.lines)


def test_engine_of_somebody_else_still_says_what_it_is(nst, folder: Path, monkeypatch) -> None:
    assert nst("export", STYLE, "x.engine", "--max", "64x64").code == 0
    monkeypatch.setenv("NST_RT_CACHE", "another")
    ended = nst("info", "x.engine", "--json")
    facts = json.loads(ended.out)
    assert (ended.code, facts["name"], facts["provider"]) == (0, STYLE, "none")
    assert "is not among those that you built, by another/engines/built" in facts["problem"]
