"""Does the memory of a conversion stay where it is, however long the video?

    python -m benchmarks.video_memory [STYLE]

A clip of many small frames is painted in a process of its own; the memory that this process holds
is read every 100 frames, and a straight line is laid through the second half. The exit code is 1
when it rises by a MiB in 10,000 frames or more.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import click
import numpy as np

from benchmarks import measure
from benchmarks.clips import make_clip
from nst_rt.errors import NstError
from nst_rt.pixels import Pixels

GOAL_MIB = 1.0
"""Greatest rise per 10,000 frames that counts as none."""
EVERY = 100
WIDTH, HEIGHT = 64, 48

_PAINT = """
import json, os, sys
from pathlib import Path
from nst_rt import Stylizer
from nst_rt.video import StylePainter, convert

def progress(done, total):
    if done % int(sys.argv[4]) == 0:
        pages = Path("/proc/self/statm").read_text().split()[1]
        seen.append([done, int(pages) * os.sysconf("SC_PAGE_SIZE")])

seen = []
with Stylizer(sys.argv[3], threads=1, size="full") as stylizer:
    done = convert(Path(sys.argv[1]), Path(sys.argv[2]), StylePainter(stylizer), progress=progress)
print(json.dumps({"frames": done.frames, "seconds": done.seconds, "seen": seen}))
"""


def wandering_grey(frames: int) -> Iterator[Pixels]:
    """Yield frames that differ and cost next to nothing."""
    for index in range(frames):
        yield np.full((HEIGHT, WIDTH, 3), index % 251, np.uint8)


def measured(clip: Path, target: Path, style: str) -> dict[str, Any]:
    """Paint in a fresh interpreter; return frames, seconds, and bytes held after so many frames."""
    command = [sys.executable, "-c", _PAINT, str(clip), str(target), style, str(EVERY)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NstError(f"the conversion failed ({done.stderr.strip().splitlines()[-1]})")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def rise_mib(seen: list[tuple[int, int]]) -> float:
    """Return MiB per 10,000 frames of the straight line through the second half."""
    frames, held = np.array(seen[len(seen) // 2 :], float).T
    return float(np.polyfit(frames, held, 1)[0]) * 10_000 / (1 << 20)


@click.command()
@click.argument("style", default="starry-night")
@click.option("--frames", type=click.IntRange(1000), default=20_000, show_default=True)
@measure.results_option
def video_memory(style: str, frames: int, results: Path) -> None:
    """Paint many small frames and watch the memory."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = wandering_grey(frames)
        clip = make_clip(Path(folder) / "clip.mp4", pictures, rate=25, preset="ultrafast")
        found = measured(clip, Path(folder) / "painted.mp4", style)
    if found["frames"] != frames:
        raise NstError(f"{frames} frames became {found['frames']}")
    seen, rise = found["seen"], rise_mib(found["seen"])
    held = [round(size / (1 << 20), 1) for _, size in seen]
    row = {
        "frames": frames,
        "frames per second": round(frames / found["seconds"], 1),
        "MiB after 100": held[0],
        "MiB half-way": held[len(held) // 2],
        "MiB at the end": held[-1],
        "MiB per 10,000 frames": round(rise, 3),
        "goal": GOAL_MIB,
    }
    facts = measure.machine(threads=1)
    facts["versions"]["av"] = av.__version__
    contents = {"style": style, "rows": [row], "held_mib": held}
    measure.write_results("video_memory", facts, contents, results)
    measure.show(facts, measure.markdown([row]))
    if rise >= GOAL_MIB:
        sys.exit(1)


if __name__ == "__main__":
    measure.run(video_memory)
