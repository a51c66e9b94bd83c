"""The command that builds an engine again, as it was or for pictures that it does not take."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from nst_rt import zoo
from nst_rt.engines.side_car import PORTABLE, EngineFacts
from nst_rt.errors import SizeError, shown
from nst_rt.nvidia.tensorrt import PORTABLE_TO
from nst_rt.sizes import size_text

Size = tuple[int, int]


def rebuild_command(
    engine: Path,
    facts: EngineFacts,
    *,
    size: Size | None = None,
    batch: int = 1,
    target: Sequence[str] | None = None,
) -> str:
    """Return the command that builds an engine again.

    Args:
        engine: the file that it builds.
        facts: side-car of the present engine.
        size: height and width of pictures that the new one takes too.
        batch: number of pictures at once that it takes.
        target: options for the GPUs that it is for; by default those of the present engine.
    """
    low, high, batch = facts.smallest, facts.largest, max(facts.batch, batch)
    if size:
        low = min(low[0], size[0]), min(low[1], size[1])
        high = max(high[0], size[0]), max(high[1], size[1])
    source = _source(facts) or "MODEL.onnx"
    words = ["nst-rt export", source, shlex.quote(shown(engine)), "--overwrite"]
    words += ["--variant steady"] if facts.steady else []
    if facts.precision == "fp32" and _source(facts):
        words.append("--precision fp32")
    words += _sizes(low, facts.usual, high)
    words += [f"--batch {batch}"] if batch > 1 else []
    return " ".join([*words, *(_target(facts) if target is None else target)])


def steady_build_command(engine: Path, plain: EngineFacts) -> str:
    """Return the command that builds the steady engine for a plain one's GPUs and pictures.

    Args:
        engine: the file that it builds.
        plain: side-car of the plain engine.
    """
    source = _source(plain) or "CHECKPOINT"
    words = ["nst-rt export", source, shlex.quote(shown(engine)), "--variant steady"]
    words += ["--precision fp32"] if plain.precision == "fp32" else []
    words += _sizes(plain.smallest, plain.usual, plain.largest)
    return " ".join([*words, *_target(plain)])


def size_error(
    engine: Path, facts: EngineFacts, size: Size, count: int = 1, *, instead: str = ""
) -> SizeError:
    """Return the error for pictures that an engine does not take.

    Args:
        engine: its file.
        facts: its side-car.
        size: height and width of the pictures.
        count: number of pictures at once.
        instead: another cure, after a semicolon.
    """
    taken, given = facts.range_text(), size_text(size)
    if count > 1:
        taken, given = f"{taken}, {facts.batch} at once", f"{given} in batches of {count}"
    command = rebuild_command(engine, facts, size=size, batch=count)
    return SizeError(
        f"takes pictures of {taken}, not of {given}",
        path=engine,
        cure=f"build it for them: {command}{instead}",
    )


def _sizes(low: Size, usual: Size, high: Size) -> list[str]:
    """Return the options for heights and widths."""
    if low == high:
        return [f"--size {size_text(low)}"]
    sizes = {"min": low, "opt": usual, "max": high}
    return [f"--{name} {size_text(at)}" for name, at in sizes.items()]


def _source(facts: EngineFacts) -> str:
    """Return the name of the shipped style that an engine was built from; "" if it is none."""
    card = zoo.find(facts.model.get("name", ""))
    hashes = {file.sha256 for file in card.files.values()} if card else set()
    # where a model was made for the engine alone, its checkpoint is the only known hash
    made_from = {facts.onnx_sha256, facts.model.get("checkpoint_sha256", "")}
    return card.name if card and made_from & hashes else ""


def _target(facts: EngineFacts) -> list[str]:
    """Return the options for a portable engine's GPUs; any other is for the GPU of its machine."""
    if facts.gpu != PORTABLE:
        return []
    named = tuple(facts.compute_capabilities)
    narrowed = [f"--compute-capability {one}" for one in named if named != PORTABLE_TO]
    return [f"--backend {facts.backend}", *narrowed]
