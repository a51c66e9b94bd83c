"""Where ONNX Runtime computes which node of a model, and that pixels stay on the GPU."""

from __future__ import annotations

from collections import Counter
from typing import Any

from nst_rt.errors import ProviderError

RECORD = "session.record_ep_graph_assignment_info"
"""The entry of a session's configuration that lets it tell."""
CPU = "CPUExecutionProvider"
ON_SIZES = frozenset(
    {
        *("Add", "Div", "Max", "Min", "Mod", "Mul", "ReduceProd", "Sub"),
        *("Cast", "Concat", "Equal", "Gather", "Range", "Reshape", "Shape", "Size", "Slice"),
        *("Squeeze", "Unsqueeze", "Where"),
    }
)
"""What a size is computed with. On pixels CUDA has all of these; what of them ONNX Runtime leaves
on the CPU is arithmetic on a few numbers that lie there."""
_NAMED = 3


def nodes_by_provider(session: Any) -> dict[str, int]:
    """How many nodes of a session's model run where."""
    return dict(Counter(provider for provider, _ in _placed(session)))


def refuse_pixels_on_cpu(session: Any) -> None:
    """Refuse a session on a GPU that would compute more than sizes on the CPU.

    Raises:
        ProviderError: it names the nodes.
    """
    off = [node for provider, node in _placed(session) if provider == CPU]
    stray = [f"{node.op_type} {node.name}".strip() for node in off if node.op_type not in ON_SIZES]
    if stray:
        more = " …" if len(stray) > _NAMED else ""
        raise ProviderError(
            f"{len(stray)} nodes would be computed on the CPU: {', '.join(stray[:_NAMED])}{more}",
            cure="export the model with operators that ONNX Runtime has on CUDA, or choose cpu",
        )


def _placed(session: Any) -> list[tuple[str, Any]]:
    return [
        (part.ep_name, node)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    ]
