"""Choosing the encoder of a painted video and its settings."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from nst_rt.errors import ProviderError, UsageError
from nst_rt.system.arguments import whole_number
from nst_rt.system.processor import CPUINFO, cpuinfo, instruction_sets
from nst_rt.video.containers import pyav
from nst_rt.video.facts import VideoFacts
from nst_rt.video.tracks import MUXERS

logger = logging.getLogger(__name__)

CONTAINERS = {
    ".mp4": "libx264",
    ".m4v": "libx264",
    ".mov": "libx264",
    ".mkv": "libx264",
    ".webm": "libvpx-vp9",
}
"""Containers that keep the time of every frame, with their default encoders."""
_HARDWARE = ("h264_nvenc", "h264_qsv", "h264_amf", "h264_videotoolbox")
_HARDWARE_KINDS = ("nvenc", "qsv", "amf", "videotoolbox", "vaapi", "v4l2m2m", "vulkan", "mf")
"""Endings of the names of encoders that need certain hardware or systems."""
_SEGMENTS = {"ffv1": ".mkv", "prores_ks": ".mov", "prores": ".mov", "dnxhd": ".mov"}
"""Containers of a job's parts for encoders that do not fit into MP4."""
_CRF = {"libx264": 20, "libx265": 22, "libvpx-vp9": 30, "libsvtav1": 30, "libaom-av1": 30}
_QUALITY = {"h264_nvenc": "cq", "hevc_nvenc": "cq", "av1_nvenc": "cq", "h264_qsv": "global_quality"}
_FAST: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast"},
    "libx265": {"preset": "veryfast", "x265-params": "log-level=none"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "6", "row-mt": "1"},
    "libsvtav1": {"preset": "10"},
    "libaom-av1": {"cpu-used": "8", "usage": "realtime"},
}


@dataclass(frozen=True)
class Encoding:
    """Encoding settings of a painted video.

    Args:
        codec: FFmpeg's name of an encoder; None chooses by the container, "hardware" the first
            hardware encoder of this machine.
        crf: constant quality, 0 to 63, lower is better; None uses our default for the encoder.
        preset: speed of the encoder, in its own terms.
        pixel_format: "yuv420p", "yuv444p", "yuv420p10le", …; None chooses by the source.
    """

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    pixel_format: str | None = None

    def __post_init__(self) -> None:
        if self.crf is not None:
            object.__setattr__(self, "crf", whole_number("crf", self.crf, least=0, most=63))


DEFAULT_ENCODING = Encoding()


@dataclass(frozen=True)
class ChosenEncoder:
    """An encoder that opens here, with all its settings."""

    codec: str
    options: tuple[tuple[str, str], ...]
    pixel_format: str
    segment_suffix: str

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "options": dict(self.options)}

    def add_to(self, container: Any, facts: VideoFacts, size: tuple[int, int]) -> Any:
        """Add an encoded stream to a container; `size` is height and width in pixels."""
        options = dict(self.options)
        if self.codec == "libx264" and _has_avx512():
            options["x264-params"] = "asm=avx2"
        stream = container.add_stream(self.codec, rate=facts.rate or Fraction(25), options=options)
        context = stream.codec_context
        context.height, context.width = size
        context.pix_fmt = self.pixel_format
        context.time_base = facts.time_base
        context.sample_aspect_ratio = facts.aspect
        facts.color.tag(context)
        return stream


def choose_encoder(
    encoding: Encoding, target: Path, facts: VideoFacts, size: tuple[int, int]
) -> ChosenEncoder:
    """Choose codec, quality and pixel format, and open the encoder once to check that it works.

    Args:
        encoding: the requested settings.
        target: the output, whose suffix names the container.
        facts: of the source.
        size: height and width of the frames.

    Raises:
        UsageError: the container is unknown or cannot hold the codec, or an option is invalid.
        ProviderError: the encoder is not available.
    """
    codec = _codec(encoding, target)
    pixel_format = encoding.pixel_format or _pixel_format(codec, facts, size)
    deep = _deep(pixel_format)
    if facts.bits > 8 and not deep:
        logger.warning(
            "the video has %d bits, the painting is written with 8; pixel_format "
            "(--pixel-format) yuv420p10le writes 10", facts.bits,
        )  # fmt: skip
    if facts.has_alpha:
        logger.warning("the video is transparent in places, the painting is not")
    if "420" in pixel_format and (size[0] % 2 or size[1] % 2):
        raise UsageError(
            f"{pixel_format} has no odd sizes, and this is {size[1]}x{size[0]}",
            cure="choose pixel_format (--pixel-format) yuv444p",
        )
    chosen = ChosenEncoder(
        codec, _options(codec, encoding), pixel_format, _SEGMENTS.get(codec, ".mp4")
    )
    _try(chosen, facts, size)
    if not _fits(chosen, target.suffix.lower(), facts, size):
        works = [suffix for suffix in CONTAINERS if _fits(chosen, suffix, facts, size)]
        muxer = MUXERS[target.suffix.lower()]
        raise UsageError(
            f"{muxer} does not support {codec}", path=target, cure=f"write {', '.join(works)}"
        )
    return chosen


@cache
def _has_avx512(file: Path = CPUINFO) -> bool:
    """Return whether x264 would use AVX-512: with it, equal frames do not always give an equal
    stream, so that a resumed conversion could differ from one that never stopped.
    """  # noqa: D205 - one sentence
    return "avx512f" in instruction_sets(cpuinfo(file))


def _codec(encoding: Encoding, target: Path) -> str:
    av = pyav()
    suffix = target.suffix.lower()
    if suffix not in CONTAINERS:
        why = (
            "does not keep the times of frames"
            if suffix == ".avi"
            else "is not a video format that can be written"
        )
        what = f"{suffix} {why}" if suffix else "has no suffix that names a format"
        raise UsageError(what, path=target, cure=_choose_container())
    if encoding.codec == "hardware":
        here = [name for name in _HARDWARE if _opens(name)]
        if not here:
            raise ProviderError(
                "no hardware encoder works here",
                cure="leave codec (--codec) out: libx264 works anywhere",
            )
        return here[0]
    codec = encoding.codec or CONTAINERS[suffix]
    if codec not in av.codec.codecs_available or not _encodes(codec):
        raise ProviderError(
            f"there is no encoder {codec} here", cure=f"choose {', '.join(_working())}"
        )
    return codec


def _choose_container() -> str:
    return f"choose {', '.join(CONTAINERS)}, .gif, .webp, .y4m, or a folder/"


def _encodes(codec: str) -> bool:
    av = pyav()
    try:
        kind: str = av.codec.Codec(codec, "w").type
    except (ValueError, av.FFmpegError):
        return False
    return kind == "video"


def _working() -> list[str]:
    names = ["libx264", "libx265", "libvpx-vp9", "libsvtav1", "ffv1", "prores_ks", *_HARDWARE]
    return [name for name in names if _encodes(name) and (name not in _HARDWARE or _opens(name))]


def _opens(codec: str) -> bool:
    """Return whether an encoder opens on this machine; FFmpeg also lists those that do not."""
    av = pyav()
    try:
        context = av.CodecContext.create(codec, "w")
        context.width, context.height, context.pix_fmt = 256, 256, "yuv420p"
        context.time_base = Fraction(1, 25)
        context.open()
    except (ValueError, av.FFmpegError, OSError):
        return False
    return True


def _pixel_format(codec: str, facts: VideoFacts, size: tuple[int, int]) -> str:
    if codec.startswith("prores"):
        return "yuv422p10le"
    if size[0] % 2 or size[1] % 2:
        logger.warning(
            "%dx%d is odd, which 4:2:0 does not allow: the video is written as yuv444p, which some "
            "players do not support", size[1], size[0],
        )  # fmt: skip
        return "yuv444p"
    if "444" in facts.pixel_format or "422" in facts.pixel_format:
        logger.warning(
            "the video is %s, the painting is written as yuv420p, which every player supports; "
            "pixel_format (--pixel-format) yuv444p keeps all colours", facts.pixel_format,
        )  # fmt: skip
    return "yuv420p"


def _deep(pixel_format: str) -> bool:
    av = pyav()
    try:
        components = av.VideoFormat(pixel_format).components
    except ValueError as error:
        raise UsageError(
            f"there is no pixel format {pixel_format}", cure="choose yuv420p, yuv444p, yuv420p10le"
        ) from error
    return any(component.bits > 8 for component in components)


def _options(codec: str, encoding: Encoding) -> tuple[tuple[str, str], ...]:
    options = dict(_FAST.get(codec, {}))
    quality = encoding.crf if encoding.crf is not None else _CRF.get(codec)
    if quality is not None:
        if codec not in _CRF and codec not in _QUALITY:
            raise UsageError(f"{codec} has no constant quality", cure="leave crf (--crf) out")
        options[_QUALITY.get(codec, "crf")] = str(quality)
        if codec == "libvpx-vp9":
            options["b"] = "0"
    if encoding.preset is not None:
        options["cpu-used" if codec in ("libvpx-vp9", "libaom-av1") else "preset"] = encoding.preset
    return tuple(sorted(options.items()))


def _try(chosen: ChosenEncoder, facts: VideoFacts, size: tuple[int, int]) -> None:
    """Open the encoder in a container that is discarded."""
    av = pyav()
    try:
        _write_header(chosen, chosen.segment_suffix, facts, size)
    except (av.FFmpegError, ValueError, OSError) as error:
        if chosen.codec.rpartition("_")[2] in _HARDWARE_KINDS and not _opens(chosen.codec):
            raise ProviderError(
                f"{chosen.codec} does not work here", cure=f"choose {', '.join(_working())}"
            ) from error
        raise UsageError(
            f"{chosen.codec} does not open with these settings "
            f"({getattr(error, 'strerror', None) or error})",
            cure="change codec, crf, preset or pixel_format (--codec, --crf, --preset, "
            "--pixel-format)",
        ) from error


def _fits(chosen: ChosenEncoder, suffix: str, facts: VideoFacts, size: tuple[int, int]) -> bool:
    """Return whether a container can hold the encoder's stream."""
    av = pyav()
    try:
        _write_header(chosen, suffix, facts, size)
    except (av.FFmpegError, ValueError, OSError):
        return False
    return True


def _write_header(
    chosen: ChosenEncoder, suffix: str, facts: VideoFacts, size: tuple[int, int]
) -> None:
    import io

    with pyav().open(io.BytesIO(), "w", format=MUXERS[suffix]) as container:
        chosen.add_to(container, facts, size)
        container.start_encoding()
