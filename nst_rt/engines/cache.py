"""The cache of engines that are built where they are needed, each one by one process.

`cache_folder()/engines` has a folder for every engine. `built.json` in it is written last and holds
the hashes of the files beside it; `failed.json` says why a build failed. A cache that cannot be
used costs time and nothing else, and no file is ever written anywhere else.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from nst_rt.engines.eviction import least_used, mark_used
from nst_rt.engines.key import EngineKey
from nst_rt.errors import NstError, OutputError, ProviderError, shown
from nst_rt.system.atomic import replace_file
from nst_rt.system.cache import engines_folder
from nst_rt.system.lock import wait_for_lock
from nst_rt.system.ownership import private_folder, restrict_to_owner, why_untrusted

logger = logging.getLogger(__name__)

T = TypeVar("T")
PATIENCE_S = 3600.0
"""Longest wait for another process that builds."""
KEPT, KEPT_OF_MODEL = 32, 4
"""Folders of engines in all, and for one model: other sizes, GPUs, drivers, versions."""
_SPARE_BYTES = 2**20
"""Free bytes of a disk that was not full while files were written."""
_BUILT, _FAILED = "built.json", "failed.json"


def build_once(key: EngineKey, title: str, build: Callable[[Path | None], T]) -> T:
    """Load an engine from its folder, or build it there, one process at a time.

    Args:
        key: what the engine has to fit.
        title: the model's name in messages.
        build: takes the folder, which is empty or holds what an earlier `build` of this key left
            there; None where nothing can be kept.

    Raises:
        ProviderError: another process builds for too long; or `build` failed before, which is
            reported at once.
        NstError: as `build` raises it.
    """
    kept = _trusted_folder(key.folder_name)
    if kept and _damaged_file(kept) == "":
        return _load(kept, build)
    folder = writable_folder(key.folder_name)
    gpu = key.target.gpu
    if folder is None:
        logger.warning("building the engine of %s for %s: this takes minutes", title, gpu)
        return build(None)
    with build_lock():
        damaged = _damaged_file(folder)
        if damaged == "":
            return _load(folder, build)
        if damaged:
            logger.warning("%s is damaged: the engine is built again", shown(folder / damaged))
        _raise_recorded_failure(folder)
        _delete_files(folder)
        logger.warning(
            "building the engine of %s for %s: this takes minutes, once; then it is loaded from %s",
            title,
            gpu,
            shown(folder),
        )
        try:
            made = build(folder)
        except NstError as error:
            _record_failure(folder, error)
            raise
        _record_engine(folder, key)
    return made


@contextmanager
def build_lock() -> Iterator[None]:
    """Hold the lock of engine builds; without a usable cache there is none.

    It is one lock for all engines: kernels are timed while an engine is built, and two builds would
    time each other.

    Raises:
        ProviderError: another process has held it for an hour.
    """
    with ExitStack() as held:
        engines = writable_folder()
        if engines is not None:
            try:
                held.enter_context(wait_for_lock(engines / "lock", PATIENCE_S, _log_wait))
            except TimeoutError as error:
                raise ProviderError(
                    f"another process has built engines for {PATIENCE_S / 60:.0f} minutes",
                    cure="wait for it, or stop it",
                ) from error
            except ModuleNotFoundError as error:
                raise ProviderError(
                    f"{error.name} is not installed", cure='pip install "nst-rt[cuda]"'
                ) from error
            except OSError as error:
                _warn_once(f"another process may build the same engine: no lock ({error.strerror})")
        yield


def writable_folder(name: str = "") -> Path | None:
    """Return the folder of engines, or one in it, made if absent; None, logged, if unusable."""
    try:
        engines = engines_folder()
        for folder in dict.fromkeys((engines, engines / name)):
            private_folder(folder)
        # not in the folder itself, which another process may be filling
        replace_file(engines / "writable", b"")
        (engines / "writable").unlink(missing_ok=True)
    except OutputError as error:
        _warn_once(f"{shown(folder)} is not used as a cache of engines: it {error.what}")
        return None
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        _warn_once(
            f"engines are not kept for the next time: their cache cannot be written ({reason})"
        )
        return None
    return engines / name


def _trusted_folder(name: str) -> Path | None:
    """Return a folder of engines if it exists and is ours: then what is in it is ours too."""
    try:
        engines = engines_folder()
        untrusted = why_untrusted(engines) or why_untrusted(engines / name)
    except (OSError, RuntimeError):
        return None
    return None if untrusted else engines / name


def _log_wait() -> None:
    logger.warning("another process builds an engine: waiting for it")


@functools.cache
def _warn_once(text: str) -> None:
    logger.warning("%s", text)


def _load(folder: Path, build: Callable[[Path | None], T]) -> T:
    mark_used(folder / _BUILT)
    logger.info("the engine is loaded from %s", shown(folder))
    return build(folder)


def _damaged_file(folder: Path) -> str | None:
    """Return the first file that has changed; "" if none has, None if no engine was built there."""
    try:
        note = (folder / _BUILT).read_text(encoding="utf-8")
    except OSError:
        return None
    try:
        files: dict[str, str] = json.loads(note)["files"]
        return next((name for name, sha in files.items() if _sha256(folder / name) != sha), "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return _BUILT


def _raise_recorded_failure(folder: Path) -> None:
    """Raise the error of the last build, if there was one; an unreadable record is ignored."""
    file = folder / _FAILED
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        what, cure, when = (str(record[key]) for key in ("what", "cure", "when"))
    except (OSError, ValueError, KeyError, TypeError):
        return
    raise ProviderError(
        f"the engine could not be built on {when}: {what}",
        cure="; ".join(filter(None, (cure, f"to try again delete {shown(file)}"))),
    )


def _record_failure(folder: Path, error: NstError) -> None:
    when = time.strftime("%Y-%m-%d %H:%M")
    _write(folder / _FAILED, {"what": error.what, "cure": error.cure, "when": when})


def _record_engine(folder: Path, key: EngineKey) -> None:
    """Note what was built, close it to others, and delete the engines that were used least."""
    try:
        files = [file for file in folder.iterdir() if file.is_file()]
        for file in files:
            restrict_to_owner(file)
        if shutil.disk_usage(folder).free < _SPARE_BYTES:
            raise OSError(0, "the disk is full")
        hashes = {file.name: _sha256(file) for file in files}
    except OSError as error:
        _warn_once(f"the engine is not kept for the next time ({error.strerror})")
        _delete_files(folder)
        return
    if _write(folder / _BUILT, {**key.facts, "files": hashes}):
        for pattern, count in ((key.siblings, KEPT_OF_MODEL), ("*-*", KEPT)):
            _evict(folder.parent.glob(pattern), count)


def _evict(folders: Iterator[Path], count: int) -> None:
    """Delete all but the folders that were used last."""
    for record in least_used((file for one in folders for file in one.glob(_BUILT)), count):
        shutil.rmtree(record.parent, ignore_errors=True)


def _write(file: Path, record: dict[str, Any]) -> bool:
    """Write a JSON file for this user alone; return whether it succeeded."""
    try:
        replace_file(file, (json.dumps(record, indent=1) + "\n").encode())
        restrict_to_owner(file)
    except OSError as error:
        _warn_once(f"{shown(file)} cannot be written ({error.strerror})")
        return False
    return True


def _delete_files(folder: Path) -> None:
    for file in folder.iterdir():
        if file.is_file():
            file.unlink()


def _sha256(file: Path) -> str:
    """Return the SHA-256 of a file; "" if it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
