"""Small clips that the tests make."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

MS = Fraction(1, 1000)
BARS = 8
"""Every frame shows its number in binary, as so many white and black bars."""
KR_KB = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""What the matrices of H.273 are made from, by their numbers."""
UNTAGGED_MATRIX = 6
"""What a clip without tags is coded by: BT.601."""
_ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


@dataclass(frozen=True)
class Sound:
    """A track of a tone; `start` and `seconds` say when it is heard."""

    codec: str = "aac"
    rate: int = 8000
    start: Fraction = Fraction(0)
    seconds: Fraction = Fraction(384, 1000)
    language: str = "und"
    default: bool = True


@dataclass(frozen=True)
class Text:
    """A subtitle track: milliseconds at which each line appears and stays, and the line."""

    codec: str
    lines: tuple[tuple[int, int, str], ...] = ((40, 80, "one"), (200, 120, "two"))
    language: str = "und"


def numbered(index: int, height: int, width: int) -> np.ndarray:
    """RGB pixels that show a number below 256."""
    bits = np.array([255 * (index >> bit & 1) for bit in range(BARS)], np.uint8)
    row = bits[np.arange(width) * BARS // width]
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def noisy(index: int, height: int, width: int) -> np.ndarray:
    """A number over noise, so that a frame takes some room in the file."""
    noise = np.random.default_rng(index).integers(0, 90, (height, width, 3), np.uint8)
    return np.where(numbered(index, height, width) > 127, 255 - noise, noise)


def number_in(rgb: np.ndarray) -> int:
    """The number that pixels show."""
    height, width = rgb.shape[:2]
    centres = (2 * np.arange(BARS) + 1) * width // (2 * BARS)
    bits = rgb[height // 2, centres].mean(axis=-1) > 127
    return sum(int(bit) << index for index, bit in enumerate(bits))


def make_clip(
    path: Path,
    pts: Sequence[int] = range(0, 400, 40),
    *,
    unit: Fraction = MS,
    last: int = 40,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: Mapping[str, str] | None = None,
    picture: Callable[[int, int, int], np.ndarray] = numbered,
    color: tuple[int, int, int, int] | None = None,
    rotation: float = 0,
    aspect: Fraction | None = None,
    sounds: Sequence[Sound] = (),
    texts: Sequence[Text] = (),
    cover: bytes | None = None,
    attachment: tuple[str, str, bytes] | None = None,
    chapters: Sequence[tuple[int, int, str]] = (),
    tags: Mapping[str, str] | None = None,
    video_tags: Mapping[str, str] | None = None,
    interlaced: bool = False,
    format: str | None = None,
    muxing: Mapping[str, str] | None = None,
) -> Path:
    """Write a clip whose frames are `picture(index, height, width)` at `pts` times `unit` seconds.

    `color` is matrix, primaries, transfer and range in the numbers of H.273; without it the stream
    says nothing and is coded by BT.601 in limited range.
    """
    with av.open(str(path), "w", format=format, options=dict(muxing or {})) as output:
        rate = Fraction(len(pts) - 1, (pts[-1] - pts[0]) or 1) / unit if len(pts) > 1 else 25
        fast = {"preset": "ultrafast", "qp": "1"} if codec == "libx264" else {}
        video = output.add_stream(codec, rate=rate, options={**fast, **(options or {})})
        context = video.codec_context
        context.width, context.height, context.pix_fmt = *size, pixel_format
        context.time_base = unit
        if aspect:
            context.sample_aspect_ratio = aspect
        if color:
            context.colorspace, context.color_primaries = color[0], color[1]
            context.color_trc, context.color_range = color[2], color[3]
        if interlaced:
            context.flags |= 0x20040000  # AV_CODEC_FLAG_INTERLACED_DCT and _ME
        video.metadata.update(video_tags or {})
        if rotation:
            video.set_display_rotation(rotation)
        tracks = [_add_sound(output, sound) for sound in sounds]
        lines = [_add_text(output, text) for text in texts]
        if cover is not None:
            lines.append(_add_cover(output, cover))
        if attachment:
            output.add_attachment(*attachment)
        if chapters:
            output.set_chapters(
                [
                    {
                        "id": number,
                        "start": start,
                        "end": end,
                        "time_base": MS,
                        "metadata": {"title": title},
                    }
                    for number, (start, end, title) in enumerate(chapters)
                ]
            )
        output.metadata.update(tags or {})
        output.start_encoding()
        ends = [*pts[1:], pts[-1] + last] if len(pts) else []
        lengths = {start: end - start for start, end in zip(pts, ends, strict=True)}
        for index, moment in enumerate(pts):
            rgb = np.ascontiguousarray(picture(index, size[1], size[0]))
            frame = coded(rgb, pixel_format, color)
            frame.pts, frame.time_base = moment, unit
            for packet in video.encode(frame):
                _mux(output, packet, lengths, unit)
        for packet in video.encode(None):
            _mux(output, packet, lengths, unit)
        for packets in (*tracks, *lines):
            for packet in packets():
                output.mux(packet)
    return path


def coded(rgb: np.ndarray, pixel_format: str, color: tuple[int, int, int, int] | None) -> Any:
    """RGB pixels as a frame of another pixel format, by the definitions of H.273."""
    matrix, primaries, transfer, told = color or (2, 2, 2, 0)
    if pixel_format in ("yuv420p", "yuv444p", "yuv420p10le"):
        bits = 10 if pixel_format.endswith("10le") else 8
        planes = _planes(rgb, KR_KB.get(matrix, KR_KB[UNTAGGED_MATRIX]), bits, full=told == 2)
        if "444" in pixel_format:
            frame = av.VideoFrame.from_ndarray(np.stack(planes), format=pixel_format)
        else:
            halves = [(p[::2, ::2].astype(float) + p[1::2, 1::2]) / 2 for p in planes[1:]]
            rows = [p.round().astype(planes[0].dtype).reshape(-1, rgb.shape[1]) for p in halves]
            frame = av.VideoFrame.from_ndarray(np.vstack([planes[0], *rows]), format=pixel_format)
    else:
        frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)
    frame.colorspace, frame.color_primaries = matrix, primaries
    frame.color_trc, frame.color_range = transfer, told
    return frame


def _planes(
    rgb: np.ndarray, constants: tuple[float, float], bits: int, *, full: bool
) -> list[np.ndarray]:
    """Luma, blue and red difference, each of the picture's size."""
    kr, kb = constants
    light = rgb / 255
    luma = light @ [kr, 1 - kr - kb, kb]
    blue, red = (light[..., 2] - luma) / (2 - 2 * kb), (light[..., 0] - luma) / (2 - 2 * kr)
    most, step = (1 << bits) - 1, 1 << (bits - 8)
    high, wide, low = (most, most, 0) if full else (219 * step, 224 * step, 16 * step)
    values = (low + high * luma, 128 * step + wide * blue, 128 * step + wide * red)
    kind = np.uint16 if bits > 8 else np.uint8
    return [np.clip(value.round(), 0, most).astype(kind) for value in values]


def _mux(output: Any, packet: Any, lengths: Mapping[int, int], unit: Fraction) -> None:
    packet.duration = round(
        lengths[round(packet.pts * packet.time_base / unit)] * unit / packet.time_base
    )
    output.mux(packet)


def _add_sound(output: Any, sound: Sound) -> Callable[[], list[Any]]:
    stream = output.add_stream(sound.codec, rate=sound.rate, layout="mono")
    stream.metadata["language"] = sound.language
    stream.disposition = av.stream.Disposition.default if sound.default else 0

    def packets() -> list[Any]:
        count = round(sound.seconds * sound.rate)
        wave = (np.sin(np.arange(count) / 5) * 8000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(wave, "s16", "mono")
        frame.sample_rate, frame.pts = sound.rate, round(sound.start * sound.rate)
        frame.time_base = Fraction(1, sound.rate)
        resampler = av.AudioResampler(stream.codec_context.format.name, "mono", sound.rate)
        made = [packet for one in resampler.resample(frame) for packet in stream.encode(one)]
        return made + stream.encode(None)

    return packets


def _add_text(output: Any, text: Text) -> Callable[[], list[Any]]:
    if text.codec == "ass":
        with av.open(io.BytesIO(_ASS.encode()), format="ass") as header:
            stream = output.add_stream_from_template(header.streams[0], opaque=True)
    else:
        stream = output.add_mux_stream(text.codec)
    stream.time_base = MS
    stream.metadata["language"] = text.language

    def packets() -> list[Any]:
        return [
            _packet(stream, start, length, _line(text.codec, number, line))
            for number, (start, length, line) in enumerate(text.lines)
        ]

    return packets


def _line(codec: str, number: int, line: str) -> bytes:
    data = line.encode()
    if codec == "mov_text":
        return struct.pack(">H", len(data)) + data
    return f"{number},0,Default,,0,0,0,,{line}".encode() if codec == "ass" else data


def _add_cover(output: Any, png: bytes) -> Callable[[], list[Any]]:
    stream = output.add_mux_stream("png", width=16, height=16)
    stream.disposition = av.stream.Disposition.attached_pic
    return lambda: [_packet(stream, 0, 0, png)]


def _packet(stream: Any, start: int, length: int, data: bytes) -> Any:
    packet = av.Packet(data)
    packet.stream, packet.time_base, packet.is_keyframe = stream, MS, True
    packet.pts = packet.dts = start
    packet.duration = length
    return packet
