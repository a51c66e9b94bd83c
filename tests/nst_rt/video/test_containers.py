"""Opening containers: a file from a stranger reaches for nothing but itself."""

from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
import threading
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from nst_rt.errors import InputError, ProviderError, UnsafeError, UsageError
from nst_rt.video.containers import is_address, open_input, pyav

from .clips import make_clip

_MPD = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1"
bandwidth="1"><BaseURL>{inside}</BaseURL></Representation></AdaptationSet></Period></MPD>"""
_IMF = """<?xml version="1.0"?><AssetMap xmlns="http://www.smpte-ra.org/schemas/429-9/2007/AM">
<AssetList><Asset><Path>{inside}</Path></Asset></AssetList></AssetMap>"""
_SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
c=IN IP4 127.0.0.1
t=0 0
m=video {port} RTP/AVP 96
a=rtpmap:96 H264/90000
"""
LISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{inside}\n#EXT-X-ENDLIST\n",
    "hls master": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{inside}\n",
    "hls key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{inside}"\n#EXTINF:1,\n{inside}\n',
    "ffconcat": "ffconcat version 1.0\nfile '{inside}'\n",
    "dash": _MPD,
    "imf": _IMF,
    "sdp": _SDP,
    "pls": "[playlist]\nFile1={inside}\nNumberOfEntries=1\n",
}
_OPENING = """
import io, json, sys
from pathlib import Path
from nst_rt.errors import UnsafeError
from nst_rt.video.containers import open_input, pyav
pyav()
sockets, opened, ends = [], [], []
def hook(event, arguments):
    if event.startswith("socket."):
        sockets.append(event)
    if event == "open":
        opened.append(str(arguments[0]))
paths = [Path(name) for name in sys.argv[1:]]
sys.addaudithook(hook)
for path in paths:
    data = path.read_bytes()
    for source in (path, str(path), data, io.BytesIO(data), path.open("rb")):
        try:
            open_input(source)
            ends.append([str(path), "was opened"])
        except UnsafeError:
            pass
        except Exception as error:
            ends.append([str(path), repr(error)])
others = set(opened) - {str(path) for path in paths}
print(json.dumps({"ends": ends, "sockets": sockets, "others": sorted(others)}))
"""


@pytest.fixture
def server():
    """A web server, and the list of what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield one.server_port, asked
        one.shutdown()
        thread.join()


def test_lists_of_others_are_refused_by_path_bytes_and_file_object(tmp_path: Path, server) -> None:
    """Playlists in a video's clothes: no socket is opened and no other file is read."""
    port, asked = server
    other = tmp_path / "other.mp4"
    os.mkfifo(other)  # whoever opened it to read would wait until the time is out
    places = (
        f"http://127.0.0.1:{port}/v.mp4",
        str(other),
        other.name,
        f"../{tmp_path.name}/other.mp4",
    )
    paths = []
    for kind, text in LISTS.items():
        for number, place in enumerate(places):
            for suffix in ("mp4", "m3u8"):
                paths.append(tmp_path / f"{kind}-{number}.{suffix}")
                paths[-1].write_text(text.format(inside=place, port=port))
    command = [sys.executable, "-c", _OPENING, *map(str, paths)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=60, check=True)
    assert json.loads(done.stdout) == {"ends": [], "sockets": [], "others": []}
    assert asked == []


@pytest.mark.parametrize("name", ["concat:{a}|{a}", "subfile,,start,0,end,0,,:{a}", "file:{a}"])
def test_protocol_in_a_file_name_is_a_name_and_no_protocol(tmp_path: Path, name) -> None:
    clip = make_clip(tmp_path / "a.mp4", [0])
    with pytest.raises(InputError, match="cannot be read"):
        open_input(name.format(a=clip))


def test_name_that_looks_like_a_protocol_is_opened_as_the_file_that_it_is(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_clip(tmp_path / "a.mp4", [0]).rename("concat:a.mp4")
    with open_input("concat:a.mp4") as container:
        assert len(container.streams.video) == 1


@pytest.mark.parametrize("scheme", ["http", "HTTPS", "rtsp", "rtmp", "udp", "tcp"])
def test_address_is_refused_without_leave(scheme) -> None:
    assert is_address(f"{scheme}://example.org/v.mp4")
    with pytest.raises(UnsafeError, match="is on a network; pass allow_network=True"):
        open_input(f"{scheme}://127.0.0.1:9/v.mp4")


def test_address_is_asked_with_leave(server) -> None:
    port, asked = server
    with pytest.raises(InputError, match="404"):
        open_input(f"http://127.0.0.1:{port}/v.mp4", allow_network=True)
    assert asked[:1] == ["/v.mp4"]


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "avi", "ts", "webm", "gif"])
def test_usual_formats_open_by_path_bytes_and_file_object(tmp_path: Path, suffix) -> None:
    codec, pixels = {"webm": ("libvpx-vp9", "yuv420p"), "gif": ("gif", "rgb8")}.get(
        suffix, ("mpeg4" if suffix == "avi" else "libx264", "yuv420p")
    )
    clip = make_clip(
        tmp_path / f"a.{suffix}", range(4), unit=Fraction(1, 25), codec=codec, pixel_format=pixels
    )
    for source in (clip, clip.read_bytes(), io.BytesIO(clip.read_bytes())):
        with open_input(source) as container:
            assert (container.streams.video[0].width, container.streams.video[0].height) == (64, 48)


def test_recording_that_was_cut_off_says_that_its_index_is_missing(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mp4", range(0, 4000, 40)).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    for source in (cut, cut.read_bytes()):
        with pytest.raises(
            InputError, match=r"its index is missing .*repair it with a tool like unt"
        ):
            open_input(source)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty; copy or download it again"),
        (b"<html>not found</html>", "is not a video that can be opened"),
        (bytes(range(256)) * 40, "is not a video that can be opened"),
    ],
)
def test_what_is_no_video_is_one_line_with_the_path(tmp_path: Path, data, what) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(InputError, match=what) as caught:
        open_input(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; name the video in it"):
        open_input(tmp_path)
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)"):
        open_input(tmp_path / "absent.mp4")
    with pytest.raises(UsageError, match="is not a path"):
        open_input("a\0b.mp4")


def test_old_pyav_is_told(monkeypatch) -> None:
    monkeypatch.setattr("av.__version__", "17.1.0")
    with pytest.raises(ProviderError, match=r"needs PyAV 18 or newer, and this is 17\.1\.0; pip"):
        pyav.__wrapped__()


def test_300_opened_and_closed_leave_no_descriptor_and_no_thread(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", [0, 40])

    def once() -> None:
        with open_input(clip) as container:
            next(container.decode(video=0))

    def held() -> tuple[int, int]:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    for _ in range(20):
        once()
    before, resident = held(), resident_memory()
    for _ in range(300):
        once()
    assert held() == before
    assert resident_memory() - resident < 5 << 20


def resident_memory() -> int:
    """Bytes of this process that are in memory."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
