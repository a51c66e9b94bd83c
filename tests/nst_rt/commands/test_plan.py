"""What is decided before the first picture."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from nst_rt.commands.plan import PaintingJob, PaintingPlan, make_plan
from nst_rt.errors import OutputError, UsageError


@pytest.fixture
def touch(folder: Path):
    def make(*names: str) -> None:
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())

    return make


def plan(*inputs: str, out: str | None = None, **options) -> PaintingPlan:
    return make_plan(inputs, out, style="thin.onnx", **options)


def test_tree_is_planned_without_making_or_opening_anything(touch, folder: Path) -> None:
    touch("photos/a.png", "photos/sub/b.png", "photos/notes.txt")
    made = plan("photos", out="new/out")
    assert made.jobs == [
        PaintingJob("photos/a.png", "new/out/a.png"),
        PaintingJob("photos/sub/b.png", "new/out/sub/b.png"),
    ]
    assert not (folder / "new").exists()


def test_input_named_twice_is_painted_once(touch, folder: Path) -> None:
    touch("photos/a.png")
    (folder / "link").symlink_to("photos")
    names = ("photos", "./photos/a.png", "photos/a.png", "photos/../photos/a.png", "link/a.png")
    jobs = plan("photos/a.png", *names, out="out").jobs
    assert jobs == [PaintingJob("photos/a.png", "out/a.png")]


def test_two_inputs_for_one_output_are_refused(touch) -> None:
    touch("a.png", "a.pgm", "sub/a.png")
    with pytest.raises(UsageError, match=r"a\.png and a\.pgm .* out/a\.png; add --keep-ext"):
        plan("a.png", "a.pgm", out="out")
    jobs = plan("a.png", "a.pgm", out="out", keep_ext=True).jobs
    assert [job.target for job in jobs] == ["out/a.png", "out/a.pgm.png"]
    with pytest.raises(UsageError, match="paint them into different folders"):
        plan("a.png", "sub/a.png", out="out")


def test_one_output_by_two_paths_is_seen(touch, folder: Path) -> None:
    touch("real/x.pgm", "real/x.pnm")
    (folder / "link").symlink_to("real")
    with pytest.raises(UsageError, match="would both become"):
        plan("real/x.pgm", "link/x.pnm", out=None)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_output_that_is_a_link_to_an_input_is_refused(touch, folder: Path, link) -> None:
    touch("a.png", "b.png")
    link(folder / "a.png", folder / "c.png")
    for existing in ("refuse", "overwrite", "skip"):
        with pytest.raises(UsageError, match=r"c\.png is the input a\.png.*--in-place"):
            plan("a.png", out="c.png", existing=existing)
    (folder / "out").mkdir()
    link(folder / "a.png", folder / "out/b.png")
    with pytest.raises(UsageError, match=r"out/b\.png is the input a\.png"):
        plan("a.png", "b.png", out="out", existing="overwrite")


def test_output_that_is_its_input_needs_in_place(touch, folder: Path) -> None:
    touch("a.png")
    for out in ("a.png", ".", "./", str(folder)):
        with pytest.raises(UsageError, match=r"is the input a\.png"):
            plan("a.png", out=out)
        [job] = plan("a.png", out=out, in_place=True).jobs
        assert Path(job.target) == folder.resolve() / "a.png"
    [job] = plan("a.png", in_place=True).jobs
    assert Path(job.target) == folder.resolve() / "a.png"


def test_in_place_spares_other_inputs_and_formats_that_are_not_written(touch) -> None:
    touch("a.png", "z.png", "b.pgm", "out/b.png")
    os.link("z.png", "out/a.png")
    with pytest.raises(UsageError, match=r"out/a\.png is the input z\.png"):
        plan("a.png", "z.png", out="out", in_place=True)
    with pytest.raises(UsageError, match="not written in this format"):
        plan("b.pgm", in_place=True)


def test_existing_outputs(touch) -> None:
    touch("a.png", "b.png", "out/a.png")
    made = plan("a.png", "b.png", out="out")
    assert [job.source for job in made.jobs] == ["b.png"]
    assert [failure.source for failure in made.failures] == ["a.png"]
    assert "out/a.png: exists already; add --overwrite or" in str(made.failures[0].error)
    made = plan("a.png", "b.png", out="out", existing="skip")
    assert ([job.source for job in made.jobs], len(made.skipped)) == (["b.png"], 1)
    made = plan("a.png", "b.png", out="out", existing="skip", is_stale=lambda job: True)
    assert ([job.source for job in made.jobs], made.skipped) == (["b.png"], [])
    assert "out/a.png: exists already, from another photo" in str(made.failures[0].error)
    assert len(plan("a.png", "b.png", out="out", existing="overwrite").jobs) == 2
    touch("out/b.png")
    with pytest.raises(UsageError, match="all 2 outputs"):
        plan("a.png", "b.png", out="out")
    with pytest.raises(UsageError, match="exists already; add"):
        plan("a.png", out="out")


def test_output_that_is_a_folder_is_refused(touch, folder: Path) -> None:
    touch("a.png")
    (folder / "out/a.png").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"out/a\.png: is a folder"):
        plan("a.png", out="out", existing="overwrite")


def test_output_that_is_a_pipe_is_refused_and_stays(touch, folder: Path) -> None:
    touch("a.png")
    os.mkfifo(folder / "out.png")
    with pytest.raises(OutputError, match=r"out\.png: is neither a file nor a link; give -o - and"):
        plan("a.png", out="out.png", existing="overwrite")
    assert (folder / "out.png").is_fifo()


def test_file_above_the_output_folder_is_refused(touch) -> None:
    touch("a.png", "file")
    with pytest.raises(OutputError, match="file: is a file where a folder is needed"):
        plan("a.png", out="file/sub/")


def test_folder_that_takes_no_files_is_refused(touch, monkeypatch) -> None:
    touch("a.png")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(OutputError, match="cannot be written into"):
        plan("a.png")


def test_leftovers_of_dead_processes_are_removed(touch, folder: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    stale = f".x\n.png.part-{dead.pid}"
    living = [f".x.png.part-{os.getppid()}", ".x.png.part-", "x.png.part-999999", ".part-999999"]
    touch("a.png", stale, *living, "sub/" + stale)
    plan("a.png")
    assert not (folder / stale).exists()
    assert all((folder / name).exists() for name in [*living, "sub/" + stale])


def test_plan_of_many_files_is_light(folder: Path) -> None:
    count = 500
    for index in range(count):
        (folder / f"photo-{index:05}.jpg").touch()
    make_plan(["."], "out", style="thin")
    tracemalloc.start()
    made = make_plan(["."], "out", style="thin")
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(made.jobs) == count
    assert size / count < 600
