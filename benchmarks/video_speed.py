"""How much of what the stages could do does a painted video get, and how fast is a plain loop?

    python -m benchmarks.video_speed --photos FOLDER [STYLE]

A 720p clip made here (x264 veryfast, CRF 20) is painted by `nst_rt.video.converting.convert`; then
every stage runs alone over the same frames, which gives the two bounds that no pipeline can pass:
the slowest stage alone, and the processors divided by the processor time that a frame costs. The
plain loop reads with OpenCV, paints with PyTorch and writes with OpenCV. Last, stages that sleep
show the pipeline itself.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks import measure
from benchmarks.clips import glide_over, make_clip
from benchmarks.peers.plain_video import paint_video
from benchmarks.styles import shipped
from nst_rt import Stylizer
from nst_rt.pipeline import Pipeline, Stage
from nst_rt.video.color import from_rgb
from nst_rt.video.converting import convert
from nst_rt.video.encoding import ChosenEncoder, Encoding, choose_encoder
from nst_rt.video.frames import Frame
from nst_rt.video.job import ConversionJob
from nst_rt.video.painters import StylePainter
from nst_rt.video.parts import PartWriter
from nst_rt.video.reading import VideoReader
from nst_train.photos import find_photos
from nst_train.style_file import load_style

GOALS = {"of the bound": 0.9, "of the sleeping bound": 0.9, "times the plain loop": 2.0}
SLEEPS_S = {"source": 0.004, "to rgb": 0.006, "paint": 0.020, "to yuv": 0.005, "encode": 0.012}
"""Seconds that the stages of a pipeline of nothing but sleep take; "paint" has two workers."""
RATE = 30
"""Frames a second of the clip."""

Timed = tuple[float, float]
"""Seconds of wall time and of processor time."""


def timed(work: Callable[[], object]) -> Timed:
    """Return how long `work` takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


class Stages:
    """The stages of a conversion, each alone, over the same frames."""

    def __init__(self, clip: Path, stylizer: Stylizer, folder: Path) -> None:
        self.reader, self.folder, self.clip = VideoReader(clip), folder, clip
        self.painter = StylePainter(stylizer)
        facts = self.reader.facts
        size = (facts.height, facts.width)
        self.encoder: ChosenEncoder = choose_encoder(Encoding(), folder / "x.mp4", facts, size)
        self.decoded = list(self.reader.decoded())
        self.frames = [self.reader.frame(one) for one in self.decoded]
        self.painted = [self.painter.paint(frame) for frame in self.frames]
        self.coded = [self._to_yuv(frame) for frame in self.painted]

    def alone(self) -> dict[str, Callable[[], object]]:
        return {
            "decode": lambda: sum(1 for _ in self.reader.decoded()),
            "to rgb": lambda: [self.reader.frame(one).time for one in self.decoded],
            "paint": self._paint,
            "to yuv": lambda: [self._to_yuv(frame).width for frame in self.painted],
            "encode": self._encode,
        }

    def together(self) -> None:
        convert(self.clip, self.folder / "together.mp4", self.painter, overwrite=True)

    def _paint(self) -> None:
        with ThreadPoolExecutor(self.painter.workers) as threads:
            for _ in threads.map(self.painter.paint, self.frames):
                pass

    def _to_yuv(self, frame: Frame) -> Any:
        return from_rgb(frame.rgb, self.reader.facts.color, self.encoder.pixel_format)

    def _encode(self) -> None:
        facts = self.reader.facts
        with ConversionJob(self.folder / "alone.mp4", {}, overwrite=True) as job:
            writer = PartWriter(job, self.encoder, facts, (facts.height, facts.width))
            for picture, frame in zip(self.coded, self.frames, strict=True):
                writer.write(picture, frame.time, frame.duration)
            writer.finish()
            job.discard()


def sleeping_pipeline(items: int) -> float:
    """Return the seconds that a pipeline of sleeping stages takes for an item."""

    def asleep(name: str) -> Callable[[Any], Any]:
        def work(item: Any) -> Any:
            time.sleep(SLEEPS_S[name])
            return item

        return work

    def source() -> Iterator[int]:
        for index in range(items):
            time.sleep(SLEEPS_S["source"])
            yield index

    stages = [
        Stage(name, asleep(name), workers=2 if name == "paint" else 1)
        for name in list(SLEEPS_S)[1:]
    ]
    began = time.perf_counter()
    with Pipeline(source(), *stages) as results:
        count = sum(1 for _ in results)
    return (time.perf_counter() - began) / count


def bounds(alone: dict[str, Timed], frames: int, cpus: int) -> dict[str, float]:
    """Return the frames per second that no pipeline of these stages can pass."""
    return {
        "slowest stage alone": frames / max(wall for wall, _ in alone.values()),
        "processors": cpus * frames / sum(cpu for _, cpu in alone.values()),
    }


@click.command()
@click.argument("style", default="starry-night")
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--frames", type=click.IntRange(30), default=120, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@measure.threads_option
@measure.results_option
def video_speed(
    style: str, photos: Path, frames: int, rounds: int, threads: int, results: Path
) -> None:
    """Time the conversion of a 720p clip beside its stages and a plain loop."""
    card = shipped(style)
    torch.set_num_threads(threads)
    facts = measure.machine(threads=threads)
    network, _ = load_style(card.file("checkpoint"))
    network = network.to(memory_format=torch.channels_last)
    rows = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        Stylizer(style, device="cpu", threads=threads, parallel=threads, size="full") as stylizer,
    ):
        info = stylizer.info
        pictures = glide_over(find_photos(photos), frames=frames, rate=RATE)
        clip = make_clip(
            Path(scratch) / "clip.mp4", pictures, rate=RATE, preset="veryfast", crf="20"
        )
        stages = Stages(clip, stylizer, Path(scratch))
        bf16 = info.precision == "bf16"
        plain_target = Path(scratch) / "plain.mp4"
        for _ in range(rounds):
            together = timed(stages.together)
            alone = {name: timed(work) for name, work in stages.alone().items()}
            again = timed(stages.together)
            plain = timed(lambda: paint_video(network, clip, plain_target, bf16=bf16))
            rows.append(_row(together, again, alone, plain, frames, threads))
    sleeping = [sleeping_pipeline(100) for _ in range(rounds)]
    bound = max(seconds / (2 if name == "paint" else 1) for name, seconds in SLEEPS_S.items())
    ratios = {
        "of the bound": statistics.median(row["of the bound"] for row in rows),
        "of the sleeping bound": bound / statistics.median(sleeping),
        "times the plain loop": statistics.median(row["times the plain loop"] for row in rows),
    }
    setting = {
        "style": style,
        "provider": info.provider,
        "precision": info.precision,
        "frames": frames,
        "encoder": stages.encoder.as_dict(),
    }
    contents = {**setting, "rounds": rows, "sleeping_s": sleeping, "ratios": ratios, "goals": GOALS}
    measure.write_results("video_speed", facts, contents, results)
    summary = [
        {"ratio": name, "measured": round(value, 3), "goal": GOALS[name]}
        for name, value in ratios.items()
    ]
    measure.show(
        facts,
        f"{info.provider}, {info.precision}, {frames} frames of 1280x720",
        measure.markdown(rows),
        measure.markdown(summary),
    )


def _row(
    together: Timed,
    again: Timed,
    alone: dict[str, Timed],
    plain: Timed,
    frames: int,
    cpus: int,
) -> dict[str, Any]:
    """Return the row of a round: frames per second of the parts, between two runs of the whole."""
    rate = 2 * frames / (together[0] + again[0])
    limits = bounds(alone, frames, cpus)
    return {
        "together fps": round(rate, 2),
        **{f"{name} fps": round(frames / wall, 1) for name, (wall, _) in alone.items()},
        "processors fps": round(limits["processors"], 2),
        "of the bound": round(rate / min(limits.values()), 3),
        "plain loop fps": round(frames / plain[0], 2),
        "times the plain loop": round(rate / (frames / plain[0]), 2),
    }


if __name__ == "__main__":
    measure.run(video_speed)
