"""Trust in engines: an engine is code, so only those that this user built here are loaded.

`cache_folder()/engines/built` holds a small file for every engine that was built, named by the
SHA-256 of its bytes. Somebody who changes an engine can change the side-car beside it, but not that
folder, which is this user's alone.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

from nst_rt.engines.eviction import delete_least_used, mark_used
from nst_rt.engines.rebuild_command import rebuild_command
from nst_rt.engines.side_car import EngineFacts, side_car_path
from nst_rt.errors import ModelError, shown
from nst_rt.system.atomic import replace_file
from nst_rt.system.cache import engines_folder
from nst_rt.system.ownership import private_folder, restrict_to_owner, why_untrusted

logger = logging.getLogger(__name__)

KEPT = 1000
"""Notes of engines that are kept: those that were built or loaded last."""
SHOWN = 16
"""Digits of a hash that a message shows."""


def check_integrity(engine: Path, data: bytes, facts: EngineFacts) -> None:
    """Check the bytes of an engine against its side-car.

    Raises:
        ModelError: truncated, modified, or the side-car is another engine's.
    """
    again = f"build it again: {rebuild_command(engine, facts)}"
    if len(data) != facts.engine_bytes:
        raise ModelError(
            f"has {len(data):,} bytes where {shown(side_car_path(engine).name)} says "
            f"{facts.engine_bytes:,}",
            path=engine,
            cure=again,
        )
    found = hashlib.sha256(data).hexdigest()
    if found != facts.engine_sha256:
        raise ModelError(
            f"its SHA-256 is {found[:SHOWN]}…, {shown(side_car_path(engine).name)} says "
            f"{facts.engine_sha256[:SHOWN]}…",
            path=engine,
            cure=again,
        )


def check_trust(engine: Path, facts: EngineFacts, *, trusted: bool = False) -> None:
    """Refuse an engine that somebody else may have built. Call it before deserializing the engine.

    Args:
        engine: its file, for the message.
        facts: its side-car, against which `check_integrity` checked its bytes.
        trusted: the user vouches for it (`trust_engine=True`, `--trust-engine`).

    Raises:
        ModelError: no note shows that this user built it.
    """
    if trusted:
        return
    vouch = "paint with trust_engine=True (--trust-engine) if you know who built it"
    try:
        *_, built, note = places = _places(facts.engine_sha256)
        for place in places:
            if reason := why_untrusted(place):
                raise ModelError(
                    f"is an engine, which is code, and {shown(place)}, which would show who built "
                    f"it, {reason}",
                    path=engine,
                    cure=f"delete {shown(note)} and build it again"
                    if place == note
                    else f"make that folder yours alone (chmod go-w, chown), or {vouch}",
                )
        mark_used(note)
    except (OSError, RuntimeError) as error:
        where = shown(built) if isinstance(error, OSError) else "a cache, as the user has no home"
        raise ModelError(
            f"is an engine, which is code, and is not among those that you built, by {where}",
            path=engine,
            cure=f"build it here: {rebuild_command(engine, facts)}; or {vouch}",
        ) from error


def record_built(engine: Path, facts: EngineFacts) -> None:
    """Note that this user built an engine here; log a warning if the note cannot be written."""
    note = {
        "engine": str(engine.absolute()),
        "onnx_sha256": facts.onnx_sha256,
        "backend": f"{facts.backend} {facts.backend_version}",
    }
    try:
        outer, folder, file = _places(facts.engine_sha256)
        for place in (outer, folder):
            private_folder(place)
        replace_file(file, (json.dumps(note, indent=1) + "\n").encode())
        restrict_to_owner(file)
        delete_least_used(folder.glob("*.json"), KEPT)
    except (OSError, RuntimeError) as error:
        logger.warning(
            "%s: cannot be noted as built by you (%s), so loading it takes trust_engine=True "
            "(--trust-engine); make that folder yours alone, or name another cache in NST_RT_CACHE",
            shown(engine),
            getattr(error, "strerror", None) or error,
        )


def _places(sha256: str) -> tuple[Path, Path, Path]:
    """Return the two folders that must be this user's alone, and the file of an engine's note.

    Raises:
        RuntimeError: the user has no home.
    """
    engines = engines_folder()
    built = engines / "built"
    return engines, built, built / f"{sha256}.json"
