"""TensorRT's messages of a failed build, as errors with a cure."""

from __future__ import annotations

from nst_rt.errors import ModelError, NstError, ProviderError, UsageError
from nst_rt.nvidia.tensorrt_log import Messages, error_from, error_rules

_SMALLER = "raise workspace_mib (--workspace), or lower largest (--max) or batch (--batch)"
_RULES = error_rules(
    (
        r"no optimization profile has been defined",
        UsageError, "the model takes any size, and no range of sizes was given",
        "give smallest, usual and largest (--min, --opt, --max)",
    ),
    (
        r"MIN<=OPT<=MAX",
        UsageError, "the sizes are not in order",
        "choose smallest ≤ usual ≤ largest (--min, --opt, --max)",
    ),
    (
        r"dimensions but profile \d+ has|Dimension mismatch for tensor",
        ModelError, "the pictures that it should take do not fit its input",
        "give a model whose input is uint8 N×H×W×3",
    ),
    (
        r"Network must have at least one output",
        ModelError, "holds no network", "give a model file; nst-rt info FILE shows what it is",
    ),
    (
        r"MODEL_DESERIALIZE_FAILED|Failed to parse the ONNX model",
        ModelError, "is no ONNX file, or a damaged one", "download or export it again",
    ),
    (
        r"must have same input types. But they are of types (\w+) and (\w+)",
        ModelError, "mixes {0} and {1} in one operator, and {name} converts nothing by itself",
        "put Casts into the model, or export it again from its checkpoint",
    ),
    (
        r"Requested size was|within workspace limit|OutOfMemory|out of memory|"
        r"MEM_ALLOC_FAILED|Could not find any implementation for node",
        ProviderError, "{name} needs more memory than it may take", _SMALLER,
    ),
    (
        r"driver version is insufficient|no CUDA-capable device|CUDA initialization failure",
        ProviderError, "{name} finds no GPU with a driver that is new enough",
        "update NVIDIA's driver, or build with backend='tensorrt-rtx' (--backend tensorrt-rtx)",
    ),
    (
        r"Target GPU SM (\d+) is not supported",
        ProviderError, "{name} does not know this GPU (compute capability {0})",
        "install a version that does, or run the .onnx file on device cuda",
    ),
    (
        r"Cannot compile for target\(s\) ([\w, ]+), because .*datatypes: (\w+)",
        UsageError, "computes in {1}, which some of the chosen GPUs do not have ({0})",
        "leave them out of capabilities (--compute-capability): 8-bit floats begin with 8.9",
    ),
    (
        r"([^\n]*)",
        ModelError, "{name} cannot build it ({0})", "-vv shows all of its messages",
    ),
)  # fmt: skip


def refusal(messages: Messages, name: str) -> NstError:
    """Return an error that a person can act on.

    Args:
        messages: of the failed build.
        name: of the library.
    """
    return error_from(messages, name, _RULES)
