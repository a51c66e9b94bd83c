"""`python -m benchmarks.gpu`, see the package."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import torch

from benchmarks import measure
from benchmarks.gpu.comparison import Row, parity, speed
from benchmarks.gpu.device import Device, first_gpu
from benchmarks.gpu.floor import ceilings, work
from benchmarks.gpu.options import OPTION_MAKERS
from benchmarks.gpu.timing import Budget, reason
from benchmarks.gpu.ways import COMPILED, FORM_MAKERS, MAKERS, Style
from benchmarks.photos import fit
from nst_rt import zoo
from nst_rt.diagnosis.packages import versions
from nst_train.photo_files import find_photos

SIZES = ((1080, 1920), (720, 1280), (2160, 3840))
"""Heights and widths, the most important first."""
LIKENESS = (720, 1280)
"""Height and width of the pictures that every style paints."""
EXAMPLES = Path(__file__).parents[2] / "examples/photos"
BUDGET_S = {True: 240, False: 480}
"""Seconds with --quick (True) and in full; a step that has begun is not broken off."""


@click.command()
@click.argument("style", default="starry-night")
@click.option(
    "--photos",
    type=click.Path(exists=True, path_type=Path),
    default=EXAMPLES,
    show_default="examples/photos",
)
@click.option("--quick", is_flag=True, help="One style, two sizes.")
@click.option("--compile/--no-compile", "with_compiler", default=True, show_default=True)
@click.option("--forms", is_flag=True, help="Also other forms of the graph.")
@click.option(
    "--options", is_flag=True, help="Options of ONNX Runtime's CUDA provider instead, one size."
)
@click.option("--rounds", type=click.IntRange(1), help="Of timing.  [5, --quick: 3]")
@click.option(
    "--budget", type=click.IntRange(1), metavar="SECONDS", help="What does not fit is left out."
)
@measure.results_option
def gpu(
    style: str,
    photos: Path,
    quick: bool,
    with_compiler: bool,
    forms: bool,
    options: bool,
    rounds: int | None,
    budget: int | None,
    results: Path,
) -> None:
    """Time a shipped style on the first GPU beside PyTorch, and compare all paintings with its."""
    device = first_gpu()
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    with tempfile.TemporaryDirectory() as folder:
        # engines that are built here are no user's, and none of a user's is measured
        os.environ["NST_RT_CACHE"] = folder
        rounds = rounds or (3 if quick else 5)
        program = Program(style, device, Path(folder), results, quick=quick, rounds=rounds)
        makers = MAKERS | (FORM_MAKERS if forms else {})
        program.makers = {
            name: maker for name, maker in makers.items() if with_compiler or name != COMPILED
        }
        if options:
            program.name, program.makers = "gpu-options", OPTION_MAKERS
            program.sizes, program.styles = SIZES[:1], []
        program.run(find_photos(photos)[0], Budget(budget or BUDGET_S[quick]))


class Program:
    """A measurement of many steps, whose results are on disk after each."""

    def __init__(
        self,
        style: str,
        device: Device,
        scratch: Path,
        results: Path,
        *,
        quick: bool,
        rounds: int,
    ) -> None:
        self.style, self.device, self.scratch, self.results = style, device, scratch, results
        self.rounds, self.name, self.makers = rounds, "gpu", MAKERS
        self.sizes = SIZES[:2] if quick else SIZES
        others = [] if quick else [card.name for card in zoo.cards()]
        self.styles = list(dict.fromkeys([style, *others]))
        self.facts = {**measure.machine(threads=torch.get_num_threads()), **device.facts()}
        self.facts["versions"] |= versions()
        self.speed: list[Row] = []
        self.parity: list[Row] = []
        self.failed: list[str] = []
        self.limits = (0.0, 0.0)

    def run(self, photo: Path, budget: Budget) -> None:
        """Run all steps, the most important first."""
        style = Style(self.style, self.device, self.scratch)
        self.limits = ceilings(self.device)
        first, *more = self.sizes
        steps: list[Callable[[], None]] = [
            partial(self._measure_speed, style, photo, first, budget),
            *(partial(self._measure_likeness, name, photo, budget, False) for name in self.styles),
            *(partial(self._measure_speed, style, photo, size, budget) for size in more),
            *(partial(self._measure_likeness, name, photo, budget, True) for name in self.styles),
        ]
        for step in steps:
            try:
                step()
            except Exception as error:  # one that fails takes no other with it
                self.failed.append(reason(error))
            self._keep(budget)
        self._tell(budget)

    def _measure_speed(
        self, style: Style, photo: Path, size: tuple[int, int], budget: Budget
    ) -> None:
        floor_s = work(style.network, *size).floor_s(*self.limits)
        rows = speed(
            style, fit(photo, *size)[None], self.makers,
            rounds=self.rounds, floor_s=floor_s, budget=budget,
        )  # fmt: skip
        self.speed += rows
        print(_table(rows), flush=True)

    def _measure_likeness(self, name: str, photo: Path, budget: Budget, compiles: bool) -> None:
        style = Style(name, self.device, self.scratch)
        makers = {way: one for way, one in self.makers.items() if one.compiles == compiles}
        self.parity += parity(style, fit(photo, *LIKENESS)[None], makers, budget)

    def _keep(self, budget: Budget) -> None:
        contents = {
            "style": self.style,
            "limits": dict(zip(("operations_per_s", "bytes_per_s"), self.limits, strict=True)),
            "speed": self.speed,
            "parity": self.parity,
            "failed": self.failed,
            "left out": budget.left_out,
        }
        words = re.sub(r"[^a-z0-9]+", "-", str(self.facts["gpu"]).lower()).strip("-")
        measure.write_results(f"{self.name}-{words}", self.facts, contents, self.results)

    def _tell(self, budget: Budget) -> None:
        facts = self.facts
        print(f"\n{facts['gpu']}, driver {facts['driver']}, CUDA of PyTorch {facts['torch_cuda']}")
        measure.show(facts, _table(self.speed), _table(self.parity))
        for row in (*self.speed, *self.parity):
            if "error" in row:
                where = row.get("size") or row["style"]
                print(f"does not work: {row['way']}, {where}: {row['error']}")
        for why in self.failed:
            print(f"failed: {why}")
        for what in budget.left_out:
            print(f"left out, no time: {what}")


def _table(rows: list[Row]) -> str:
    """Return a table of the measurements, without the errors."""
    columns = dict.fromkeys(key for row in rows for key in row if key != "error")
    return measure.markdown([row for row in rows if "psnr" in row], list(columns))


if __name__ == "__main__":
    measure.run(gpu)
