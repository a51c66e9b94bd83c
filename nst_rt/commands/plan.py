"""The plan of inputs and outputs, complete and checked before the first picture is painted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from nst_rt import zoo
from nst_rt.commands.naming import (
    STANDARD,
    Naming,
    choose_naming,
    has_format,
    paintings_among,
    perhaps_paintings,
)
from nst_rt.commands.search import Found, Search, is_folder
from nst_rt.errors import InputError, NstError, OutputError, UsageError, shown
from nst_rt.images import is_marked
from nst_rt.system.atomic import is_replaceable, remove_stale_parts

NOWHERE = (0, 0)
"""Identity of a file that does not exist."""
Existing = Literal["refuse", "overwrite", "skip"]


class PaintingJob(NamedTuple):
    """A picture to paint and the place of its painting; "-" is a standard stream."""

    source: str
    target: str


class Failure(NamedTuple):
    """An input that could not be painted, with its error."""

    source: str
    error: NstError


@dataclass
class PaintingPlan:
    """The jobs to paint, the inputs that failed, and the jobs whose paintings exist.

    `left_out` counts earlier paintings that a search found beside their photos; `into_folder` is
    whether all paintings go into one folder of their own.
    """

    jobs: list[PaintingJob] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[PaintingJob] = field(default_factory=list)
    left_out: int = 0
    into_folder: bool = False

    @property
    def total(self) -> int:
        return len(self.jobs) + len(self.failures) + len(self.skipped)


def make_plan(
    inputs: Sequence[str],
    out: str | None,
    *,
    style: str,
    existing: Existing = "refuse",
    in_place: bool = False,
    keep_ext: bool = False,
    is_stale: Callable[[PaintingJob], bool] = lambda job: False,
) -> PaintingPlan:
    """Find the pictures, name their paintings, and refuse what would lose any of them.

    Partial files of processes that died while writing into the same folders are removed.

    Args:
        inputs: files, folders, patterns, or "-" alone.
        out: a file, a folder, "-", or None for a place beside each photo.
        style: as given for the Stylizer.
        existing: what to do about existing outputs.
        in_place: whether a painting may replace its photo; without `out` each does.
        keep_ext: keep the photo's suffix in the name if the format changes.
        is_stale: whether an existing output is known to differ from the painting of this call; such
            outputs are not skipped.

    Raises:
        UsageError: two inputs would become one output, an output is an input, all outputs exist,
            or a format is unknown.
        OutputError: an output folder cannot be made or written.
    """
    naming = choose_naming(inputs, out, style, in_place=in_place, keep_ext=keep_ext)
    plan = _found(inputs, naming)
    _refuse_collisions(plan.jobs, keep_ext=keep_ext)
    if in_place:
        _refuse_unknown_formats(plan.jobs)
    plan.jobs = _protected(plan.jobs, in_place=in_place)
    folders = sorted({Path(job.target).parent for job in plan.jobs if job.target != STANDARD})
    for folder in folders:
        _refuse_unwritable(folder)
    for folder in folders:
        remove_stale_parts(folder)
    _settle_existing(plan, existing, is_stale)
    return plan


def _found(inputs: Sequence[str], naming: Naming) -> PaintingPlan:
    styles = {naming.style, *(card.name for card in zoo.cards())}

    def paintings(folder: Path, names: Iterable[str]) -> set[str]:
        known = paintings_among(names, styles)
        # styles of users have any name, so the metadata must tell whether the file is a painting
        rest = perhaps_paintings(names) - known
        return known | {name for name in rest if is_marked(folder / name)}

    search = Search(avoid=naming.folder, paintings=paintings)
    plan = PaintingPlan()
    for argument in dict.fromkeys(inputs):
        if argument == STANDARD:
            found: Iterable[Found | InputError] = [Found(STANDARD, STANDARD)]
        else:
            found = search.find(argument)
        for one in found:
            if isinstance(one, Found):
                plan.jobs.append(PaintingJob(one.path, naming.target(one)))
            else:
                plan.failures.append(Failure(argument, one))
    plan.left_out = search.left_out
    plan.into_folder = naming.folder is not None
    return plan


def _refuse_collisions(jobs: list[PaintingJob], *, keep_ext: bool) -> None:
    """Refuse two inputs with one output; drop repeated inputs."""
    sources: dict[str, str] = {}
    parents: dict[Path, Path] = {}
    kept: list[PaintingJob] = []
    for job in jobs:
        target = Path(job.target)
        if target.parent not in parents:
            parents[target.parent] = target.parent.resolve()
        key = os.path.normcase(parents[target.parent] / target.name)
        other = sources.setdefault(key, job.source)
        if other is job.source:
            kept.append(job)
        elif not _is_same_file(other, job.source):
            raise _collision(other, job, keep_ext=keep_ext)
    jobs[:] = kept


def _collision(other: str, job: PaintingJob, *, keep_ext: bool) -> UsageError:
    same_name = keep_ext or Path(other).name == Path(job.source).name
    return UsageError(
        f"{shown(other)} and {shown(job.source)} would both become {shown(job.target)}",
        cure="paint them into different folders" if same_name else "add --keep-ext",
    )


def _refuse_unknown_formats(jobs: list[PaintingJob]) -> None:
    for job in jobs:
        if not has_format(job.target):
            raise UsageError(
                "pictures are not written in this format", path=job.target, cure="give -o"
            )


def _protected(jobs: list[PaintingJob], *, in_place: bool) -> list[PaintingJob]:
    """Return the jobs, after refusing outputs that are inputs or links to them unless `in_place`.

    With `in_place`, a link stays and the picture behind it is replaced.
    """
    if not any(os.path.lexists(job.target) for job in jobs):
        return jobs
    sources = {_identity(job.source): job.source for job in jobs if job.source != STANDARD}
    sources.pop(NOWHERE, None)
    result = []
    for job in jobs:
        source = None if job.target == STANDARD else sources.get(_identity(job.target))
        if source is None:
            result.append(job)
            continue
        if not in_place or source != job.source:
            raise UsageError(
                f"the output {shown(job.target)} is the input {shown(source)}, or a link to it",
                cure="choose another -o" if in_place else "choose another -o, or add --in-place",
            )
        result.append(PaintingJob(job.source, os.path.realpath(job.target)))
    return result


def _identity(path: str) -> tuple[int, int]:
    """Return the device and inode of a file, which all its names share."""
    try:
        status = Path(path).stat()
    except OSError:
        return NOWHERE
    return status.st_dev, status.st_ino


def _refuse_unwritable(folder: Path) -> None:
    """Refuse a folder if it, or its nearest existing parent, cannot be written into."""
    nearest = folder
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    if not is_folder(nearest):
        raise OutputError(
            "is a file where a folder is needed", path=nearest, cure="choose another -o"
        )
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError("cannot be written into", path=nearest, cure="choose another -o")


def _settle_existing(
    plan: PaintingPlan, existing: Existing, is_stale: Callable[[PaintingJob], bool]
) -> None:
    """Skip, fail or keep the jobs whose output exists, apart from photos replaced in place."""
    present = [job for job in plan.jobs if job.target != STANDARD and os.path.lexists(job.target)]
    for job in present:
        if is_folder(job.target):
            raise OutputError("is a folder", path=job.target, cure="choose another -o")
        if not is_replaceable(Path(job.target)):
            raise OutputError(
                "is neither a file nor a link", path=job.target, cure="give -o - and redirect it"
            )
    present = [job for job in present if not _is_same(job)]
    if not present or existing == "overwrite":
        return
    taken = set(present)
    if existing == "skip":
        stale = set(filter(is_stale, present))
        plan.skipped = [job for job in present if job not in stale]
        present = [job for job in present if job in stale]
    if present and len(present) == len(plan.jobs):
        raise _exists(present[0].target, len(present), existing)
    plan.failures += [Failure(job.source, _exists(job.target, 1, existing)) for job in present]
    plan.jobs = [job for job in plan.jobs if job not in taken]


def _exists(target: str, count: int, existing: Existing) -> UsageError:
    others = f", as do all {count:,} outputs" if count > 1 else ""
    cure = "add --overwrite or --skip-existing"
    if existing == "skip":
        others += ", from another photo, in another style or with other options"
        cure = "add --overwrite, or choose another -o"
    return UsageError(f"exists already{others}", path=target, cure=cure)


def _is_same(job: PaintingJob) -> bool:
    return _identity(job.source) == _identity(job.target) != NOWHERE


def _is_same_file(one: str, other: str) -> bool:
    """Return whether two paths name the same file, existing or not."""
    return Path(one) == Path(other) or _identity(one) == _identity(other) != NOWHERE
