"""What the page on GPUs says of engines is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nst_export.engine.profiles import make_profile
from nst_rt.commands.export import export
from nst_rt.commands.stylize import stylize
from nst_rt.commands.video import video
from nst_rt.nvidia.tensorrt import PORTABLE_TO
from nst_rt.sizes import size_text

ROOT = Path(__file__).parents[2]
MESSAGES = [
    *ROOT.glob("export/nst_export/engine/*.py"),
    *ROOT.glob("nst_rt/nvidia/*.py"),
    *ROOT.glob("nst_rt/engines/*.py"),
    *ROOT.glob("nst_rt/model/*.py"),
    *ROOT.glob("nst_rt/sessions/*.py"),
]


@pytest.fixture
def page() -> str:
    return (ROOT / "docs/gpu.md").read_text(encoding="utf-8").partition("## Engines")[2]


def test_options_and_defaults_exist(page: str) -> None:
    params = [*export.params, *stylize.params, *video.params]
    known = {option for parameter in params for option in parameter.opts}
    assert set(re.findall(r"--[a-z][a-z-]+", page)) <= known
    profile = make_profile()
    sizes = [size_text(size) for size in (profile.min, profile.opt, profile.max)]
    assert f"{sizes[0]}, {sizes[1]} and {sizes[2]} if you say nothing" in " ".join(page.split())
    assert f"{', '.join(PORTABLE_TO[:-1])} and {PORTABLE_TO[-1]}" in page


def test_figures_of_memory_are_those_of_the_results(page: str) -> None:
    results = json.loads((ROOT / "benchmarks/results/engines.json").read_text(encoding="utf-8"))
    table = page.partition("### Memory")[2].partition("### Trust")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[6:]]
    shown = [cells for cells in rows if len(cells) == 5 and cells[3][:1].isdigit()]
    assert shown == [
        [
            row["largest picture"],
            row["special"],
            row["precision"],
            str(row["GPU memory MiB"]),
            str(row["file MiB"]),
        ]
        for row in results["rows"]
    ]


def test_messages_are_ours(page: str) -> None:
    """Each message of the table is in the code, up to what is filled in."""
    texts = " ".join(path.read_text(encoding="utf-8") for path in MESSAGES)
    texts = re.sub(r'"\s*f?"', "", texts).replace("{library.title}", "TensorRT").replace("%s", "{}")
    code = re.sub(r"{[^}]*}", "…", texts)
    table = page.partition("### When it does not work")[2]
    told = re.findall(r"^\| ([^|]+) \|", table, flags=re.MULTILINE)[2:]
    assert len(told) > 10
    assert [message for message in told if message not in code] == [
        "The timing cache will not be used"  # TensorRT's own
    ]
