"""The one training loop. It knows nothing of styles: a method page gives it its parts."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from nst_rt.errors import NstError
from nst_train.gradients import CapturedGradients, Gradients, Objective, Precision
from nst_train.interruption import Interruption
from nst_train.photos import Batch, CropBatches

MAX_SKIPPED_IN_A_ROW = 10


class TrainingError(NstError):
    """Training cannot go on."""


class StoppedError(NstError):
    """A signal ended training between two steps; its exit code is the shell's for that signal."""

    def __init__(self, signal_number: int, what: str, **place: Any) -> None:
        super().__init__(what, **place)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


@dataclass(frozen=True)
class Plan:
    """Steps and learning rates: Adam, a short linear warm-up, then a cosine down to zero."""

    steps: int
    learning_rate: float
    precision: Precision = "fp32"
    warmup: float = 0.05
    ema: float = 0.99

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of the update that `step` (0-based) makes."""
        ramp = max(1, round(self.warmup * self.steps))
        if step < ramp:
            return self.learning_rate * (step + 1) / ramp
        progress = (step - ramp) / max(1, self.steps - ramp)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass
class TrainingState:
    """The complete state of a training run at one moment; a checkpoint is this on disk.

    `whole` is false while an update is under way: such a state is not worth keeping.
    """

    network: nn.Module
    ema: nn.Module
    optimizer: torch.optim.Adam
    scaler: torch.amp.GradScaler
    step: int = 0
    skipped: int = 0
    whole: bool = True


@dataclass(frozen=True)
class StepReport:
    """The outcome of one step. Losses and times are Python floats, times in seconds.

    `skipped` names the crops of a step that changed no weight; it is empty for all others.
    """

    step: int
    steps: int
    losses: dict[str, float]
    learning_rate: float
    seconds: float
    skipped: tuple[int, ...] = field(default=())


class Callback(Protocol):
    """An observer, called after every step and once when training ends for whatever reason."""

    def on_step(self, report: StepReport, state: TrainingState) -> None: ...

    def close(self) -> None: ...


def start(network: nn.Module, ema: nn.Module, plan: Plan, device: torch.device) -> TrainingState:
    """Return a fresh state on `device`; `ema` gets the network's weights."""
    for module in (network, ema):
        module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema.requires_grad_(False)
    ema.load_state_dict(network.state_dict())
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.learning_rate, foreach=True)
    scaler = torch.amp.GradScaler(device.type, enabled=plan.precision == "fp16")
    return TrainingState(network.train(), ema.eval(), optimizer, scaler)


def train(
    state: TrainingState,
    batches: CropBatches,
    objective: Objective,
    plan: Plan,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train from `state.step` to `plan.steps`.

    A step whose loss or gradient is not finite changes no weight. A signal ends training after the
    step that is under way. Callbacks are closed whatever happens, still sheltered from signals:
    they may have a checkpoint to write.

    Raises:
        TrainingError: ten steps in a row were not finite.
        StoppedError: a signal came.
    """
    on_cuda = next(state.network.parameters()).is_cuda
    gradients = (CapturedGradients if on_cuda else Gradients)(
        state.network, objective, state.scaler, plan.precision
    )
    recent: deque[bool] = deque(maxlen=MAX_SKIPPED_IN_A_ROW)
    with ExitStack() as stack:
        interruption = stack.enter_context(Interruption())
        for callback in reversed(callbacks):
            stack.callback(callback.close)
        for batch in stack.enter_context(batches.prefetched(state.step, plan.steps)):
            began = time.perf_counter()
            rate = plan.learning_rate_at(state.step)
            losses, finite = _step(state, batch, gradients, plan, rate)
            recent.append(finite)
            report = StepReport(
                step=state.step,
                steps=plan.steps,
                losses=losses,
                learning_rate=rate,
                seconds=time.perf_counter() - began,
                skipped=() if finite else batch.indices,
            )
            for callback in callbacks:
                callback.on_step(report, state)
            if len(recent) == MAX_SKIPPED_IN_A_ROW and not any(recent):
                raise TrainingError(
                    f"loss or gradient not finite in {MAX_SKIPPED_IN_A_ROW} steps in a row "
                    f"(steps {state.step - MAX_SKIPPED_IN_A_ROW + 1} to {state.step})"
                )
            if interruption.received is not None and state.step < plan.steps:
                raise StoppedError(interruption.received, f"stopped after step {state.step}")


def _step(
    state: TrainingState, batch: Batch, gradients: Gradients, plan: Plan, rate: float
) -> tuple[dict[str, float], bool]:
    """Make one update; return the losses and whether they and the gradient were finite."""
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    losses = gradients(batch)
    state.scaler.unscale_(state.optimizer)
    found = [p.grad for p in state.network.parameters() if p.grad is not None]
    norm = torch.nn.utils.get_total_norm(found)
    finite = bool(torch.isfinite(losses["total"]) and torch.isfinite(norm))
    state.whole = False
    if finite:
        state.scaler.step(state.optimizer)
        _average(state, plan)
    state.scaler.update()
    state.step += 1
    state.skipped += not finite
    state.whole = True
    return {name: loss.item() for name, loss in losses.items()}, finite


@torch.no_grad()
def _average(state: TrainingState, plan: Plan) -> None:
    """Update the exponential moving average of the weights, faster at the start."""
    decay = min(plan.ema, (1 + state.step) / (10 + state.step))
    torch._foreach_lerp_(list(state.ema.parameters()), list(state.network.parameters()), 1 - decay)
