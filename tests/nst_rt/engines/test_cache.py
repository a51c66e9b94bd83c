"""Engines are built once, by one process, for exactly what they fit; no cache is no obstacle."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from nst_rt.engines import cache as engine_cache
from nst_rt.engines.cache import KEPT_OF_MODEL, build_lock, build_once
from nst_rt.engines.key import BuildTarget, EngineKey
from nst_rt.errors import ModelError, ProviderError
from nst_rt.system.atomic import replace_file
from nst_rt.system.ownership import private_folder

TARGET = BuildTarget(
    backend="onnxruntime 1.31.1, TensorRT 10.16.1",
    gpu="NVIDIA L4",
    capability="8.9",
    driver="580.00",
)
KEY = EngineKey("a" * 64, TARGET, "fp16", "1x16x16x3 1x720x1280x3 1x1080x1920x3")
OTHER_DRIVER = replace(KEY, target=replace(TARGET, driver="590.00"))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NST_RT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    engine_cache._warn_once.cache_clear()
    return tmp_path / "cache"


class Builder:
    """Builds a file, or loads it where it is; says which."""

    def __init__(self) -> None:
        self.did: list[str] = []

    def __call__(self, folder: Path | None) -> str:
        file = folder / "x.engine" if folder else None
        self.did.append("load" if file and file.exists() else "build")
        if file:
            file.write_bytes(b"an engine")
        return self.did[-1]


@pytest.fixture
def builder() -> Builder:
    return Builder()


def test_engine_is_built_once_and_loaded_from_then_on(builder, caplog) -> None:
    assert [build_once(KEY, "wave", builder) for _ in range(3)] == ["build", "load", "load"]
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("building the engine of wave for NVIDIA L4: this takes minutes, once")


@pytest.mark.parametrize("name", KEY.facts)
def test_whatever_differs_gets_an_engine_of_its_own_and_the_old_one_stays(builder, name) -> None:
    changed = {name: "b" * 64}
    is_of_target = hasattr(TARGET, name)
    other = {"target": replace(TARGET, **changed)} if is_of_target else changed
    build_once(KEY, "wave", builder)
    assert build_once(replace(KEY, **other), "wave", builder) == "build"
    assert build_once(KEY, "wave", builder) == "load"


def test_engines_that_were_used_least_go(builder, cache: Path) -> None:
    drivers = map(str, range(KEPT_OF_MODEL + 2))
    keys = [replace(KEY, target=replace(TARGET, driver=driver)) for driver in drivers]
    build_once(replace(KEY, model="b" * 64), "other", builder)
    for number, key in enumerate(keys):
        build_once(key, "wave", builder)
        note = cache / "engines" / key.folder_name / "built.json"
        os.utime(note, (number, number))
    left = {folder.name for folder in (cache / "engines").glob("a*-*")}
    assert left == {key.folder_name for key in keys[-KEPT_OF_MODEL:]}
    assert len(list((cache / "engines").glob("b*-*"))) == 1


def test_a_failure_leaves_the_engine_of_another_driver(builder) -> None:
    build_once(KEY, "wave", builder)

    def fail(folder: Path | None) -> None:
        raise ProviderError("not enough GPU memory")

    with pytest.raises(ProviderError):
        build_once(OTHER_DRIVER, "wave", fail)
    assert build_once(KEY, "wave", builder) == "load"


@pytest.mark.parametrize("error", [ProviderError, ModelError])
def test_failure_is_told_again_at_once_until_its_note_is_deleted(error, builder, cache) -> None:
    attempts = []

    def fail(folder: Path | None) -> None:
        attempts.append(folder)
        raise error("not enough GPU memory", cure="close what else uses the GPU")

    with pytest.raises(error, match=r"^not enough GPU memory; close what else uses the GPU$"):
        build_once(KEY, "wave", fail)
    note = cache / "engines" / KEY.folder_name / "failed.json"
    again = rf"could not be built on \d{{4}}-.+: not enough .+ the GPU; to try again delete {note}"
    for _ in range(2):
        with pytest.raises(ProviderError, match=again):
            build_once(KEY, "wave", fail)
    assert len(attempts) == 1
    note.unlink()
    assert build_once(KEY, "wave", builder) == "build"


def test_stopping_a_build_is_no_failure(builder) -> None:
    def stop(folder: Path | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_once(KEY, "wave", stop)
    assert build_once(KEY, "wave", builder) == "build"


@pytest.mark.parametrize("damage", ["truncated", "changed", "gone", "note"])
def test_damaged_engine_is_built_again_before_anything_loads_it(
    builder, damage, cache: Path, caplog
) -> None:
    build_once(KEY, "wave", builder)
    folder = cache / "engines" / KEY.folder_name
    engine, note = folder / "x.engine", folder / "built.json"
    if damage == "gone":
        engine.unlink()
    elif damage == "note":
        note.write_text("{")
    else:
        engine.write_bytes(b"an engin" if damage == "truncated" else b"an enginE")
    caplog.clear()
    assert build_once(KEY, "wave", builder) == "build"
    lost = note if damage == "note" else engine
    assert caplog.messages[0] == f"{lost} is damaged: the engine is built again"
    assert build_once(KEY, "wave", builder) == "load"


def test_unfinished_build_is_no_engine(builder, cache: Path) -> None:
    """As a process leaves it that is killed."""
    folder = cache / "engines" / KEY.folder_name
    folder.mkdir(parents=True, mode=0o700)
    (cache / "engines").chmod(0o700)
    (folder / "x.engine").write_bytes(b"half")
    assert build_once(KEY, "wave", builder) == "build"


def no_home(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NST_RT_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)


def not_a_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write_text("")


def full(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 0})
    monkeypatch.setattr(engine_cache.shutil, "disk_usage", lambda path: usage)


@pytest.mark.parametrize("trouble", [no_home, not_a_folder, full])
def test_without_a_cache_it_works_with_one_warning(
    trouble, builder, cache: Path, tmp_path: Path, monkeypatch, caplog
) -> None:
    trouble(cache, monkeypatch)
    assert [build_once(KEY, "wave", builder) for _ in range(2)] == ["build", "build"]
    kept = [text for text in caplog.messages if "next time" in text]
    assert len(kept) == 1, caplog.messages
    assert not [path for path in tmp_path.iterdir() if path != cache]


def test_cache_that_cannot_be_written_is_still_read(builder, caplog, monkeypatch) -> None:
    def refuse(target: Path, data: bytes) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    build_once(KEY, "wave", builder)
    monkeypatch.setattr(engine_cache, "replace_file", refuse)
    assert build_once(KEY, "wave", builder) == "load"
    caplog.clear()
    assert build_once(OTHER_DRIVER, "wave", lambda folder: folder) is None
    assert caplog.messages[0].endswith("their cache cannot be written (Read-only file system)")


@pytest.mark.skipif(os.name == "nt", reason="files have no such owners")
def test_cache_that_others_can_write_is_not_used(builder, cache: Path, caplog) -> None:
    build_once(KEY, "wave", builder)
    (cache / "engines").chmod(0o777)
    assert [build_once(KEY, "wave", builder) for _ in range(2)] == ["build", "build"]
    refused = [text for text in caplog.messages if "is not used as a cache of engines" in text]
    assert len(refused) == 1
    assert "it can be written by others (mode 777)" in refused[0]


def test_lock_that_cannot_be_had_is_no_obstacle(builder, cache: Path, caplog) -> None:
    private_folder(cache / "engines")
    (cache / "engines/lock").mkdir()
    assert [build_once(KEY, "wave", builder) for _ in range(2)] == ["build", "load"]
    assert caplog.messages[0].startswith("another process may build the same engine: no lock (")


def test_missing_package_is_named(builder, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)
    with pytest.raises(ProviderError, match=r'filelock is not installed; pip install "nst-rt\[cu'):
        build_once(KEY, "wave", builder)


def test_failure_that_cannot_be_noted_is_told_all_the_same(builder, monkeypatch, caplog) -> None:
    def refuse(target: Path, data: bytes) -> None:
        if target.name == "failed.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        replace_file(target, data)

    def fail(folder: Path | None) -> None:
        raise ProviderError("not enough GPU memory")

    monkeypatch.setattr(engine_cache, "replace_file", refuse)
    with pytest.raises(ProviderError, match="not enough GPU memory"):
        build_once(KEY, "wave", fail)
    assert caplog.messages[-1].endswith("failed.json cannot be written (No space left on device)")


@pytest.mark.parametrize("note", ["{", "[]", '{"what": 1}'])
def test_note_on_a_failure_that_says_nothing_is_passed_over(note, builder, cache: Path) -> None:
    def fail(folder: Path | None) -> None:
        raise ProviderError("not enough GPU memory")

    with pytest.raises(ProviderError):
        build_once(KEY, "wave", fail)
    (cache / "engines" / KEY.folder_name / "failed.json").write_text(note)
    assert build_once(KEY, "wave", builder) == "build"


BUILDING = """
    import logging, sys
    from nst_rt.engines.cache import build_once
    from nst_rt.engines.key import BuildTarget, EngineKey

    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s", force=True)
    sys.stdout.reconfigure(line_buffering=True)

    def build(folder):
        if (folder / "x.engine").exists():
            return "loaded"
        print("at work")
        sys.stdin.readline()
        (folder / "x.engine").write_bytes(b"an engine")
        return "built"

    key = EngineKey("a" * 64, BuildTarget("TensorRT", "NVIDIA L4", "8.9", "580.00"), "fp16", "")
    print(build_once(key, "wave", build))
"""


class Process:
    """Builds that engine; goes on with it when told to."""

    def __init__(self) -> None:
        path = os.pathsep.join(path for path in sys.path if path)
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(BUILDING)],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def end(self, said: str = "\n") -> list[str]:
        return self.process.communicate(said, timeout=60)[0].splitlines()


def test_second_process_waits_says_so_and_loads_what_the_first_built() -> None:
    first = Process()
    assert first.line().startswith("building the engine of wave")
    assert first.line() == "at work"
    second = Process()
    assert second.line() == "another process builds an engine: waiting for it"
    assert first.end() == ["built"]
    assert second.end() == ["loaded"]


def test_killed_builder_leaves_no_lock() -> None:
    first = Process()
    while first.line() != "at work":
        pass
    second = Process()
    assert second.line() == "another process builds an engine: waiting for it"
    first.process.kill()
    first.end("")
    assert second.end()[-2:] == ["at work", "built"]


def test_who_waits_too_long_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Process()
    while first.line() != "at work":
        pass
    monkeypatch.setattr(engine_cache, "PATIENCE_S", 0)
    waiting = build_lock()
    with pytest.raises(ProviderError, match="another process has built engines") as caught:
        waiting.__enter__()
    assert caught.value.exit_code == 5
    assert first.end() == ["built"]
