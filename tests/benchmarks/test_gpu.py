from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks.gpu import timing, ways
from benchmarks.gpu.__main__ import gpu
from benchmarks.gpu.comparison import parity, speed
from benchmarks.gpu.device import Device
from benchmarks.gpu.floor import work
from benchmarks.gpu.timing import Budget
from benchmarks.gpu.ways import COMPILED, EAGER, FUSED, IN_FLIGHT, MAKERS, Maker, Style
from nst_rt import zoo
from nst_rt.errors import ProviderError
from nst_rt.model import read_model
from nst_train.network import NetworkConfig, StyleNetwork, paint
from tests.nst_export.centring import CALIBRATE, centre_on_a_part

CPU = Device(torch.device("cpu"))
STYLE = zoo.cards()[0].name


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long takes a moment."""
    monkeypatch.setattr(timing, "SECONDS", 0.01)
    monkeypatch.setattr(timing, "LATENCIES", 3)


def test_work_is_what_the_network_cannot_do_without() -> None:
    """One residual block of 8 channels, counted by hand at 16×16."""
    network = StyleNetwork(NetworkConfig(width=0.125, blocks=1))
    full, half, quarter = network.config.channels
    ends = 2 * 256 * 81 * 3 * full
    down = 64 * 9 * full * half + 16 * 9 * half * quarter
    blocks = 2 * 16 * 9 * quarter * quarter
    up = 64 * 9 * quarter * half + 256 * 9 * half * full
    found = work(network, 16, 16)
    assert found.macs == ends + down + blocks + up
    assert found.floor_s(1.0, 1e30) == 2 * found.macs
    assert found.floor_s(1e30, 1.0) == found.bytes
    larger = work(network, 32, 32)
    assert larger.macs == 4 * found.macs
    assert 3 * found.bytes < larger.bytes < 4 * found.bytes  # padding grows with the border alone


def test_torch_paints_as_the_network_does_from_everywhere() -> None:
    network = StyleNetwork(NetworkConfig(width=0.125, blocks=1))
    image = np.random.default_rng(0).integers(0, 256, (1, 20, 30, 3), np.uint8)
    painter = ways.on_torch(network, torch.float32, CPU)
    way = ways.torch_way(painter, image, CPU)
    with torch.no_grad():
        expected = paint(network, torch.from_numpy(image))
    assert torch.equal(way.on_device(), expected)
    assert torch.equal(way.from_pageable(), expected)
    assert np.array_equal(way.run(), expected.numpy())


class Session:
    """Keeps pictures in flight as ours do, and counts them."""

    def __init__(self) -> None:
        self.in_flight = self.most = 0
        self.busy: set[int] = set()

    def pinned(self, *shape: int) -> np.ndarray:
        return np.zeros(shape, np.uint8)

    def submit(self, image: np.ndarray, out: np.ndarray | None = None) -> Submitted:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        return Submitted(self, None if out is None else id(out))


class Submitted:
    def __init__(self, session: Session, buffer: int | None) -> None:
        self.session, self.buffer = session, buffer
        assert buffer not in session.busy
        if buffer is not None:
            session.busy.add(buffer)

    def result(self) -> str:
        self.session.in_flight -= 1
        self.session.busy.discard(self.buffer or 0)
        return "painting"


@pytest.mark.parametrize("begin", [ways.from_pageable, ways.from_pinned])
def test_pictures_from_the_host_are_kept_in_flight(begin) -> None:
    """And no pinned buffer is written to while its picture is on the way."""
    session = Session()
    frame = begin(session, np.zeros((1, 16, 16, 3), np.uint8))
    painted = [frame() for _ in range(8)]
    assert painted[:2] == [None, None]
    assert painted[3:] == ["painting"] * 5
    assert session.most == IN_FLIGHT


def test_rates_are_seconds_per_picture(quick) -> None:
    calls = {"one": 0, "other": 0}

    def paint_with(name: str) -> None:
        calls[name] += 1

    frames = {name: (lambda name=name: paint_with(name)) for name in calls}
    found, failed = timing.rates(frames, CPU, rounds=2)
    assert set(found) == set(calls)
    assert failed == {}
    assert all(0 < seconds < 0.1 for seconds in found.values())
    assert min(calls.values()) > 20


def test_a_way_that_fails_while_it_is_timed_takes_no_other_with_it(quick) -> None:
    left = iter(range(12))

    def fails_later() -> None:
        if next(left, None) is None:
            raise RuntimeError("the GPU is gone\nand more")

    def fails() -> None:
        raise ValueError

    frames = {"good": lambda: None, "never": fails, "later": fails_later}
    found, failed = timing.rates(frames, CPU, rounds=2)
    assert set(found) == {"good"}
    assert failed == {"never": "ValueError", "later": "the GPU is gone"}
    assert timing.rates({"never": fails}, CPU, rounds=1) == ({}, {"never": "ValueError"})


def test_models_that_are_written_say_what_they_compute_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By that a session lets tensor cores work."""
    centre_on_a_part(monkeypatch)
    style = Style(STYLE, CPU, tmp_path)
    nhwc = style.formed("thresholds, N×H×W×C", 32, 48)
    for path in (style.one_size(32, 48), nhwc, style.fused()):
        model = read_model(path)
        assert (model.flavour, model.name) == ("fp16", STYLE)
    assert read_model(nhwc).metadata["layout"] == "nhwc"
    assert model.inputs[0].shape[1:] == ("H", "W", 3)
    assert read_model(style.one_size(32, 48)).fixed_size == (32, 48)
    assert read_model(style.one_size(32, 48, "bf16")).flavour == "bf16"


def test_an_engine_computes_in_what_its_row_says(tmp_path: Path, monkeypatch) -> None:
    """Built by TensorRT-RTX, which needs no GPU for that."""
    opened = []
    monkeypatch.setattr(ways, "open_session", lambda model, options: opened.append(model))
    for flavour in ("fp16", "bf16"):
        ways.engine_session("tensorrt-rtx", flavour)(Style(STYLE, CPU, tmp_path), 32, 48)
    assert [model.flavour for model in opened] == ["fp16", "bf16"]
    assert {model.fixed_size for model in opened} == {(32, 48)}


def test_budget_leaves_out_what_would_not_fit_and_says_so() -> None:
    now = [0.0]
    budget = Budget(100, clock=lambda: now[0])
    assert budget.allows("compile", "compiling at 720p", guess_s=60)
    with budget.step("compile"):
        now[0] += 80
    assert budget.allows("paint", "painting", guess_s=20)
    assert not budget.allows("compile", "compiling at 4K", guess_s=1)  # it is known by now
    assert budget.left_out == ["compiling at 4K (takes about 80 s, 20 are left)"]


def test_absent_and_failing_ways_are_rows_with_the_reason(quick, tmp_path: Path) -> None:
    def broken(style: Style, height: int, width: int) -> None:
        raise RuntimeError("out of memory\nTraceback …")

    makers = {
        EAGER: MAKERS[EAGER],
        "broken": Maker("session", broken),
        "nst-rt, ONNX Runtime CUDA, shipped fp16": MAKERS[
            "nst-rt, ONNX Runtime CUDA, shipped fp16"
        ],
        "too long": Maker("torch", broken, guess_s=1e9),
    }
    style, budget = Style(STYLE, CPU, tmp_path), Budget(1000)
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 24, 3), np.uint8)
    eager, *absent = speed(style, image, makers, rounds=1, floor_s=1e-9, budget=budget)
    assert eager["size"] == "24x16"
    assert eager["psnr"] == 99.0
    assert all(eager[name] > 0 for name in ("fps", "fps pageable", "fps pinned", "p99 ms"))
    assert absent[0]["error"] == "out of memory"
    assert "; " in absent[1]["error"]  # what lacks, and the cure
    assert budget.left_out[0].startswith("too long at 24x16 (")
    rows = parity(style, image, makers, budget)
    assert [(row["way"], "error" in row) for row in rows] == [
        ("broken", True), ("nst-rt, ONNX Runtime CUDA, shipped fp16", True),
    ]  # fmt: skip


def test_without_a_gpu_nothing_is_claimed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ended = CliRunner().invoke(gpu, ["--results", str(tmp_path)])
    assert isinstance(ended.exception, ProviderError)
    assert list(tmp_path.iterdir()) == []


PROGRAM = """
    import sys, warnings
    from pathlib import Path
    import torch
    from benchmarks.gpu import __main__ as program, comparison, floor, timing
    from benchmarks.gpu.device import Device
    from benchmarks.gpu.ways import COMPILED, FUSED, MAKERS

    torch.set_num_threads(1)
    program.SIZES, program.LIKENESS = ((32, 48), (16, 24)), (16, 24)
    cards = program.zoo.cards()[:2]
    program.zoo.cards = lambda: cards
    floor.SIDE, floor.COPIED = 64, 4096
    timing.SECONDS = comparison.SECONDS = 0.001
    timing.LATENCIES = 3
    device = Device(torch.device("cpu"))
    made = program.Program(
        cards[0].name, device, Path(sys.argv[1]), Path(sys.argv[2]), quick=False, rounds=1
    )
    compilers = (COMPILED, FUSED)  # which take long, and are tested elsewhere
    made.makers = {name: maker for name, maker in MAKERS.items() if name not in compilers}
    made.run(Path(sys.argv[3]), timing.Budget(1000))
"""


def test_whole_program_on_a_machine_with_a_gpu(cuda_machine, tmp_path: Path) -> None:
    """Over stand-ins of CUDA, where memory of the GPU is the host's and no kernel computes."""
    photo = Path(__file__).parents[2] / "examples/photos/lighthouse.jpg"
    (tmp_path / "scratch").mkdir()
    arguments = (tmp_path / "scratch", tmp_path / "results", photo)
    ended = cuda_machine.run(PROGRAM, *arguments, before=CALIBRATE, timeout_s=300)
    assert (ended.code, ended.err) == (0, ""), ended.err
    [file] = (tmp_path / "results").iterdir()
    assert file.name == "gpu-stand-in-gpu.json"
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
