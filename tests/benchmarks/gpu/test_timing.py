from __future__ import annotations

import torch

from benchmarks.gpu import timing
from benchmarks.gpu.device import Device
from benchmarks.gpu.timing import Budget

CPU = Device(torch.device("cpu"))


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


def test_budget_leaves_out_what_would_not_fit_and_says_so() -> None:
    now = [0.0]
    budget = Budget(100, clock=lambda: now[0])
    assert budget.allows("compile", "compiling at 720p", guess_s=60)
    with budget.step("compile"):
        now[0] += 80
    assert budget.allows("paint", "painting", guess_s=20)
    assert not budget.allows("compile", "compiling at 4K", guess_s=1)  # it is known by now
    assert budget.left_out == ["compiling at 4K (takes about 80 s, 20 are left)"]
