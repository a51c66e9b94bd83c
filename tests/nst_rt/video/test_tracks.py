"""What goes along with a painted video, what is rewritten for it, and what is told beforehand."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from nst_rt.errors import UsageError
from nst_rt.video.converting import convert
from nst_rt.video.frames import Frame

from .clips import MS, Sound, Text, make_clip
from .contents import packets, shown
from .inverting import Inverting

TWO_SOUNDS = (Sound(language="deu"), Sound(language="eng", default=False, start=Fraction(1, 8)))


class Never(Inverting):
    """Must not be asked: what does not fit is found before the first frame."""

    def paint(self, frame: Frame) -> Frame:
        raise AssertionError("a frame was painted")


@pytest.fixture
def painted(tmp_path: Path):
    def paint(source: Path, suffix: str, painter: Any = None) -> Path:
        target = tmp_path / f"painted{suffix}"
        convert(source, target, painter or Inverting())
        return target

    return paint


def tracks(path: Path, kind: str) -> list[tuple[str | None, bool, str]]:
    """Language, whether it is the default, and codec of every track of a kind."""
    default = av.stream.Disposition.default
    with av.open(str(path)) as container:
        return [
            (
                one.metadata.get("language"),
                bool(one.disposition & default),
                one.codec_context.codec.canonical_name,
            )
            for one in container.streams
            if one.type == kind
        ]


def lines(path: Path, number: int = 0) -> list[tuple[Fraction, Fraction, str]]:
    """When each subtitle appears, how long it stays, and what it says without its looks."""
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.subtitles[number]):
            for rect in packet.decode():
                said = rect.dialogue.decode()
                unit = packet.time_base
                found.append((packet.pts * unit, packet.duration * unit, said))
    return [line for line in found if line[2]]


@pytest.mark.parametrize("source", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_every_sound_track_is_copied_packet_by_packet(painted, tmp_path, source, suffix) -> None:
    clip = make_clip(tmp_path / f"clip{source}", sounds=TWO_SOUNDS)
    target = painted(clip, suffix)
    for number in range(2):
        assert packets(target, "audio", number) == packets(clip, "audio", number)
    kept = tracks(target, "audio")
    assert [(default, codec) for _, default, codec in kept] == [(True, "aac"), (False, "aac")]
    if source != ".mov":  # whose own maker, here, knows German as "ger" alone
        german = "ger" if suffix == ".mov" else "deu"
        assert [language for language, _, _ in kept] == [german, "eng"]


@pytest.mark.parametrize(
    ("codec", "rate", "suffix"),
    [
        ("libmp3lame", 16000, ".mp4"),
        ("libopus", 48000, ".mp4"),
        ("libopus", 48000, ".webm"),
        ("flac", 8000, ".mkv"),
        ("ac3", 48000, ".mp4"),
        ("pcm_s16le", 8000, ".mov"),
        ("pcm_s16le", 8000, ".mkv"),
    ],
)
def test_sound_of_any_codec_that_fits_is_copied(painted, tmp_path, codec, rate, suffix) -> None:
    clip = make_clip(tmp_path / "clip.mkv", sounds=[Sound(codec=codec, rate=rate)])
    before, after = packets(clip, "audio"), packets(painted(clip, suffix), "audio")
    assert b"".join(one.data for one in after) == b"".join(one.data for one in before)
    assert abs(after[0].pts - before[0].pts) <= MS


@pytest.mark.parametrize(
    ("codec", "suffix", "cure"),
    [("aac", ".webm", "write .mp4 or .m4v or .mov or .mkv"), ("flac", ".mov", "write .mp4")],
)
def test_sound_that_does_not_fit_is_refused_before_the_first_frame(
    painted, tmp_path, codec, suffix, cure
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", sounds=[Sound(codec=codec)])
    with pytest.raises(UsageError, match=rf"\w+ does not support its sound \({codec}\); {cure}"):
        painted(clip, suffix, Never())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mkv"]


@pytest.mark.parametrize(
    ("codec", "source", "suffix", "becomes"),
    [
        ("mov_text", ".mp4", ".mkv", "subrip"),
        ("mov_text", ".mp4", ".webm", "webvtt"),
        ("mov_text", ".mp4", ".mov", "mov_text"),
        ("ass", ".mkv", ".mp4", "mov_text"),
        ("subrip", ".mkv", ".mp4", "mov_text"),
        ("subrip", ".mkv", ".webm", "webvtt"),
        ("ass", ".mkv", ".mkv", "ass"),
        ("subrip", ".mkv", ".mkv", "subrip"),
    ],
)
def test_subtitles_are_copied_or_rewritten_as_the_container_holds_them(
    painted, tmp_path, codec, source, suffix, becomes
) -> None:
    clip = make_clip(tmp_path / f"clip{source}", texts=[Text(codec, language="fra")])
    target = painted(clip, suffix)
    assert [(language, kind) for language, _, kind in tracks(target, "subtitle")] == [
        ("fra", becomes)
    ]
    assert [
        (float(start), float(stays), said.split(",")[-1]) for start, stays, said in lines(target)
    ] == [(0.04, 0.08, "one"), (0.2, 0.12, "two")]
    assert len(shown(target)) == 10


def test_looks_and_line_breaks_of_ass_become_plain_text(painted, tmp_path) -> None:
    text = Text("ass", ((40, 80, r"{\i1}first{\i0}\Nsecond\hline, with a comma"),))
    clip = make_clip(tmp_path / "clip.mkv", texts=[text])
    target = painted(clip, ".mp4")
    (packet,) = [one for one in packets(target, "subtitle") if len(one.data) > 2]
    assert packet.data[2:].decode() == "first\nsecond line, with a comma"


def test_pictures_of_text_are_left_out_with_a_line_before_the_first_frame(
    painted, tmp_path, caplog
) -> None:
    clip = make_clip(tmp_path / "clip.mkv", texts=[Text("hdmv_pgs_subtitle"), Text("subrip")])

    before: list[str] = []

    class Listening(Inverting):
        def paint(self, frame: Frame) -> Frame:
            before.extend(caplog.messages)
            return super().paint(frame)

    target = painted(clip, ".mp4", Listening(workers=1))
    line = "subtitle track 1 (hdmv_pgs_subtitle) is dropped: mp4 does not support it; .mkv may"
    assert f"clip.mkv: {line}" in before[:2]
    assert [kind for _, _, kind in tracks(target, "subtitle")] == ["mov_text"]


def test_pictures_of_text_are_copied_where_they_fit(painted, tmp_path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", texts=[Text("hdmv_pgs_subtitle")])
    target = painted(clip, ".mkv")
    assert packets(target, "subtitle") == packets(clip, "subtitle")


def png(color: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), color).save(buffer, "PNG")
    return buffer.getvalue()


def cover_of(path: Path) -> bytes | None:
    mark = av.stream.Disposition.attached_pic
    with av.open(str(path)) as container:
        covers = [one for one in container.streams.video if one.disposition & mark]
        return bytes(next(container.demux(covers[0]))) if covers else None


@pytest.mark.parametrize("source", [".mp4", ".mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_cover_is_copied_and_not_taken_for_the_video(
    painted, tmp_path, caplog, source, suffix
) -> None:
    picture = png()
    kept = (
        {"cover": picture}
        if source == ".mp4"
        else {"attachment": ("cover.png", "image/png", picture)}
    )
    clip = make_clip(tmp_path / f"clip{source}", size=(8, 8), **kept)
    assert cover_of(clip) == picture
    target = painted(clip, suffix)
    assert cover_of(target) == picture
    assert (shown(target)[0].frame.width, len(shown(target))) == (8, 10)
    assert caplog.messages == []


def test_fonts_go_along_in_matroska_and_are_told_elsewhere(painted, tmp_path, caplog) -> None:
    clip = make_clip(tmp_path / "clip.mkv", attachment=("a.ttf", "font/ttf", b"0123"))
    with av.open(str(painted(clip, ".mkv"))) as container:
        (font,) = [one for one in container.streams if one.type == "attachment"]
        assert (font.name, font.mimetype, font.data) == ("a.ttf", "font/ttf", b"0123")
    assert caplog.messages == []
    painted(clip, ".mp4")
    assert caplog.messages == [
        "clip.mkv: attachment 1 (a.ttf) is dropped: mp4 supports none; .mkv does"
    ]


@pytest.mark.parametrize("source", [".mp4", ".mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_chapters_and_tags_are_kept(painted, tmp_path, caplog, source, suffix) -> None:
    clip = make_clip(
        tmp_path / f"clip{source}",
        chapters=[(0, 200, "one"), (200, 400, "two")],
        tags={"title": "Clip", "artist": "Somebody", "date": "2020"},
    )
    target = painted(clip, suffix)
    with av.open(str(target)) as container:
        chapters = [
            (one["start"] * one["time_base"], one["end"] * one["time_base"], one["metadata"])
            for one in container.chapters()
        ]
        tags = {key.lower(): value for key, value in container.metadata.items()}
        encoders = [value for key, value in container.metadata.items() if key.lower() == "encoder"]
        kinds = [one.type for one in container.streams if one.type != "data"]
    assert [(start, end, tag["title"]) for start, end, tag in chapters] == [
        (0, Fraction(1, 5), "one"),
        (Fraction(1, 5), Fraction(2, 5), "two"),
    ]
    assert (tags["title"], tags["artist"], tags["date"]) == ("Clip", "Somebody", "2020")
    assert encoders == [f"Lavf{'.'.join(map(str, av.library_versions['libavformat']))}"]
    assert kinds == ["video"]
    assert caplog.messages == []


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_timecode_is_kept(painted, tmp_path, caplog, suffix) -> None:
    clip = make_clip(
        tmp_path / "clip.mov",
        range(0, 20000, 1000),
        unit=Fraction(1, 25000),
        video_tags={"timecode": "01:02:03:04"},
    )
    with av.open(str(painted(clip, suffix))) as container:
        codes = [one.metadata.get("timecode") for one in container.streams]
    assert "01:02:03:04" in codes
    assert caplog.messages == []


def test_sound_and_texts_that_lie_after_the_stretch_are_cut_and_chapters_clipped(
    tmp_path: Path,
) -> None:
    from nst_rt.video.selection import Selection

    clip = make_clip(
        tmp_path / "clip.mkv",
        range(0, 2000, 40),
        texts=[Text("subrip", ((0, 100, "a"), (900, 300, "b"), (1300, 50, "c"), (1900, 50, "d")))],
        chapters=[(0, 1100, "one"), (1100, 2000, "two")],
        attachment=("cover.png", "image/png", png()),
    )
    target = tmp_path / "painted.mkv"
    chosen = Selection(start=Fraction(1), duration=Fraction(1, 2))
    convert(clip, target, Inverting(), selection=chosen)
    assert [(float(start), float(stays), said[-1]) for start, stays, said in lines(target)] == [
        (0.0, 0.2, "b"),  # was shown when the stretch began
        (0.3, 0.05, "c"),
    ]
    with av.open(str(target)) as container:
        chapters = [
            (one["start"] * one["time_base"], one["end"] * one["time_base"])
            for one in container.chapters()
        ]
    assert chapters == [(0, Fraction(1, 10)), (Fraction(1, 10), Fraction(1, 2))]
    assert cover_of(target) == png()
