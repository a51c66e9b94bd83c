"""Sessions with one option of ONNX Runtime's CUDA provider unlike ours, to measure each choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.gpu.ways import Maker, Style
from nst_rt.model import read_model
from nst_rt.sessions.cuda import CudaSession

OPTIONS: tuple[Mapping[str, str], ...] = (
    {},
    {"cudnn_conv_algo_search": "HEURISTIC"},
    {"cudnn_conv_algo_search": "DEFAULT"},
    {"cudnn_conv_use_max_workspace": "0"},
    {"prefer_nhwc": "1"},
    {"fuse_conv_bias": "1"},
    {"use_tf32": "0"},
)
"""Changes to what `CudaSession` sets, for pictures of any size and of one size alike."""


def changed_session(changes: Mapping[str, str]) -> Callable[[Style, int, int], Any]:
    """Return a maker of sessions on a shipped file in half precision, with changed options."""

    class ChangedSession(CudaSession):
        def _load(self, options: dict[str, str], sizes: Mapping[str, int] | None = None) -> Any:
            return super()._load({**options, **changes}, sizes)

    def make(style: Style, height: int, width: int) -> Any:
        return ChangedSession(read_model(style.card.file("fp16")), precision="auto", threads=1)

    return make


def _title(changes: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in changes.items()) or "as nst-rt sets them"


OPTION_MAKERS = {
    f"ONNX Runtime CUDA, {_title(changes)}": Maker("session", changed_session(changes))
    for changes in OPTIONS
}
"""By name in tables; the first one changes nothing."""
