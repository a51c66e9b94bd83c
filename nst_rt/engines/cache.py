"""Engines that are built where they are needed: kept for the next time, built by one process.

`cache_folder()/engines` holds a folder for every engine. `built.json` in it is written last and has
the hashes of the files beside it; `failed.json` says why there is none. A cache that cannot be used
costs time and nothing else, and no file is ever written anywhere else.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from nst_rt.atomic import replace_file
from nst_rt.cache import engines_folder
from nst_rt.errors import NstError, ProviderError, shown
from nst_rt.lock import turn
from nst_rt.ownership import make_private, shut, stranger

logger = logging.getLogger(__name__)

T = TypeVar("T")
PATIENCE_S = 3600.0
"""How long to wait for another process that builds."""
KEPT, KEPT_OF_MODEL = 32, 4
"""Folders of engines in all, and for one model: other sizes, GPUs, drivers, versions."""
_SPARE = 2**20
"""Bytes that are left on a disk that was not full while files were written."""
_BUILT, _FAILED = "built.json", "failed.json"


@dataclass(frozen=True)
class EngineKey:
    """What an engine fits. Where any of it differs, another one is built."""

    model: str
    """SHA-256 of the model file."""
    backend: str
    """What builds it, with all versions."""
    gpu: str
    capability: str
    driver: str
    precision: str
    shapes: str
    """Smallest, usual and largest picture."""

    @property
    def folder_name(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True)
        return f"{self._model}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @property
    def machine(self) -> str:
        """Stands for all engines of one backend, GPU and driver, whatever their model."""
        text = json.dumps([self.backend, self.gpu, self.capability, self.driver])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def siblings(self) -> str:
        """Pattern of the folder names of this model's engines."""
        return f"{self._model}-*"

    @property
    def _model(self) -> str:
        return self.model[:16]


def build_once(key: EngineKey, title: str, build: Callable[[Path | None], T]) -> T:
    """Load an engine from its folder, or build it there, one process at a time.

    Args:
        key: what the engine has to fit.
        title: what messages call it.
        build: is given the folder, empty or with what an earlier `build` of this key left there;
            None where nothing can be kept.

    Raises:
        ProviderError: another process builds and builds; or `build` failed before, which is told
            at once.
        NstError: as `build` raises it.
    """
    kept = _ours(engines_folder, key.folder_name)
    if kept and _lacks(kept) == "":
        return _load(kept, build)
    folder = private_folder(key.folder_name)
    if folder is None:
        logger.warning("building the engine of %s for %s: this takes minutes", title, key.gpu)
        return build(None)
    with turn_to_build():
        lacking = _lacks(folder)
        if lacking == "":
            return _load(folder, build)
        if lacking:
            logger.warning("%s is damaged: the engine is built again", shown(folder / lacking))
        _tell_failure(folder)
        _empty(folder)
        logger.warning(
            "building the engine of %s for %s: this takes minutes, once; then it is loaded from %s",
            title,
            key.gpu,
            shown(folder),
        )
        try:
            made = build(folder)
        except NstError as error:
            _remember_failure(folder, error)
            raise
        _remember(folder, key)
    return made


@contextmanager
def turn_to_build() -> Iterator[None]:
    """The turn of this process to build an engine; without a usable cache nobody is waited for.

    One at a time, whatever they are: kernels are timed while an engine is built, and two builds
    would time each other.

    Raises:
        ProviderError: another process has had it for an hour.
    """
    with ExitStack() as held:
        engines = private_folder()
        if engines is not None:
            try:
                held.enter_context(turn(engines / "lock", PATIENCE_S, _say_that_it_waits))
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
                _warn(f"nobody is waited for who builds the same engine ({error.strerror})")
        yield


def private_folder(name: str = "") -> Path | None:
    """The folder of engines, or one in it, made if need be; None, told once, if it is unusable."""
    try:
        engines = engines_folder()
        engines.parent.mkdir(parents=True, exist_ok=True)
        for folder in dict.fromkeys((engines, engines / name)):
            make_private(folder)
        if (ours := _ours(lambda: engines, name)) is None:
            return None
        # not in the folder itself, which another process may be filling
        replace_file(engines / "writable", b"")
        (engines / "writable").unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:
        said = getattr(error, "strerror", None) or error
        _warn(f"engines are not kept for the next time: their cache cannot be written ({said})")
        return None
    return ours


def _ours(engines: Callable[[], Path], name: str) -> Path | None:
    """A folder of engines, if it is there and nobody else's; what is in it then is ours too."""
    try:
        for folder in dict.fromkeys((engines(), engines() / name)):
            if reason := stranger(folder):
                _warn(f"{shown(folder)} is not used as a cache of engines: it {reason}")
                return None
    except (OSError, RuntimeError):
        return None
    return engines() / name


def _say_that_it_waits() -> None:
    logger.warning("another process builds an engine: waiting for it")


@functools.cache
def _warn(text: str) -> None:
    logger.warning("%s", text)


def _load(folder: Path, build: Callable[[Path | None], T]) -> T:
    with suppress(OSError):
        (folder / _BUILT).touch()  # what was used last goes last
    logger.info("the engine is loaded from %s", shown(folder))
    return build(folder)


def _lacks(folder: Path) -> str | None:
    """The first file that is not what it was; "" if all are, None if no engine was built there."""
    try:
        note = (folder / _BUILT).read_text(encoding="utf-8")
    except OSError:
        return None
    try:
        files: dict[str, str] = json.loads(note)["files"]
        return next((name for name, sha in files.items() if _hash(folder / name) != sha), "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return _BUILT


def _tell_failure(folder: Path) -> None:
    """Raise what went wrong the last time; what cannot be read is forgotten."""
    file = folder / _FAILED
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        what, cure, when = (str(told[key]) for key in ("what", "cure", "when"))
    except (OSError, ValueError, KeyError, TypeError):
        return
    raise ProviderError(
        f"the engine could not be built on {when}: {what}",
        cure="; ".join(filter(None, (cure, f"to try again delete {shown(file)}"))),
    )


def _remember_failure(folder: Path, error: NstError) -> None:
    when = time.strftime("%Y-%m-%d %H:%M")
    _write(folder / _FAILED, {"what": error.what, "cure": error.cure, "when": when})


def _remember(folder: Path, key: EngineKey) -> None:
    """Note what was built, close it to others, and let go of the engines that were used least."""
    try:
        files = [file for file in folder.iterdir() if file.is_file()]
        for file in files:
            shut(file)
        if shutil.disk_usage(folder).free < _SPARE:
            raise OSError(0, "the disk is full")
        hashes = {file.name: _hash(file) for file in files}
    except OSError as error:
        _warn(f"the engine is not kept for the next time ({error.strerror})")
        _empty(folder)
        return
    if _write(folder / _BUILT, {**asdict(key), "files": hashes}):
        for pattern, count in ((key.siblings, KEPT_OF_MODEL), ("*-*", KEPT)):
            _thin_out(folder.parent.glob(pattern), count)


def _thin_out(folders: Iterator[Path], count: int) -> None:
    used = sorted((file.stat().st_mtime, file.parent) for f in folders for file in f.glob(_BUILT))
    for _, folder in used[:-count]:
        shutil.rmtree(folder, ignore_errors=True)


def _write(file: Path, told: dict[str, Any]) -> bool:
    try:
        replace_file(file, (json.dumps(told, indent=1) + "\n").encode())
        shut(file)
    except OSError as error:
        _warn(f"{shown(file)} cannot be written ({error.strerror})")
        return False
    return True


def _empty(folder: Path) -> None:
    for file in folder.iterdir():
        if file.is_file():
            file.unlink()


def _hash(file: Path) -> str:
    """SHA-256 of what is in a file; "" if there is none."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
