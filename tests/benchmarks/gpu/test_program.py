from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from benchmarks.gpu import __main__ as program
from benchmarks.gpu.__main__ import EXAMPLES, Program, gpu
from benchmarks.gpu.device import Device
from benchmarks.gpu.options import OPTION_MAKERS
from benchmarks.gpu.timing import Budget
from benchmarks.gpu.ways import COMPILED, FUSED, MAKERS, Maker
from nst_rt import zoo
from nst_rt.errors import ProviderError
from tests.nst_export.centring import CALIBRATE

STYLE = zoo.cards()[0].name


def test_without_a_gpu_nothing_is_claimed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ended = CliRunner().invoke(gpu, ["--results", str(tmp_path)])
    assert isinstance(ended.exception, ProviderError)
    assert list(tmp_path.iterdir()) == []


def test_what_fails_and_what_there_is_no_time_for_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*given: object, **more: object) -> None:
        raise RuntimeError("the GPU is gone\nand more")

    monkeypatch.setattr(program, "ceilings", lambda device: (1.0, 1.0))
    monkeypatch.setattr(program, "speed", broken)
    monkeypatch.setattr(program, "LIKENESS", (16, 24))
    made = Program(
        STYLE, Device(torch.device("cpu")), tmp_path, tmp_path / "results", quick=True, rounds=1
    )
    made.sizes, made.makers = [(16, 24)], {"slow": Maker("session", broken)}
    made.run(EXAMPLES / "lighthouse.jpg", Budget(0))
    [file] = (tmp_path / "results").iterdir()
    found = json.loads(file.read_text())
    assert (found["speed"], found["failed"]) == ([], ["the GPU is gone"])
    [left_out] = found["left out"]
    assert left_out.startswith(f"slow of {STYLE} beside PyTorch (takes about 5 s, 0 are left")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["failed: the GPU is gone", f"left out, no time: {left_out}"]


PROGRAM = """
    import sys
    import torch
    from benchmarks.gpu import __main__ as program, floor, timing
    from benchmarks.gpu.device import Device
    from benchmarks.gpu.ways import FUSED

    torch.set_num_threads(1)
    program.SIZES, program.LIKENESS = ((32, 48), (16, 24)), (16, 24)
    cards = program.zoo.cards()[:2]
    program.zoo.cards = lambda: cards
    floor.SIDE, floor.COPIED = 64, 4096
    timing.SECONDS, timing.LATENCIES = 0.001, 3
    program.first_gpu = lambda: Device(torch.device("cpu"))
    # its operators take long to compile, and are tested elsewhere
    program.MAKERS = {name: maker for name, maker in program.MAKERS.items() if name != FUSED}
    program.OPTION_MAKERS = dict(list(program.OPTION_MAKERS.items())[:1])
    for more in [], ["--options"]:
        program.gpu([*sys.argv[1:], *more], standalone_mode=False)
"""


def test_whole_program_on_a_machine_with_a_gpu(cuda_machine, tmp_path: Path) -> None:
    """Over stand-ins of CUDA, where memory of the GPU is the host's and no kernel computes."""
    given = (STYLE, "--no-compile", "--rounds", "1", "--budget", "1000", "--results", tmp_path)
    ended = cuda_machine.run(PROGRAM, *given, before=CALIBRATE, timeout_s=300)
    assert (ended.code, ended.err) == (0, ""), ended.err
    options, file = sorted(tmp_path.iterdir())
    assert (options.name, file.name) == ("gpu-options-stand-in-gpu.json", "gpu-stand-in-gpu.json")
    changed = json.loads(options.read_text())
    assert [row["way"] for row in changed["speed"]] == list(OPTION_MAKERS)[:1]
    assert [(row["size"], row["fps"] > 0) for row in changed["speed"]] == [("48x32", True)]
    assert (changed["parity"], changed["failed"], changed["left out"]) == ([], [], [])
    found = json.loads(file.read_text())
    assert (found["failed"], found["left out"]) == ([], [])
    assert found["machine"]["capability"] == "8.9"
    assert found["machine"]["versions"]["onnxruntime-gpu"]
    rows = {(row["size"], row["way"]): row for row in found["speed"]}
    assert {size for size, _ in rows} == {"48x32", "24x16"}
    assert {way for _, way in rows} == MAKERS.keys() - {COMPILED, FUSED}
    for (_, way), row in rows.items():
        if "ONNX Runtime CUDA" in way:
            assert "error" not in row, row
            assert all(row[name] > 0 for name in ("fps", "fps pageable", "fps pinned"))
            assert row["p50 ms"] <= row["p95 ms"] <= row["p99 ms"]
    for flavour in ("fp16", "bf16"):
        absent = rows["48x32", f"nst-rt, TensorRT engine of one size, {flavour}"]
        assert absent["error"].startswith("TensorRT needs tensorrt; ")
        assert f"does not work: {absent['way']}, 48x32: TensorRT needs" in ended.out
    assert {row["style"] for row in found["parity"]} == {card.name for card in zoo.cards()[:2]}
    assert ended.out.count("| 48x32 |") >= 5
