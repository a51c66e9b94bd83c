"""Reading of models by name or path, and checks against their cards and side-cars."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path, PurePath
from typing import Literal

from nst_rt import zoo
from nst_rt.engines.rebuild_command import steady_build_command
from nst_rt.engines.side_car import SUFFIX, read_engine_facts
from nst_rt.engines.trust import check_integrity
from nst_rt.errors import ModelError, UsageError, shown
from nst_rt.model.checking import check_model, check_numbers
from nst_rt.model.file import Adaptation, ModelFile
from nst_rt.onnx_file import TensorSpec

logger = logging.getLogger(__name__)

_STEADY = ".steady"
"""Part of a steady file's name; it is beside the plain file of the same checkpoint."""


def read_model(
    name_or_path: str | Path,
    *,
    flavour: Literal["fp32", "fp16"] = "fp32",
    variant: Literal["plain", "steady"] = "plain",
    verify: bool = True,
    adaptation: Adaptation | None = None,
) -> ModelFile:
    """Find and check a model.

    Args:
        name_or_path: a shipped style's name, or a file: a model (.onnx), or an engine with its
            side-car.
        flavour: which of a shipped style's two plain files.
        variant: "steady" is the file that takes statistics: a shipped style's, or for `x.onnx` the
            file `x.steady.onnx` beside it, for `x.engine` `x.steady.engine`.
        verify: whether a shipped style is checked against its card's size and hash.
        adaptation: how to feed a model that is not of our schema; without it such a model is
            refused, never guessed at.

    Raises:
        ModelError: absent, damaged, unsafe, or of another kind.
        UsageError: the adaptation is none.
    """
    given: object = adaptation
    if given is not None and not isinstance(given, Adaptation):
        raise UsageError(f"adaptation is {given!r}", cure="give an Adaptation of nst_rt.model")
    card = shipped_style(name_or_path)
    kind = "steady" if variant == "steady" else flavour
    path = card.file(kind) if card else file_of(name_or_path)
    if variant == "steady" and not card:
        path = _steady_file(path)
    if path.suffix == SUFFIX:
        return _read_engine(path)
    data = _read(path)
    if card and verify:
        _check_against_card(card, kind, path, data)
    elif card:
        logger.warning("%s: hash not checked, as asked", shown(path))
    return replace(check_model(path, data, adaptation=adaptation), is_shipped=card is not None)


def model_hash(name_or_path: str | Path, *, flavour: Literal["fp32", "fp16"] = "fp32") -> str:
    """Return the SHA-256 of a model file, which is not checked otherwise.

    Raises:
        ModelError: absent or unreadable.
    """
    card = shipped_style(name_or_path)
    path = card.file(flavour) if card else file_of(name_or_path)
    return hashlib.sha256(_read(path)).hexdigest()


def shipped_style(name_or_path: str | Path) -> zoo.Card | None:
    """Return the card of a shipped style, None for files: a `Path` is always one."""
    return zoo.find(name_or_path) if isinstance(name_or_path, str) else None


def style_name(style: str | Path) -> str:
    """Return a style's name for file names: a shipped one's or its file's, never its metadata's."""
    stem = PurePath(style).name.removesuffix(SUFFIX).removesuffix(".onnx")
    return stem.removesuffix(".fp16").removesuffix(".steady")


def file_of(name_or_path: str | Path) -> Path:
    """Return the file of that name, which is not opened.

    Raises:
        ModelError: there is none; the message names a style whose name is close.
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
        if text in names:  # given as a Path
            cure = f'a shipped style is a string, "{text}"'
        raise ModelError("no such model", path=path, cure=cure)
    if path.name.endswith(f"{SUFFIX}.json"):
        engine = shown(path.with_suffix(""))
        raise ModelError("is the side-car of an engine", path=path, cure=f"give {engine}")
    return path


def _read_engine(path: Path) -> ModelFile:
    """Read an engine whose bytes match its side-car. They are not parsed."""
    facts = read_engine_facts(path)
    data = _read(path)
    check_integrity(path, data, facts)
    check_numbers(path, facts.model)
    ends = zip(facts.profiles[0]["min"], facts.profiles[0]["max"], "NHW3", strict=True)
    shape = tuple(low if low == high else axis for low, high, axis in ends)
    numbers = (1, 2, facts.statistics)
    keep = TensorSpec("keep", "float32", (1,))
    return ModelFile(
        path=path,
        data=data,
        sha256=facts.engine_sha256,
        metadata=facts.model,
        inputs=(
            TensorSpec("image", "uint8", shape),
            *([TensorSpec("statistics", "float32", numbers), keep] if facts.steady else []),
        ),
        outputs=(
            TensorSpec("image_out", "uint8", ("N", "H", "W", 3)),
            *([TensorSpec("statistics_out", "float32", numbers)] if facts.steady else []),
        ),
        opset=0,
        num_nodes=0,
        engine=facts,
    )


def _steady_file(path: Path) -> Path:
    """Return the steady file that belongs to a model file."""
    is_engine = path.suffix == SUFFIX
    steady = path.with_name(style_name(path) + _STEADY + (SUFFIX if is_engine else ".onnx"))
    if not steady.exists():
        command = f"nst-rt export CHECKPOINT {shown(steady.name)} --variant steady"
        raise ModelError(
            f"has no {shown(steady.name)} beside it, which takes statistics",
            path=path,
            cure=steady_build_command(steady, read_engine_facts(path)) if is_engine else command,
        )
    return steady


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ModelError("is not a regular file", path=path, cure="give a .onnx file")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", path=path) from error


def _check_against_card(card: zoo.Card, kind: str, path: Path, data: bytes) -> None:
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
