"""Is a conversion that was killed and resumed, again and again, the one that never stopped?

    python -m benchmarks.video_resume [STYLE]

`nst-rt video` is killed (SIGKILL) at random moments between its start and the time that it takes,
and resumed, until it is done; then what a decoder makes of every frame is compared with the video
of a run that was left alone. This goes on until so many kills are done. The exit code is 1 when a
frame differs, or when a kill cost more frames than a part holds.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import click
import numpy as np

from benchmarks import measure
from benchmarks.clips import make_clip
from nst_rt.errors import NstError
from nst_rt.pixels import Pixels

RATE, SECONDS, PART_SECONDS = 25, 12, 1.0
WIDTH, HEIGHT = 160, 96
_RUN = "from nst_rt.commands import main; main()"


def moving_noise() -> Iterator[Pixels]:
    """Yield noise that moves over stripes: every frame is another one."""
    noise = np.random.default_rng(0).integers(0, 80, (HEIGHT, 2 * WIDTH, 3), np.uint8)
    for index in range(RATE * SECONDS):
        stripes = (np.arange(WIDTH) // 8 + index // 4) % 2 * 120
        shift = index % WIDTH
        picture = noise[:, shift : shift + WIDTH] + stripes[None, :, None].astype(np.uint8)
        yield np.ascontiguousarray(picture)


def decoded(path: Path) -> list[str]:
    """Return every frame's time and a hash of its pixels."""
    with av.open(str(path)) as container:
        return [
            f"{frame.pts * frame.time_base} {hashlib.md5(frame.to_ndarray().tobytes()).hexdigest()}"
            for frame in container.decode(video=0)
        ]


def start(clip: Path, target: Path, style: str, *options: str) -> subprocess.Popen[bytes]:
    arguments = ["-q", "video", str(clip), str(target), "--style", style, "--size", "64", "--json"]
    parts = ["--part-seconds", str(PART_SECONDS)]
    command = [sys.executable, "-c", _RUN, *arguments, *parts, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finished(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return the result of a conversion that was left alone."""
    out, err = process.communicate()
    if process.returncode:
        raise NstError(f"nst-rt video ended with {process.returncode} ({err.decode().strip()})")
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


def kept_frames(folder: Path) -> int:
    """Return how many frames the finished parts of an unfinished job hold."""
    notes = [json.loads(note.read_bytes()) for note in folder.glob("0*.json")]
    return sum(note["frames"] for note in notes)


class Trial:
    """A series of conversions that are killed and resumed, beside one that is not."""

    def __init__(self, folder: Path, style: str, seed: int) -> None:
        pictures = moving_noise()
        self.clip = make_clip(folder / "clip.mp4", pictures, rate=RATE, preset="veryfast")
        self.style = style
        self.chance = random.Random(seed)
        began = time.perf_counter()
        finished(start(self.clip, folder / "alone.mp4", style))
        self.usual_s = time.perf_counter() - began
        self.expected = decoded(folder / "alone.mp4")
        self.target = folder / "killed.mp4"

    def run(self, kills: int) -> list[dict[str, Any]]:
        """Run one conversion, killed at most `kills` times; return a row for each process."""
        rows: list[dict[str, Any]] = []
        self.target.unlink(missing_ok=True)
        while True:
            resume = ["--resume"] if self._folder().exists() else []
            process = start(self.clip, self.target, self.style, *resume)
            painted = 0
            if len(rows) < kills and self._kill(process):
                rows.append({"killed": True, "kept frames": kept_frames(self._folder())})
                if self._folder().exists() or not self.target.exists():
                    continue  # else it was killed after its work
            else:
                painted = finished(process)["painted"]
            same = decoded(self.target) == self.expected
            return [*rows, {"killed": False, "painted at last": painted, "same": same}]

    def _kill(self, process: subprocess.Popen[bytes]) -> bool:
        """Kill it at a random moment; return whether it still ran."""
        try:
            process.wait(self.chance.uniform(0, self.usual_s))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        return False

    def _folder(self) -> Path:
        return self.target.with_name(f".{self.target.name}.nst-rt-job")


@click.command()
@click.argument("style", default="starry-night")
@click.option("--kills", type=click.IntRange(1), default=20, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@measure.results_option
def video_resume(style: str, kills: int, seed: int, results: Path) -> None:
    """Kill and resume conversions."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder), style, seed)
        while (done := sum(row["killed"] for row in rows)) < kills:
            rows += trial.run(min(5, kills - done))
    ends = [row for row in rows if not row["killed"]]
    frames = RATE * SECONDS
    lost = [
        frames - before["kept frames"] - after["painted at last"]
        for before, after in pairwise(rows)
        if before["killed"] and not after["killed"]
    ]
    row = {
        "kills": sum(row["killed"] for row in rows),
        "conversions": len(ends),
        "frames each": frames,
        "same to the last bit": sum(row["same"] for row in ends),
        "finished frames painted again": -min([0, *lost]),
    }
    facts = measure.machine(threads=2)
    facts["versions"]["av"] = av.__version__
    contents = {"style": style, "seed": seed, "rows": [row], "processes": rows}
    measure.write_results("video_resume", facts, contents, results)
    measure.show(facts, measure.markdown([row]))
    if row["same to the last bit"] < len(ends) or row["finished frames painted again"]:
        sys.exit(1)


if __name__ == "__main__":
    measure.run(video_resume)
