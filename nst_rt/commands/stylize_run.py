"""The loop of `nst-rt stylize` over pictures: one that fails does not stop the rest."""

from __future__ import annotations

import errno
import logging
import stat
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TypedDict

from nst_rt.commands.console import Console
from nst_rt.commands.exit_codes import SOME_FAILED, as_known, internal_error_line
from nst_rt.commands.naming import STANDARD
from nst_rt.commands.plan import PaintingJob, PaintingPlan
from nst_rt.commands.provenance import Provenance
from nst_rt.commands.report import Report
from nst_rt.commands.stdout import Results
from nst_rt.errors import InputError, NstError, OutputError, UsageError, shown
from nst_rt.images import (
    Picture,
    PictureLimits,
    check_fits,
    encode_picture,
    format_of,
    mark,
    read_picture,
    write_picture,
)
from nst_rt.stylizer import Stylizer
from nst_rt.system.atomic import DISK_FULL

logger = logging.getLogger(__name__)

_DISK = (*DISK_FULL, errno.EROFS, errno.EIO)


class PictureEncoding(TypedDict):
    """Keyword arguments of `encode_picture` and `write_picture`."""

    background: tuple[int, int, int]
    quality: int
    strip_metadata: bool
    gray: bool


@dataclass(frozen=True)
class StylizeRun:
    """One run over pictures: reads, paints, writes and reports one after the other."""

    stylizer: Stylizer
    limits: PictureLimits
    allow_truncated: bool
    encoding: PictureEncoding
    results: Results
    report: Report
    console: Console
    provenance: Provenance | None = None
    """Records every painting that was written."""

    def paint_all(self, plan: PaintingPlan) -> int:
        """Paint every job and return the exit code.

        An error that the next picture would meet as well ends the loop: a full disk, a model that
        takes no pictures, a device that is gone.
        """
        codes = report_settled(plan, self.report)
        for job in plan.jobs:
            start = perf_counter()
            try:
                painted, size = self._paint(job)
            except BrokenPipeError:
                raise
            except Exception as error:
                codes.append(self._failed(job, error))
                if _stops_all(error):
                    return codes[-1]
            else:
                self.report.done(
                    job,
                    width=painted.width,
                    height=painted.height,
                    painted_at=size,
                    seconds=perf_counter() - start,
                )
        return exit_code(plan, codes)

    def _paint(self, job: PaintingJob) -> tuple[Picture, tuple[int, int]]:
        """Return the written painting, and the height and width that it was painted at."""
        source = _standard_input() if job.source == STANDARD else _regular_file(job.source)
        picture = read_picture(source, self.limits, allow_truncated=self.allow_truncated)
        to_stdout = job.target == STANDARD
        check_fits(picture, picture.format if to_stdout else format_of(Path(job.target)))
        size = self.stylizer.working_size(picture.height, picture.width)
        painted = mark(self.stylizer.paint(picture))
        logger.info(
            "%s: %dx%d, painted at %dx%d",
            _name(job.source), picture.width, picture.height, size[1], size[0],
        )  # fmt: skip
        if to_stdout:
            self.results.write(encode_picture(painted, **self.encoding))
        else:
            write_picture(painted, Path(job.target), **self.encoding)
            if self.provenance:
                self.provenance.record(job)
        return painted, size

    def _failed(self, job: PaintingJob, error: Exception) -> int:
        if self.console.debug:
            traceback.print_exception(error)
        known = as_known(error)
        message = str(known) if known else internal_error_line(error)
        if known is None or known.path is None:
            message = f"{_name(job.source)}: {message}"
        code = known.exit_code if known else 1
        self.report.failed(job.source, message, code)
        return code


def report_settled(plan: PaintingPlan, report: Report) -> list[int]:
    """Report the jobs that the plan skipped or failed; return the exit codes of the failures."""
    for job in plan.skipped:
        report.skipped(job)
    for source, error in plan.failures:
        report.failed(source, str(error), error.exit_code)
    return [error.exit_code for _, error in plan.failures]


def exit_code(plan: PaintingPlan, codes: list[int]) -> int:
    """Return the exit code of the only input, or "some failed" for several."""
    if not codes:
        return 0
    return codes[0] if plan.total == 1 else SOME_FAILED


def _stops_all(error: Exception) -> bool:
    if isinstance(error, OutputError):
        return getattr(error.__cause__, "errno", None) in _DISK
    return isinstance(error, NstError) and not isinstance(error, InputError | UsageError)


def _name(source: str) -> str:
    return "standard input" if source == STANDARD else shown(source)


def _regular_file(source: str) -> Path:
    """Return the path, unless reading it might never end."""
    path = Path(source)
    with suppress(OSError):  # reading it reports why
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InputError(
                "is neither a file nor a folder", path=path, cure="pipe it in, and give -"
            )
    return path


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise InputError("standard input is closed")
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal", cure="give a file, or: … - < photo.jpg")
    return sys.stdin.buffer.read()
