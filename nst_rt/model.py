"""The model file: finding it, refusing what is not one, reading what it says of itself."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Literal

from nst_rt import zoo
from nst_rt.engines.side_car import SUFFIX, EngineFacts, read_engine_facts
from nst_rt.engines.trust import check_whole
from nst_rt.errors import ModelError, shown
from nst_rt.onnx_file import OnnxSummary, TensorSpec, WireError, summarize

logger = logging.getLogger(__name__)

PREFIX = "nst_rt."
SCHEMA = 1
Layout = Literal["nhwc", "nchw"]
Variant = Literal["plain", "steady"]
OPERATORS = "nst_rt"
"""The domain of the operators of `nst_rt.ops`, which a model of the variant "fused" needs."""
STEADY = ".steady.onnx"
"""How the name of a steady file ends; it lies beside the plain one of the same checkpoint."""
_NUMBERS = {
    "scale": "[1-9]|1[0-6]",
    "width": r"\d{1,3}(\.\d{1,9})?",
    "multiple": r"[1-9]\d?",
    "receptive_radius": r"\d{1,4}",
}
"""Metadata that is computed with, and what it looks like."""


@dataclass(frozen=True)
class Adaptation:
    """How to feed a foreign model: its axis order, and the value that stands for white."""

    layout: Layout = "nchw"
    white: float = 255.0


@dataclass(frozen=True)
class ModelFile:
    """A checked model file. `data` are its bytes: a file replaced later changes nothing.

    Of an engine, `engine` is its side-car, from which its metadata and its input are; operators
    and outputs are not known.
    """

    path: Path
    data: bytes
    sha256: str
    metadata: dict[str, str]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    opset: int
    num_nodes: int
    adaptation: Adaptation | None = None
    engine: EngineFacts | None = None

    @property
    def name(self) -> str:
        return self.metadata.get("name", self.path.stem)

    @property
    def scale(self) -> int:
        """Output pixels per input pixel, along one side."""
        return int(self.metadata.get("scale", "1"))

    @property
    def flavour(self) -> str:
        """Arithmetic that the file asks for: "fp32" or "fp16"."""
        return self.metadata.get("flavour", "fp32")

    @property
    def fused(self) -> bool:
        """Whether it needs the operators of `nst_rt.ops`."""
        return self.metadata.get("variant") == "fused"

    @property
    def num_statistics(self) -> int | None:
        """Channels of all normalizations of a steady model, which takes statistics; else None."""
        if self.metadata.get("variant") != "steady":
            return None
        channels = self.inputs[1].shape[2]
        assert isinstance(channels, int)
        return channels

    @property
    def width(self) -> float:
        """Channels of the network against Johnson's; what the shipped styles have, if unknown."""
        return float(self.metadata.get("width", "0.5"))

    @property
    def multiple(self) -> int:
        """What height and width are multiples of inside."""
        return int(self.metadata.get("multiple", "4"))

    @property
    def receptive_radius(self) -> int:
        """How far an output pixel sees, in pixels; that of the shipped styles, if unknown."""
        return int(self.metadata.get("receptive_radius", "57"))

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """Height and width of a fixed-size model, None if it takes any."""
        layout = self.adaptation.layout if self.adaptation else "nhwc"
        height, width = self.inputs[0].shape[1:3] if layout == "nhwc" else self.inputs[0].shape[2:4]
        return (height, width) if isinstance(height, int) and isinstance(width, int) else None

    def facts(self) -> dict[str, object]:
        """Everything worth printing, JSON-ready."""
        known = {"licence": "unknown", **self.metadata}
        own = (
            self.engine.summary()
            if self.engine
            else {
                "opset": self.opset,
                "nodes": self.num_nodes,
                "inputs": [str(spec) for spec in self.inputs],
                "outputs": [str(spec) for spec in self.outputs],
            }
        )
        return {
            "path": shown(self.path),
            "bytes": len(self.data),
            "sha256": self.sha256,
            **known,
            **own,
        }

    def __repr__(self) -> str:
        return f"ModelFile({self.name!r}, {len(self.data):,} bytes, sha256 {self.sha256[:12]}…)"


def read_model(
    name_or_path: str | Path,
    *,
    flavour: Literal["fp32", "fp16"] = "fp32",
    variant: Variant = "plain",
    verify: bool = True,
    adaptation: Adaptation | None = None,
) -> ModelFile:
    """Find and check a model.

    Args:
        name_or_path: a shipped style's name, or a file: a model (.onnx), or an engine whose
            side-car lies beside it.
        flavour: which of a shipped style's two plain files.
        variant: "steady" is the file that takes statistics: a shipped style's, or the one beside
            `x.onnx` that is called `x.steady.onnx`.
        verify: hold a shipped style against its card's size and hash.
        adaptation: how to feed a model that is not of our schema; without it such a model is
            refused, never guessed at.

    Raises:
        ModelError: absent, damaged, unsafe, or of another kind.
    """
    card = zoo.find(str(name_or_path)) if isinstance(name_or_path, str) else None
    kind = "steady" if variant == "steady" else flavour
    path = card.file(kind) if card else file_of(name_or_path)
    if variant == "steady" and not card:
        path = _twin(path)
    if path.suffix == SUFFIX:
        return _read_engine(path)
    data = _read(path)
    if card and verify:
        _hold_against(card, kind, path, data)
    elif card:
        logger.warning("%s: not held against its hash, as asked", shown(path))
    return check_model(path, data, adaptation=adaptation)


def model_hash(name_or_path: str | Path, *, flavour: Literal["fp32", "fp16"] = "fp32") -> str:
    """SHA-256 of a model file, which is not checked otherwise.

    Raises:
        ModelError: absent or unreadable.
    """
    card = zoo.find(str(name_or_path)) if isinstance(name_or_path, str) else None
    path = card.file(flavour) if card else file_of(name_or_path)
    return hashlib.sha256(_read(path)).hexdigest()


def style_name(style: str | Path) -> str:
    """What file names say of a style: a shipped one's name, or its file's, never its metadata."""
    stem = PurePath(style).name.removesuffix(SUFFIX).removesuffix(".onnx")
    return stem.removesuffix(".fp16").removesuffix(".steady")


def check_model(path: Path, data: bytes, *, adaptation: Adaptation | None = None) -> ModelFile:
    """Check the bytes of a model file, of which `path` is the name in what is said.

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
    _refuse_nonsense(path, ours)
    if adaptation is None:
        _refuse_other_kinds(path, summary, ours)
    elif len(summary.inputs) != 1 or len(summary.outputs) != 1:
        raise ModelError(f"is not 1 picture in, 1 picture out ({_doors(summary)})", path=path)
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


def file_of(name_or_path: str | Path) -> Path:
    """The file of that name, which is not opened.

    Raises:
        ModelError: there is none; a style's name that is close is told.
    """
    text = str(name_or_path)
    if "://" in text:
        raise ModelError("is an address, not a file", path=text, cure="download it, give its path")
    if text == "-":
        raise ModelError("a model cannot come from standard input", cure="give a file")
    try:
        path = Path(text).expanduser()
        folder, found = path.is_dir(), path.exists()
    except (OSError, RuntimeError) as error:  # a name too long, no such user, a closed folder
        raise ModelError(f"cannot be looked up ({error})", path=text) from error
    if folder:
        raise ModelError("is a folder", path=path, cure="give the .onnx file inside it")
    if not found:
        names = [card.name for card in zoo.cards()]
        near = get_close_matches(text.lower().replace(" ", "-"), names, n=1)
        cure = f"did you mean {near[0]}?" if near else f"give a file, or a name: {', '.join(names)}"
        raise ModelError("no such model", path=path, cure=cure)
    if path.name.endswith(f"{SUFFIX}.json"):
        engine = shown(path.with_suffix(""))
        raise ModelError("says what an engine is", path=path, cure=f"give {engine}")
    return path


def _read_engine(path: Path) -> ModelFile:
    """An engine whose bytes are those that its side-car is of. They are not looked into."""
    facts = read_engine_facts(path)
    data = _read(path)
    check_whole(path, data, facts)
    _refuse_nonsense(path, facts.model)
    ends = zip(facts.profiles[0]["min"], facts.profiles[0]["max"], "NHW3", strict=True)
    shape = tuple(low if low == high else axis for low, high, axis in ends)
    return ModelFile(
        path=path,
        data=data,
        sha256=facts.engine_sha256,
        metadata=facts.model,
        inputs=(TensorSpec("image", "uint8", shape),),
        outputs=(),
        opset=0,
        num_nodes=0,
        engine=facts,
    )


def _twin(path: Path) -> Path:
    """The steady file that belongs to a model file."""
    twin = path.with_name(style_name(path) + STEADY)
    if not twin.exists():
        raise ModelError(
            f"has no {shown(twin.name)} beside it, which takes statistics",
            path=path,
            cure=f"nst-rt export CHECKPOINT {shown(twin.name)} --variant steady",
        )
    return twin


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ModelError("is not a regular file", path=path, cure="give a .onnx file")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", path=path) from error


def _hold_against(card: zoo.Card, kind: str, path: Path, data: bytes) -> None:
    expected = card.files[kind]
    if len(data) != expected.bytes:
        raise ModelError(
            f"has {len(data):,} bytes where its card says {expected.bytes:,}",
            path=path,
            cure="install nst-rt again",
        )
    if hashlib.sha256(data).hexdigest() != expected.sha256:
        raise ModelError(
            "its SHA-256 is not the card's: damaged or altered",
            path=path,
            cure="install nst-rt again, or load it with verify=False (--no-verify)",
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


_CHECKPOINT = "a safetensors checkpoint"
_AGAIN = "download or export it again"


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
    if summary.not_finite:
        raise ModelError(
            f"weights are not finite ({_named(summary.not_finite)})",
            path=path,
            cure="export it again from a sound checkpoint",
        )


def _refuse_nonsense(path: Path, ours: dict[str, str]) -> None:
    """Refuse metadata of ours whose numbers are none: what uses them need not check again."""
    for key, pattern in _NUMBERS.items():
        if not re.fullmatch(pattern, ours.get(key, "1")):
            raise ModelError(
                f"says of itself {key} {_short(ours[key])!r}", path=path, cure="export it again"
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
                f"is steady as it says, but not as such a file is ({_doors(summary)})",
                path=path,
                cure="export it again",
            )
    elif not (_fits(summary.inputs) and _fits(summary.outputs)):
        raise ModelError(
            f"is not 1 picture in, 1 picture out as uint8 N×H×W×3 ({_doors(summary)})",
            path=path,
            cure="say how to feed it: --layout nhwc|nchw and --range 1|255",
        )
    if not ours:
        logger.warning(
            "%s: says nothing of itself; taken for a style of scale 1 on sRGB pictures", shown(path)
        )


def _fits(specs: list[TensorSpec]) -> bool:
    return (
        len(specs) == 1
        and specs[0].dtype == "uint8"
        and len(specs[0].shape) == 4
        and specs[0].shape[3] in (3, None)
    )


def _fits_steady(specs: list[TensorSpec], count: int) -> bool:
    """A picture, statistics N×2×C, and of the inputs the number that says how much to keep."""
    if len(specs) != count or not _fits(specs[:1]):
        return False
    numbers = [(spec.name.removesuffix("_out"), spec.dtype, spec.shape[1:]) for spec in specs[1:]]
    name, dtype, (*rows, channels) = numbers[0] if len(specs[1].shape) == 3 else ("", "", (0,))
    wanted = (name, dtype, rows) == ("statistics", "float32", [2]) and isinstance(channels, int)
    return wanted and numbers[1:] in ([], [("keep", "float32", ())])


def _doors(summary: OnnxSummary) -> str:
    return " → ".join(_named(map(str, end)) for end in (summary.inputs, summary.outputs))


def _named(names: Iterable[str]) -> str:
    """The first three of the names that a file gives."""
    given = list(names)
    text = ", ".join(map(_short, given[:3])) or "nothing"
    return text + (" …" if len(given) > 3 else "")


def _short(text: str) -> str:
    """What a file says, fit for a part of one line whatever it is."""
    return shown(text[:100])
