"""Files around the building of an engine: damaged models, outputs, and builders that wait."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from nst_export.engine import build_engine, building
from nst_rt.engines.cache import build_lock
from nst_rt.errors import ModelError, OutputError, UsageError
from tests.nst_export.engine.small_models import convolution


def test_damaged_and_foreign_files_are_refused(tmp_path: Path, shipped: Path) -> None:
    cut, text = tmp_path / "cut.onnx", tmp_path / "text.onnx"
    cut.write_bytes(shipped.read_bytes()[:5000])
    text.write_bytes(b"hello world")
    for path in (cut, text):
        with pytest.raises(ModelError, match=r"truncated|not an ONNX file"):
            build_engine(path, tmp_path / "x.engine")
    with pytest.raises(UsageError, match="title and licence of a model file are fixed"):
        build_engine(shipped, tmp_path / "x.engine", facts={"title": "Mine"})


def test_outputs_are_refused_before_the_build(
    tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "open_backend", lambda name: pytest.fail("was begun"))
    target = tmp_path / "x.engine"
    with pytest.raises(UsageError, match=r"not the name of an engine; end it in \.engine"):
        build_engine(shipped, tmp_path / "x.trt")
    (tmp_path / "x.engine.json").write_text("mine")
    with pytest.raises(UsageError, match=r"x\.engine\.json: exists already; pass overwrite=True"):
        build_engine(shipped, target)
    (tmp_path / "folder.engine").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        build_engine(shipped, tmp_path / "folder.engine", overwrite=True)
    with pytest.raises(OutputError, match=r"engine\.json: cannot be written in"):
        build_engine(shipped, tmp_path / "x.engine.json" / "below" / "y.engine")


def test_a_full_disk_leaves_the_engine_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = convolution(tmp_path / "x.onnx"), tmp_path / "x.engine"
    target.write_bytes(b"mine")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        build_engine(source, target, overwrite=True)
    assert target.read_bytes() == b"mine"
    assert {path.name for path in tmp_path.iterdir()} == {"x.onnx", "x.engine"}


def test_side_car_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    build_engine(convolution(tmp_path / "x.onnx"), tmp_path / "x.engine")
    told = json.loads((tmp_path / "x.engine.json").read_text())
    assert (told["schema"], told["precision"]) == (1, "fp16")


def test_builds_of_several_threads_wait_for_each_other(tmp_path: Path) -> None:
    source = convolution(tmp_path / "x.onnx")
    failures: list[BaseException] = []

    def build(index: int) -> None:
        try:
            built = build_engine(source, tmp_path / f"{index}.engine")
            assert built.facts.memory["activations"] > 0
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=build, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(tmp_path.glob("*.engine"))) == 3


def test_processes_that_build_the_same_engine_wait_for_each_other(
    tmp_path: Path, shipped: Path
) -> None:
    """The second one finds what the first has built, and does not build it over."""
    code = """
    import logging, sys
    from pathlib import Path
    from nst_export.engine import build_engine
    from nst_rt.errors import UsageError

    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
    sys.stdout.reconfigure(line_buffering=True)
    try:
        build_engine(sys.argv[1], Path(sys.argv[2]))
        print("built")
    except UsageError as error:
        print(error.what)
    """
    with build_lock():
        path = os.pathsep.join(path for path in sys.path if path)
        waiting = [
            subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(code), shipped, tmp_path / "x.engine"],
                env={**os.environ, "PYTHONPATH": path},
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for process in waiting:
            assert process.stdout
            told = process.stdout.readline()
            assert told == "another process builds an engine: waiting for it\n"
    ended = sorted(process.communicate(timeout=60)[0] for process in waiting)
    assert ended == ["built\n", "exists already\n"]
