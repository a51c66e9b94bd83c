"""The execution provider of each node of a model, and the check that pixels stay on the GPU."""

from __future__ import annotations

from collections import Counter
from typing import Any

from nst_rt.errors import ProviderError

RECORD_PLACEMENT = "session.record_ep_graph_assignment_info"
"""Entry of a session's configuration that makes it report the provider of each node."""
CPU = "CPUExecutionProvider"
SHAPE_OPERATORS = frozenset(
    {
        *("Add", "Div", "Max", "Min", "Mod", "Mul", "ReduceProd", "Sub"),
        *("Cast", "Concat", "Equal", "Gather", "Range", "Reshape", "Shape", "Size", "Slice"),
        *("Squeeze", "Unsqueeze", "Where"),
    }
)
"""Operators that compute shapes, and so may run on the CPU. CUDA has all of them for pixels too:
those that ONNX Runtime leaves on the CPU work on a few numbers that are there."""
_MAX_NAMED = 3


def nodes_by_provider(session: Any) -> dict[str, int]:
    """Return the number of nodes of a session's model by execution provider."""
    return dict(Counter(provider for provider, _ in _placement(session)))


def refuse_pixels_on_cpu(session: Any) -> None:
    """Refuse a session on a GPU that would compute more than shapes on the CPU.

    Raises:
        ProviderError: it names the nodes.
    """
    on_cpu = [node for provider, node in _placement(session) if provider == CPU]
    stray = [
        f"{node.op_type} {node.name}".strip()
        for node in on_cpu
        if node.op_type not in SHAPE_OPERATORS
    ]
    if stray:
        named = ", ".join(stray[:_MAX_NAMED]) + (" …" if len(stray) > _MAX_NAMED else "")
        raise ProviderError(
            f"{len(stray)} nodes would be computed on the CPU: {named}",
            cure="export the model with operators that ONNX Runtime has on CUDA, or choose cpu",
        )


def _placement(session: Any) -> list[tuple[str, Any]]:
    """Return the execution provider of each node, and the node."""
    return [
        (part.ep_name, node)
        for part in session.get_provider_graph_assignment_info()
        for node in part.get_nodes()
    ]
