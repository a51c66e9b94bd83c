from __future__ import annotations

import itertools
import math
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nst_train.interruption import Interruption
from nst_train.loop import (
    Plan,
    StepReport,
    StoppedError,
    TrainingError,
    TrainingState,
    start,
    train,
)
from nst_train.photos import Batch

CPU = torch.device("cpu")


class Batches:
    """Batches of seeded noise."""

    @contextmanager
    def prefetched(self, begin: int, end: int) -> Iterator[Iterator[Batch]]:
        yield (
            Batch(torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(step)), (step, 99))
            for step in range(begin, end)
        )


class Record:
    """A callback that keeps reports and calls `then` after each step."""

    def __init__(self, then: Callable[[StepReport], object] = lambda report: None) -> None:
        self.reports: list[StepReport] = []
        self.then, self.closed = then, 0

    def on_step(self, report: StepReport, state: TrainingState) -> None:
        self.reports.append(report)
        self.then(report)

    def close(self) -> None:
        self.closed += 1


def fresh(plan: Plan) -> TrainingState:
    torch.manual_seed(0)
    return start(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), plan, CPU)


def objective(batch: Batch, output: Tensor) -> dict[str, Tensor]:
    return {"total": (output - batch.images).square().mean()}


def not_finite_in(*steps: int, in_gradient: bool = False) -> Any:
    """Return an objective whose value or gradient is not finite in these steps (0-based)."""

    def losses(batch: Batch, output: Tensor) -> dict[str, Tensor]:
        total = objective(batch, output)["total"]
        if batch.indices[0] in steps:
            nought = output.sum() * 0
            total = total + (nought.sqrt() if in_gradient else nought / 0)
        return {"total": total}

    return losses


def run(state: TrainingState, plan: Plan, loss: Any = objective, *callbacks: Record) -> None:
    train(state, Batches(), loss, plan, callbacks)  # type: ignore[arg-type]


def weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in module.parameters()])


def test_learning_rate_rises_then_falls_to_nought() -> None:
    plan = Plan(steps=100, learning_rate=0.01, warmup=0.1)
    rates = [plan.learning_rate_at(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.001)
    assert max(rates) == rates[9] == rates[10] == pytest.approx(0.01)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 1e-4
    assert Plan(steps=1, learning_rate=0.01).learning_rate_at(0) == pytest.approx(0.01)


def test_training_lowers_the_loss_and_reports_every_step() -> None:
    plan, record = Plan(steps=60, learning_rate=0.05), Record()
    state = fresh(plan)
    run(state, plan, objective, record)
    losses = [report.losses["total"] for report in record.reports]
    assert losses[-1] < losses[0] / 5
    assert [report.step for report in record.reports] == list(range(1, 61))
    assert (state.step, state.skipped, record.closed) == (60, 0, 1)


def test_average_follows_quickly_at_first_and_slowly_later() -> None:
    plan = Plan(steps=3, learning_rate=0.05, ema=0.5)
    state = fresh(plan)
    expected = weights(state.network)
    seen = []
    record = Record(lambda report: seen.append(weights(state.network)))
    run(state, plan, objective, record)
    for decay, step in zip((1 / 10, 2 / 11, 3 / 12), seen, strict=True):
        expected = expected * decay + step * (1 - decay)
    torch.testing.assert_close(weights(state.ema), expected)


@pytest.mark.parametrize("in_gradient", [False, True])
def test_a_step_that_is_not_finite_changes_no_weight_and_is_counted(in_gradient: bool) -> None:
    plan = Plan(steps=4, learning_rate=0.05)
    state = fresh(plan)
    seen = [(weights(state.network), weights(state.ema))]
    record = Record(lambda report: seen.append((weights(state.network), weights(state.ema))))
    run(state, plan, not_finite_in(1, in_gradient=in_gradient), record)
    changed = [not torch.equal(before[0], after[0]) for before, after in itertools.pairwise(seen)]
    assert changed == [True, False, True, True]
    assert torch.equal(seen[1][1], seen[2][1])
    assert [report.skipped for report in record.reports] == [(), (1, 99), (), ()]
    assert (state.step, state.skipped) == (4, 1)


def test_ten_such_steps_in_a_row_stop_training() -> None:
    plan, record = Plan(steps=40, learning_rate=0.05), Record()
    state = fresh(plan)
    with pytest.raises(TrainingError, match=r"in 10 steps in a row \(steps 16 to 25\)") as caught:
        run(state, plan, not_finite_in(3, *range(15, 40)), record)
    assert caught.value.exit_code == 1
    assert (state.step, state.skipped, record.closed) == (25, 11, 1)
    assert torch.isfinite(weights(state.network)).all()


def test_nine_in_a_row_do_not() -> None:
    plan = Plan(steps=21, learning_rate=0.05)
    state = fresh(plan)
    run(state, plan, not_finite_in(*range(9), *range(10, 19)))
    assert (state.step, state.skipped) == (21, 18)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_training_after_the_step_under_way(number: signal.Signals) -> None:
    plan = Plan(steps=9, learning_rate=0.05)
    state = fresh(plan)
    before = signal.getsignal(number)
    record = Record(lambda report: report.step == 3 and os.kill(os.getpid(), number))
    with pytest.raises(StoppedError, match="stopped after step 3") as caught:
        run(state, plan, objective, record)
    assert caught.value.exit_code == 128 + number
    assert (state.step, state.whole, record.closed) == (3, True, 1)
    assert signal.getsignal(number) is before


def test_a_signal_in_the_last_step_changes_nothing() -> None:
    plan = Plan(steps=2, learning_rate=0.05)
    state = fresh(plan)
    run(state, plan, objective, Record(lambda r: r.step == 2 and os.kill(os.getpid(), 15)))
    assert state.step == 2


def test_callbacks_close_sheltered_from_a_second_sigterm() -> None:
    """A cluster may send it again while the last checkpoint is being written."""
    plan = Plan(steps=9, learning_rate=0.05)

    class Closing(Record):
        def close(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            super().close()

    record = Closing(lambda report: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(StoppedError):
        run(fresh(plan), plan, objective, record)
    assert record.closed == 1


def test_a_signal_that_the_process_ignores_stays_ignored() -> None:
    """As SIGHUP is below nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGHUP)
            assert interruption.received is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_ctrl_c_is_obeyed_at_once() -> None:
    with Interruption() as interruption:
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_every_callback_is_closed_when_one_fails() -> None:
    plan = Plan(steps=2, learning_rate=0.05)

    def fail(report: StepReport) -> None:
        raise RuntimeError("disk on fire")

    first, second = Record(), Record(fail)
    with pytest.raises(RuntimeError, match="on fire"):
        run(fresh(plan), plan, objective, first, second)
    assert (first.closed, second.closed) == (1, 1)


def test_half_precision_scales_its_gradients_and_recovers_from_overflow() -> None:
    plan = Plan(steps=6, learning_rate=0.05, precision="fp16")
    state = fresh(plan)
    before = state.scaler.get_scale()
    run(state, plan, not_finite_in(1))
    assert state.scaler.get_scale() == before / 2
    assert state.skipped == 1
    assert not math.isnan(weights(state.network).sum().item())


def test_weights_and_pictures_lie_in_channels_last() -> None:
    plan = Plan(steps=1, learning_rate=0.05)
    layouts = []

    def look(batch: Batch, output: Tensor) -> dict[str, Tensor]:
        layouts.append(batch.images.is_contiguous(memory_format=torch.channels_last))
        return objective(batch, output)

    state = start(nn.Conv2d(3, 8, 3), nn.Conv2d(3, 8, 3), plan, CPU)
    assert state.network.weight.is_contiguous(memory_format=torch.channels_last)  # type: ignore[operator,union-attr]
    run(fresh(plan), plan, look)
    assert layouts == [True]


def test_reports_are_plain_numbers() -> None:
    plan, record = Plan(steps=1, learning_rate=0.05), Record()
    run(fresh(plan), plan, objective, record)
    report = SimpleNamespace(**vars(record.reports[0]))
    assert type(report.losses["total"]) is float
    assert report.seconds > 0
