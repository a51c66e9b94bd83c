"""The command that builds an engine again: as it was, or for pictures that it does not take."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from nst_rt import zoo
from nst_rt.engines.side_car import PORTABLE, EngineFacts, written
from nst_rt.errors import SizeError, shown
from nst_rt.nvidia.tensorrt import PORTABLE_TO

Size = tuple[int, int]


def rebuild(
    engine: Path,
    facts: EngineFacts,
    *,
    size: Size | None = None,
    batch: int = 1,
    target: Sequence[str] | None = None,
) -> str:
    """The command, as it is typed.

    Args:
        engine: the file that it builds.
        facts: of the engine that is there.
        size: height and width of pictures that the new one takes too.
        batch: of how many of them at once.
        target: options that say what it is for; by default what the one that is there is for.
    """
    low, high, batch = facts.smallest, facts.largest, max(facts.batch, batch)
    if size:
        low = min(low[0], size[0]), min(low[1], size[1])
        high = max(high[0], size[0]), max(high[1], size[1])
    source = _source(facts)
    words = ["nst-rt export", source, shlex.quote(shown(engine)), "--overwrite"]
    if facts.precision == "fp32" and source != _ANY:
        words.append("--precision fp32")
    if low == high:
        words.append(f"--size {written(low)}")
    else:
        sizes = {"min": low, "opt": facts.usual, "max": high}
        words += [f"--{name} {written(at)}" for name, at in sizes.items()]
    words += [f"--batch {batch}"] if batch > 1 else []
    return " ".join([*words, *(_target(facts) if target is None else target)])


def outside(engine: Path, facts: EngineFacts, size: Size, count: int = 1) -> SizeError:
    """The error for pictures that an engine does not take.

    Args:
        engine: its file.
        facts: its side-car.
        size: height and width of the pictures.
        count: how many at once.
    """
    taken, given = facts.range_text(), written(size)
    if count > 1:
        taken, given = f"{taken}, {facts.batch} at once", f"{given} in batches of {count}"
    return SizeError(
        f"takes pictures of {taken}, not of {given}",
        path=engine,
        cure=f"build it for them: {rebuild(engine, facts, size=size, batch=count)}",
    )


_ANY = "MODEL.onnx"


def _source(facts: EngineFacts) -> str:
    """What it was built from, as far as that is known here: the name of a shipped style."""
    card = zoo.find(facts.model.get("name", ""))
    hashes = {file.sha256 for file in card.files.values()} if card else set()
    return card.name if card and facts.onnx_sha256 in hashes else _ANY


def _target(facts: EngineFacts) -> list[str]:
    """Options for the GPUs that a portable engine is for; another is for the GPU that is there."""
    if facts.gpu != PORTABLE:
        return []
    named = tuple(facts.compute_capabilities)
    narrowed = [f"--compute-capability {one}" for one in named if named != PORTABLE_TO]
    return [f"--backend {facts.backend}", *narrowed]
