"""High dynamic range becomes standard range: dim keeps its level, bright rolls off."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from nst_rt.errors import InputError
from nst_rt.video.color import BT709_VIDEO, HLG, PQ
from nst_rt.video.reading import VideoReader
from nst_rt.video.selection import Selection
from nst_rt.video.tonemap import light_to_pq, pq_to_light, to_standard

TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
NITS = np.array([[5, 5, 5], [50, 50, 50], [1000, 1000, 1000], [60, 0, 0], [0, 60, 0], [0, 0, 60]])
AS_SHOWN = np.clip(NITS / 203, 0, 1) ** (1 / 2.4) * 255


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patches of known light in PQ."""
    path = tmp_path_factory.mktemp("hdr") / "pq.mp4"
    coded = light_to_pq(np.maximum(NITS @ TO_2020.T, 0))
    picture = np.repeat(np.repeat(np.round(coded * 65535)[None], 48, 0), 32, 1).astype(np.uint16)
    with av.open(str(path), "w") as container:
        options = {"crf": "4", "x265-params": "log-level=none:bframes=0:frame-threads=1:pools=none"}
        stream = container.add_stream("libx265", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 32 * len(NITS), 48, "yuv420p10le"
        context = stream.codec_context
        context.time_base = Fraction(1, 25)
        context.colorspace, context.color_primaries, context.color_trc = 9, 9, PQ
        context.color_range = 1
        for index in range(2):
            frame = av.VideoFrame.from_ndarray(picture, "rgb48le")
            frame = frame.reformat(
                format="yuv420p10le", dst_colorspace=9, src_color_range=2, dst_color_range=1
            )
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def patches(reader: VideoReader) -> NDArray[np.uint8]:
    frame = reader.frame(next(iter(reader.decoded())))
    return frame.rgb[24, 16::32]


def test_is_refused_unless_it_is_said_what_becomes_of_it(clip: Path) -> None:
    with pytest.raises(InputError, match=r"high dynamic range \(PQ\).*--hdr tonemap"):
        VideoReader(clip)


def test_dim_colours_are_shown_as_they_were_meant_and_bright_ones_are_white(clip: Path) -> None:
    reader = VideoReader(clip, Selection(hdr="tonemap"))
    assert reader.facts.color == BT709_VIDEO
    np.testing.assert_allclose(patches(reader), AS_SHOWN, atol=12)


def test_passed_through_it_keeps_its_tags_and_code_values(clip: Path) -> None:
    reader = VideoReader(clip, Selection(hdr="passthrough"))
    assert reader.facts.color.transfer == PQ
    coded = light_to_pq(np.maximum(NITS @ TO_2020.T, 0)) * 255
    np.testing.assert_allclose(patches(reader), coded, atol=3)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_grays_rise_to_white_and_stay_gray(transfer: int) -> None:
    grays = np.repeat(np.linspace(0, 1, 65)[:, None], 3, axis=1)
    mapped = to_standard(grays, transfer)
    assert np.ptp(mapped, axis=1).max() < 1e-3
    assert (np.diff(mapped[:, 0]) >= -1e-6).all()
    assert mapped[0, 0] < 0.02
    assert mapped[-1, 0] == pytest.approx(1, abs=1e-3)


def test_pq_is_its_own_inverse() -> None:
    light = np.array([0.01, 1, 100, 203, 1000, 10_000])
    np.testing.assert_allclose(pq_to_light(light_to_pq(light)), light, rtol=1e-6)
