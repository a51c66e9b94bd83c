"""Checks of a model file's bytes: unsafe files and other kinds are refused."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from pathlib import Path

from nst_rt.errors import ModelError, shown
from nst_rt.model.file import Adaptation, ModelFile
from nst_rt.onnx_file import OnnxSummary, TensorSpec, summarize
from nst_rt.onnx_file.protobuf import WireError

logger = logging.getLogger(__name__)

PREFIX = "nst_rt."
"""Prefix of our metadata's names in a file."""
SCHEMA = 1
OPERATORS = "nst_rt"
"""Domain of the operators of `nst_rt.ops`, which a model of the variant "fused" needs."""
_NUMBERS = {
    "scale": "[1-9]|1[0-6]",
    "width": r"\d{1,3}(\.\d{1,9})?",
    "multiple": r"[1-9]\d?",
    "receptive_radius": r"\d{1,4}",
}
"""Metadata that is used in arithmetic, and its patterns."""
_CHECKPOINT = "a safetensors checkpoint"
_AGAIN = "download or export it again"


def check_model(path: Path, data: bytes, *, adaptation: Adaptation | None = None) -> ModelFile:
    """Check the bytes of a model file; `path` names it in messages.

    Raises:
        ModelError: damaged, unsafe, or of another kind.
    """
    summary = _summary(path, data)
    _refuse_unsafe(path, summary)
    ours = {
        key.removeprefix(PREFIX): value
        for key, value in summary.metadata.items()
        if key.startswith(PREFIX)
    }
    check_numbers(path, ours)
    if adaptation is None:
        _refuse_other_kinds(path, summary, ours)
    elif len(summary.inputs) != 1 or len(summary.outputs) != 1:
        raise ModelError(f"is not 1 picture in, 1 picture out ({_signature(summary)})", path=path)
    return ModelFile(
        path=path,
        data=data,
        sha256=hashlib.sha256(data).hexdigest(),
        metadata=ours,
        inputs=tuple(summary.inputs),
        outputs=tuple(summary.outputs),
        opset=summary.opsets.get("", 0),
        num_nodes=summary.num_nodes,
        adaptation=adaptation,
    )


def check_numbers(path: Path, ours: dict[str, str]) -> None:
    """Check the numbers in our metadata, so that no user of them has to.

    Raises:
        ModelError: a value that is no such number.
    """
    for key, pattern in _NUMBERS.items():
        if not re.fullmatch(pattern, ours.get(key, "1")):
            raise ModelError(
                f"has {key} {_short(ours[key])!r} in its metadata",
                path=path,
                cure="export it again",
            )


def _summary(path: Path, data: bytes) -> OnnxSummary:
    try:
        if not data:
            raise WireError("empty")
        return summarize(data)
    except WireError as error:
        kind = _looks_like(data)
        what = f"not an ONNX file (looks like {kind})" if kind else f"not an ONNX file: {error}"
        if str(error).startswith("truncated") and kind is None:
            what = f"{error} (found {len(data):,})"
        cure = "export it first: nst-rt export" if kind == _CHECKPOINT else _AGAIN
        raise ModelError(what, path=path, cure=cure) from error


def _looks_like(data: bytes) -> str | None:
    head = data[:512].lstrip()
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer"
    if head[:1] == b"<":
        return "a web page"
    if head.startswith(b"PK\x03\x04"):
        return "a PyTorch or zip archive"
    if data[8:10] == b'{"':
        return _CHECKPOINT
    return None


def _refuse_unsafe(path: Path, summary: OnnxSummary) -> None:
    if summary.external:
        raise ModelError(
            f"keeps weights in other files ({_named(summary.external)}), never followed by nst-rt",
            path=path,
            cure="save it as a single file",
        )
    fused = summary.metadata.get(f"{PREFIX}variant") == "fused"
    known = {"", "ai.onnx", *([OPERATORS] if fused else [])}
    foreign = sorted(summary.domains - known)
    if foreign:
        raise ModelError(
            f"needs custom operators ({_named(foreign)}), whose libraries nst-rt never loads",
            path=path,
            cure="export it with standard ONNX operators",
        )
    if summary.endless:
        raise ModelError(
            f"may never come to an end ({_named(summary.endless)})",
            path=path,
            cure="export it as a plain network, without loops",
        )
    if summary.not_finite:
        raise ModelError(
            f"weights are not finite ({_named(summary.not_finite)})",
            path=path,
            cure="export it again from a sound checkpoint",
        )


def _refuse_other_kinds(path: Path, summary: OnnxSummary, ours: dict[str, str]) -> None:
    if ours and ours.get("schema") != str(SCHEMA):
        raise ModelError(
            f"is of schema {_short(ours.get('schema', 'unknown'))}, this nst-rt reads {SCHEMA}",
            path=path,
            cure="update nst-rt, or export the model again",
        )
    if ours.get("variant", "plain") not in ("plain", "steady", "fused"):
        raise ModelError(
            f"is the {_short(ours['variant'])!r} half of a network cut at its normalizations",
            path=path,
            cure="give the whole model",
        )
    if ours.get("variant") == "steady":
        if not (_fits_steady(summary.inputs, 3) and _fits_steady(summary.outputs, 2)):
            raise ModelError(
                f"calls itself steady, without the inputs and outputs ({_signature(summary)})",
                path=path,
                cure="export it again",
            )
    elif not (_fits(summary.inputs) and _fits(summary.outputs)):
        raise ModelError(
            f"is not 1 picture in, 1 picture out as uint8 N×H×W×3 ({_signature(summary)})",
            path=path,
            cure="pass an adaptation (--layout nhwc|nchw and --range 1|255)",
        )
    if not ours:
        logger.warning(
            "%s: has no metadata of nst-rt; taken for a style of scale 1 on sRGB pictures",
            shown(path),
        )


def _fits(specs: list[TensorSpec]) -> bool:
    return (
        len(specs) == 1
        and specs[0].dtype == "uint8"
        and len(specs[0].shape) == 4
        and specs[0].shape[3] in (3, None)
    )


def _fits_steady(specs: list[TensorSpec], count: int) -> bool:
    """Return whether they are a picture, statistics N×2×C and, for inputs, the share to keep."""
    if len(specs) != count or not _fits(specs[:1]):
        return False
    numbers = [(spec.name.removesuffix("_out"), spec.dtype, spec.shape[1:]) for spec in specs[1:]]
    name, dtype, (*rows, channels) = numbers[0] if len(specs[1].shape) == 3 else ("", "", (0,))
    wanted = (name, dtype, rows) == ("statistics", "float32", [2]) and isinstance(channels, int)
    return wanted and numbers[1:] in ([], [("keep", "float32", ())])


def _signature(summary: OnnxSummary) -> str:
    return " → ".join(_named(map(str, end)) for end in (summary.inputs, summary.outputs))


def _named(names: Iterable[str]) -> str:
    """Join the first three of a file's names."""
    given = list(names)
    text = ", ".join(map(_short, given[:3])) or "nothing"
    return text + (" …" if len(given) > 3 else "")


def _short(text: str) -> str:
    """Cut and escape text from a file, so that it fits into one line whatever it is."""
    return shown(text[:100])
