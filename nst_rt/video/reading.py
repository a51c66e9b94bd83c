"""Decoding one video stream of a file: every frame once, in display order, with its time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from nst_rt.errors import InputError, UsageError
from nst_rt.video.color import BT709_VIDEO, color_of, to_deep_rgb, to_rgb
from nst_rt.video.containers import open_input, pyav
from nst_rt.video.cut_off import missing_bytes
from nst_rt.video.facts import facts_of
from nst_rt.video.frames import Frame
from nst_rt.video.selection import EVERYTHING, Selection
from nst_rt.video.timing import Decoded, timed
from nst_rt.video.tonemap import ToneMap

logger = logging.getLogger(__name__)


@dataclass
class Repairs:
    """The damage of a stream that was repaired or skipped."""

    damaged_packets: int = 0
    logged: set[str] = field(default_factory=set)

    def warn_once(self, text: str) -> None:
        """Log a warning unless it was logged before."""
        if text not in self.logged:
            self.logged.add(text)
            logger.warning("%s", text)


class VideoReader:
    """The frames of one video stream of a file.

    Raises:
        UnsafeError: the file is a list of other files.
        InputError: it cannot be opened, has no video, no frame can be decoded, or its dynamic
            range is refused.
        UsageError: it has no such video stream.
    """

    def __init__(self, path: Path, selection: Selection = EVERYTHING) -> None:
        self.path, self.selection = path, selection
        self.repairs = Repairs()
        with open_input(path) as container:
            video = self._chosen(container)
            self.facts = facts_of(video, self._first(container, video))
        if selection.upright and self.facts.quarter_turns % 2:
            self.facts = replace(self.facts, aspect=1 / self.facts.aspect)
        if self.facts.color.hdr and selection.hdr == "refuse":
            raise InputError(
                f"is of high dynamic range ({self.facts.color.hdr}), which no style was trained on",
                path=path,
                cure='hdr="tonemap" (--hdr tonemap) maps it to standard range first',
            )
        self._tone_map: ToneMap | None = None
        if self.facts.color.hdr and selection.hdr == "tonemap":
            self._tone_map = ToneMap(self.facts.color.transfer)
            self.facts = replace(self.facts, color=BT709_VIDEO)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames, after any rotation."""
        facts = self.facts
        if self.selection.upright and facts.quarter_turns % 2:
            return facts.width, facts.height
        return facts.height, facts.width

    @property
    def count(self) -> int | None:
        """Expected number of frames, as far as the file states it."""
        selection, facts = self.selection, self.facts
        if not facts.rate:
            return facts.count
        if selection.duration is not None:
            return round(selection.duration * facts.rate)
        if facts.count is None:
            return None
        return max(0, facts.count - round(selection.start * facts.rate))

    def selected(self) -> Iterator[Decoded]:
        """Yield the frames of the selection, with times counted from its start."""
        start, end = self.selection.start, self.selection.end
        for decoded in self.decoded():
            if start and decoded.time < start:
                continue
            if end is not None and decoded.time >= end:
                return
            yield Decoded(decoded.frame, decoded.time - start, decoded.duration)

    def decoded(self) -> Iterator[Decoded]:
        """Yield every decoded frame; skip damaged packets and count them in `repairs`."""
        if self.facts.interlaced and not self.selection.deinterlace:
            self.repairs.warn_once(
                f"{self.path.name}: is interlaced, so that moving edges are painted as combs; pass "
                "deinterlace=True (--deinterlace)"
            )
        with open_input(self.path, hwaccel=self.selection.hwaccel) as container:
            video = self._chosen(container)
            video.thread_type = "AUTO"
            if self.selection.hwaccel and not video.codec_context.is_hwaccel:
                self.repairs.warn_once(
                    f"{self.path.name}: {self.selection.hwaccel} does not decode it here; software "
                    "does"
                )
            frames = self._frames(container, video)
            if self.selection.deinterlace and self.facts.interlaced:
                frames = _deinterlaced(frames, video)
            yield from timed(frames, video, self._warn_of_rebuilt_times)

    def frame(self, decoded: Decoded) -> Frame:
        """Convert a frame to RGB of `size`, the size of the first frame."""
        picture, facts = decoded.frame, self.facts
        if (picture.width, picture.height) != (facts.width, facts.height):
            self.repairs.warn_once(
                f"{self.path.name}: its size changes to {picture.width}x{picture.height}; it is "
                f"scaled to the first, {facts.width}x{facts.height}"
            )
        color = color_of(picture)
        if self._tone_map is not None:
            picture = self._tone_map.apply(to_deep_rgb(picture, color))
        rgb = to_rgb(picture, color, facts.width, facts.height)
        if self.selection.upright and facts.quarter_turns:
            rgb = np.ascontiguousarray(np.rot90(rgb, facts.quarter_turns))
        return Frame(rgb, decoded.time, decoded.duration)

    def _chosen(self, container: Any) -> Any:
        cover = pyav().stream.Disposition.attached_pic
        videos = [one for one in container.streams.video if not one.disposition & cover]
        if self.selection.stream is not None:
            for one in videos:
                if one.index == self.selection.stream:
                    return one
            here = ", ".join(str(one.index) for one in videos) or "none"
            raise UsageError(
                f"has no video stream {self.selection.stream}",
                path=self.path,
                cure=f"there are: {here}",
            )
        if not videos:
            raise InputError("has no video, only sound or data", path=self.path)
        return max(videos, key=lambda one: one.width * one.height)

    def _first(self, container: Any, video: Any) -> Any:
        for frame in self._frames(container, video):
            self.repairs = Repairs()
            return frame
        raise InputError("has no frame that can be decoded", path=self.path)

    def _frames(self, container: Any, video: Any) -> Iterator[Any]:
        errors = pyav().error
        packets = container.demux(video)
        read, promised = 0, len(video.index_entries) if video.frames else 0
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    self._warn_of_missing(read, promised)
                    return
                read += packet.size > 0
                for frame in packet.decode():
                    self.repairs.damaged_packets += frame.is_corrupt  # decoded all the same
                    yield frame
            except errors.InvalidDataError:
                self.repairs.damaged_packets += 1
            except errors.EOFError:
                return
            except OSError as error:  # a file that ends in the middle of a packet
                self.repairs.damaged_packets += 1
                self.repairs.warn_once(f"{self.path.name}: reading ended early ({error.strerror})")
                return

    def _warn_of_missing(self, read: int, promised: int) -> None:
        """Warn of a truncated file, which may end without an error if its index is in front."""
        absent = missing_bytes(self.path)
        if absent:
            self.repairs.damaged_packets += 1
            self.repairs.warn_once(
                f"{self.path.name}: ends {absent:,} bytes too early; copy or download it again"
            )
        if read < promised:
            self.repairs.damaged_packets += promised - read
            self.repairs.warn_once(
                f"{self.path.name}: ends after {read} of {promised} packets; copy or download it "
                "again"
            )

    def _warn_of_rebuilt_times(self) -> None:
        self.repairs.warn_once(
            f"{self.path.name}: times are missing or go back; they are rebuilt from the frame rate"
        )


def _deinterlaced(frames: Iterator[Any], video: Any) -> Iterator[Any]:
    """Deinterlace with bwdif, one frame for each interlaced one; pass others unchanged."""
    graph = None
    for frame in frames:
        if graph is None:
            graph = pyav().filter.Graph()
            graph.link_nodes(
                graph.add_buffer(template=video, time_base=video.time_base),
                graph.add("bwdif", "mode=send_frame:deint=interlaced"),
                graph.add("buffersink"),
            ).configure()
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _pulled(graph: Any) -> Iterator[Any]:
    errors = pyav().error
    while True:
        try:
            yield graph.pull()
        except (errors.BlockingIOError, errors.EOFError):
            return
