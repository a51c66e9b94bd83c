"""Opening containers so that an untrusted file cannot make FFmpeg open anything else.

A playlist disguised as a video (HLS, ffconcat, DASH, IMF, SDP) makes FFmpeg open the files and
addresses that it names. Two lists prevent that, and both are needed: the allowed protocols and the
allowed formats.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

from nst_rt.errors import InputError, MissingExtraError, ProviderError, UnsafeError, UsageError

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,ogg,asf,mxf,gif,apng,"
    "ivf,h264,hevc,av1,obu,rawvideo,yuv4mpegpipe,wav,mp3,aac,flac"
)
"""Formats that contain their own data; none of them can refer to another file."""
_NETWORK_PROTOCOLS = "file,http,https,tcp,tls,udp,rtp,rtsp,rtmp,rtmps"
_NETWORK_FORMATS = FORMATS + ",rtsp,sdp,mpjpeg,mjpeg"
_OLDEST = 18
"""Oldest PyAV with accurate rounding in swscale and `Stream.discard`."""
SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp", "tcp")
"""Schemes of addresses that may be opened with `allow_network`."""

Source = str | os.PathLike[str] | bytes | IO[bytes]


@cache
def pyav() -> Any:
    """Load the module `av` with FFmpeg's log off: passing it to Python deadlocks with threads.

    Raises:
        MissingExtraError: it is not installed, or too old.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(
            "video needs PyAV, which is not installed", cure='pip install "nst-rt[video]"'
        ) from error
    if int(av.__version__.split(".")[0]) < _OLDEST:
        raise MissingExtraError(
            f"video needs PyAV {_OLDEST} or newer, and this is {av.__version__}",
            cure='pip install --upgrade "nst-rt[video]"',
        )
    av.logging.set_level(None)
    os.environ.setdefault("SVT_LOG", "1")  # silences SVT-AV1, whose encoder has no option for it
    return av


def is_address(source: object) -> bool:
    """Return whether this is a network address rather than a path."""
    return isinstance(source, str) and source.split("://")[0].lower() in SCHEMES and "://" in source


def open_input(
    source: Source,
    *,
    allow_network: bool = False,
    timeout: float | tuple[float, float] = 10.0,
    hwaccel: str | None = None,
) -> Any:
    """Open a container for reading.

    Args:
        source: a path, the bytes of a file, a binary file object, or an address.
        allow_network: whether addresses may be opened.
        timeout: seconds that an address may take to answer, or a pair: to open and to answer.
        hwaccel: name of a hardware decoder, used for the codecs that it decodes.

    Raises:
        ProviderError: the hardware decoder is not available.
        UnsafeError: it is a list of other files or addresses, or an address without
            `allow_network`.
        InputError: it does not exist, is not a video, or its index is missing.
    """
    av = pyav()
    if is_address(source):
        if not allow_network:
            raise UnsafeError(
                "is on a network",
                path=str(source),
                cure="pass allow_network=True (--allow-network)",
            )
        options = {
            "protocol_whitelist": _NETWORK_PROTOCOLS,
            "format_whitelist": _NETWORK_FORMATS,
            "rtsp_transport": "tcp",
        }
        return _opened(av, source, None, options, timeout)
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    if isinstance(source, bytes):
        import io

        return _opened(av, io.BytesIO(source), None, options, None)
    if not isinstance(source, str | os.PathLike):
        return _opened(av, source, None, options, None)
    path = Path(source)
    _refuse_unreadable(path)
    return _opened(av, f"file:{path.absolute()}", path, options, None, hwaccel)


def _opened(
    av: Any,
    source: Any,
    path: Path | None,
    options: dict[str, str],
    timeout: float | tuple[float, float] | None,
    hwaccel: str | None = None,
) -> Any:
    name = path or (source if isinstance(source, str) else None)
    if not isinstance(source, str):
        options = {**options, "protocol_whitelist": ""}
    try:
        decoder = av.codec.hwaccel.HWAccel(hwaccel) if hwaccel else None
        return av.open(source, options=options, timeout=timeout, hwaccel=decoder)
    except (av.FFmpegError, ValueError, OSError) as error:
        if hwaccel:
            _opened(
                av, source, path, options, timeout
            ).close()  # raises if the decoder is not the reason
            known = ", ".join(av.codec.hwaccel.hwdevices_available()) or "none"
            raise ProviderError(
                f"the hardware decoder {hwaccel} does not work here",
                cure=f"leave hwaccel (--hwaccel) out, or choose another (FFmpeg knows {known})",
            ) from error
        raise _refusal(error, name, _beginning(path, source)) from error


def _refuse_unreadable(path: Path) -> None:
    if path.is_dir():
        raise InputError("is a folder", path=path, cure="name the video in it")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", path=path) from error
    except ValueError as error:
        raise UsageError("is not a path", path=path) from error
    if empty:
        raise InputError("is empty", path=path, cure="copy or download it again")


def _refusal(error: Exception, path: Any, start: bytes) -> InputError:
    """Return the error for a container that does not open, in terms of the file, not of FFmpeg."""
    if kind := _list_of_others(start):
        return UnsafeError(
            f"is {kind}, a list of other files or addresses",
            path=path,
            cure="give the video itself",
        )
    if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return InputError(
            "its index is missing (the recording was interrupted)",
            path=path,
            cure="repair it with a tool like untrunc, or copy it again",
        )
    if start.startswith((b"\xff\xd8\xff", b"\x89PNG", b"BM", b"II*\0", b"MM\0*")):
        return InputError("is a picture", path=path, cure="nst-rt stylize paints it")
    text = getattr(error, "strerror", None) or str(error)
    if is_address(path):
        return InputError(
            f"cannot be opened ({text})", path=path, cure="check the address and that it is sending"
        )
    return InputError(
        f"is not a video that can be opened ({text})", path=path, cure="copy or convert it again"
    )


def _list_of_others(start: bytes) -> str:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, kind in (
        (b"#extm3u", "an HLS playlist"),
        (b"ffconcat", "an ffconcat list"),
        (b"v=0", "an SDP description"),
        (b"[playlist]", "a playlist"),
        (b"[reference]", "a playlist"),
    ):
        if text.startswith(mark):
            return kind
    if text.startswith(b"<") and any(
        word in text for word in (b"<mpd", b"assetmap", b"compositionplaylist", b"smil", b"<asx")
    ):
        return "an XML manifest"
    return ""


def _beginning(path: Path | None, source: Any) -> bytes:
    with suppress(OSError, ValueError, AttributeError):
        if path is not None:
            with path.open("rb") as file:
                return file.read(4096)
        source.seek(0)
        return bytes(source.read(4096))
    return b""
