"""The loop over pictures: what stops it, what does not, and what it keeps."""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np

from nst_rt.commands.console import Console
from nst_rt.commands.plan import PaintingJob, PaintingPlan
from nst_rt.commands.report import Report
from nst_rt.commands.stdout import Results
from nst_rt.commands.stylize_run import PictureEncoding, StylizeRun
from nst_rt.errors import ModelError
from nst_rt.images import Picture, PictureLimits
from nst_rt.stylizer import Stylizer

from .conftest import records, save


def test_defect_in_one_picture_does_not_stop_the_rest(nst, folder, style, monkeypatch) -> None:
    save("a.png"), save("b.png", size=(25, 16))
    paint = Stylizer.paint

    def failing(self, picture, **options):
        if picture.width == 24:
            raise ZeroDivisionError("hm")
        return paint(self, picture, **options)

    monkeypatch.setattr(Stylizer, "paint", failing)
    ended = nst("stylize", "a.png", "b.png", "-o", "out", *style)
    assert ended.code == 3
    assert ended.lines[0].startswith("nst-rt: a.png: internal error (ZeroDivisionError: hm); run")
    assert nst("stylize", "a.png", "-o", "x.png", *style).code == 1
    ended = nst("stylize", "a.png", "-o", "x.png", "--debug", *style)
    assert "Traceback" in ended.err


def test_what_befalls_every_picture_ends_the_loop(nst, folder, style, monkeypatch) -> None:
    save("a.png"), save("b.png")

    def failing(self, picture, **options):
        raise ModelError("is of no use")

    monkeypatch.setattr(Stylizer, "paint", failing)
    ended = nst("stylize", "a.png", "b.png", "-o", "out", "--json", *style)
    assert ended.code == 4
    result, summary = records(ended.out)
    assert (result["input"], result["code"]) == ("a.png", 4)
    assert (summary["failed"], summary["left"]) == (1, 1)
    assert ended.lines == ["nst-rt: a.png: is of no use", "nst-rt: 1 failed, 1 left"]


def test_memory_is_too_small_for_one_picture_and_the_rest_is_done(
    nst, folder, style, monkeypatch
) -> None:
    save("a.png"), save("b.png", size=(25, 16))
    paint = Stylizer.paint

    def failing(self, picture, **options):
        if picture.width == 24:
            raise MemoryError
        return paint(self, picture, **options)

    monkeypatch.setattr(Stylizer, "paint", failing)
    ended = nst("stylize", "a.png", "b.png", "-o", "out", *style)
    assert ended.code == 3
    assert "a.png: more memory is needed than there is; choose a smaller size (--size)" in ended.err
    assert nst("stylize", "a.png", "-o", "x.png", *style).code == 5


class Copier:
    """Stands for a Stylizer; measures what is in use at some pictures."""

    def __init__(self, *measured: int) -> None:
        self.count, self.measured, self.sizes = 0, measured, []

    def paint(self, picture: Picture) -> Picture:
        self.count += 1
        if self.count in self.measured:
            gc.collect()  # garbage that waits is none that stays
            self.sizes.append(tracemalloc.get_traced_memory()[0])
        return picture

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        return height, width


def test_memory_is_flat_over_many_pictures(folder, monkeypatch) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    monkeypatch.setattr(
        "nst_rt.commands.stylize_run.read_picture",
        lambda source, limits, **options: Picture(np.zeros((32, 32, 3), np.uint8)),
    )
    plan = PaintingPlan(jobs=[PaintingJob("a.png", f"{index}.bmp") for index in range(1000)])
    with open("results", "wb") as file:  # noqa: PTH123 - a descriptor is wanted
        results, console, copier = Results(file.fileno()), Console(), Copier(200, 1000)
        run = StylizeRun(
            stylizer=copier,
            limits=PictureLimits(10**6),
            allow_truncated=False,
            encoding=PictureEncoding(
                background=(0, 0, 0), quality=90, strip_metadata=False, gray=False
            ),
            results=results,
            report=Report(plan, console, results, as_json=True),
            console=console,
        )
        tracemalloc.start()
        try:
            assert run.paint_all(plan) == 0
        finally:
            tracemalloc.stop()
    first, last = copier.sizes
    assert last - first < 100_000
