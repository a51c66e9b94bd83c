"""How a session is opened: where it runs, in what arithmetic, with how many threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from nst_rt.system.arguments import refuse_unknown, whole_number

Device = Literal["auto", "cpu", "openvino", "onnxruntime", "cuda", "tensorrt"]
"""Where to run. "openvino" and "onnxruntime" ask for that engine on the CPU, "tensorrt" for the
GPU with TensorRT, which builds an engine for ONNX Runtime when a model is first opened."""
Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""Arithmetic that is asked for; `Session.precision` is the one in use."""
MOST_THREADS = 10_000
"""More than any machine has; engines that count with 32 bits report less of it."""


@dataclass(frozen=True)
class SessionOptions:
    """How `open_session` opens a model.

    Attributes:
        device: where to run.
        precision: arithmetic inside.
        threads: CPU threads, by default all that this process may use.
        parallel: how many pictures threads of the caller will paint at once on the CPU. OpenVINO
            divides its threads among them, which wastes none where other work takes a core now and
            then.
        trust_engine: load an engine that was not built here by this user: it is code.

    Raises:
        UsageError: an unknown device or precision, or a count that is no whole number from 1 on.
    """

    device: Device = "auto"
    precision: Precision = "auto"
    threads: int | None = None
    parallel: int = 1
    trust_engine: bool = False

    def __post_init__(self) -> None:
        refuse_unknown("device", self.device, get_args(Device))
        refuse_unknown("precision", self.precision, get_args(Precision))
        if self.threads is not None:
            object.__setattr__(
                self, "threads", whole_number("threads", self.threads, most=MOST_THREADS)
            )
        object.__setattr__(
            self, "parallel", whole_number("parallel", self.parallel, most=MOST_THREADS)
        )


DEFAULT_OPTIONS = SessionOptions()
