"""`Stylizer`: any picture in, the same kind of picture out, painted."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import ClosedError, InputError, LimitError, ModelError, UsageError
from nst_rt.images import (
    DEFAULT_MAX_PIXELS,
    Picture,
    allowed_memory,
    as_rgb_array,
    blend,
    check_fits,
    check_memory,
    check_pixels,
    encode_picture,
    format_of,
    from_pil,
    keep_color,
    read_picture,
    restore_detail,
    shrink,
    to_pil,
    working_size,
    write_picture,
)
from nst_rt.model import Adaptation, read_model, style_name
from nst_rt.options import DEFAULT_SIZE, CallOptions, PaintOptions, Size
from nst_rt.sessions import (
    Device,
    Precision,
    Session,
    check_options,
    open_session,
    preferred_flavour,
)
from nst_rt.steady import Statistics, SteadyStyle
from nst_rt.stopping import end_if_stopped
from nst_rt.streaming import Streaming
from nst_rt.strips import paint_within
from nst_rt.zoo import find

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]


class VideoFrame(Protocol):
    """A picture of a video, like `nst_rt.video.frames.Frame`."""

    @property
    def rgb(self) -> Pixels:
        """uint8 H×W×3."""

    def painted(self, rgb: Pixels) -> Self:
        """The same frame with other pixels."""


F = TypeVar("F", bound=VideoFrame)


@dataclass(frozen=True)
class StylizerInfo:
    """What is really in use."""

    name: str
    title: str
    path: str
    sha256: str
    network: str
    flavour: str
    provider: str
    device: str
    precision: str
    threads: int
    size: Size
    strength: float
    keep_color: bool
    max_pixels: int
    licence: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Stylizer(Streaming):
    """Paints pictures in one style. Safe to share between threads; same input, same bytes.

    Args:
        style: a shipped style's name ("starry-night", see `nst-rt models`) or a model file.
        device: "auto", "cpu", "cuda", or an engine of the CPU: "openvino", "onnxruntime".
        precision: "auto" is the fastest that stays within half a grey level on average.
        threads: CPU threads; by default all that this process may use.
        parallel: pictures that threads of yours paint at once; they share the CPU threads.
        size: long side in pixels to paint at, or "full". Strokes have a size in pixels, so a large
            photo is painted smaller and brought back to its size with its own detail. Smaller
            pictures are painted as they are.
        strength: 0 returns the photo, 1 the painting, values between blend them.
        keep_color: luminance of the painting, colours of the photo.
        max_pixels: larger pictures are refused before they are decoded.
        max_memory: bytes that one picture may take, by default what is free at the time. A picture
            that takes more to paint is painted part by part, if the style has a steady file; what
            takes more even so, or to decode, is refused before that.
        allow_truncated: whether what is missing at the end of a file may stay gray.
        verify: hold a shipped style against its hash.
        adaptation: how to feed a model that another program made.

    Raises:
        ModelError: the style is absent, damaged, or not a style.
        ProviderError: an asked-for device or precision does not work here.

    Example:
        >>> import numpy as np
        >>> with Stylizer("starry-night") as stylizer:
        ...     stylizer(np.zeros((48, 64, 3), np.uint8)).shape
        (48, 64, 3)
    """

    def __init__(
        self,
        style: str | Path = "starry-night",
        *,
        device: Device = "auto",
        precision: Precision = "auto",
        threads: int | None = None,
        parallel: int = 1,
        size: Size = DEFAULT_SIZE,
        strength: float = 1.0,
        keep_color: bool = False,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        max_memory: int | None = None,
        allow_truncated: bool = False,
        verify: bool = True,
        adaptation: Adaptation | None = None,
    ) -> None:
        check_options(device, precision)
        self._process = os.getpid()
        self._options = PaintOptions(size, strength, keep_color)
        self._max_pixels = max_pixels
        self._max_memory = max_memory
        self._allow_truncated = allow_truncated
        flavour = preferred_flavour(device, precision)
        self._model = read_model(style, flavour=flavour, verify=verify, adaptation=adaptation)
        session = open_session(
            self._model, device=device, precision=precision, threads=threads, parallel=parallel
        )
        super().__init__(parallel)
        self._recipe = partial(
            type(self),
            style if find(str(style)) else self._model.path.absolute(),
            device=device,
            precision=precision,
            threads=threads,
            parallel=parallel,
            size=size,
            strength=strength,
            keep_color=keep_color,
            max_pixels=max_pixels,
            max_memory=max_memory,
            allow_truncated=allow_truncated,
            verify=verify,
            adaptation=adaptation,
        )
        self._info = self._facts(session)
        self._session: Session | None = session
        self._steady = SteadyStyle(
            style,
            self._model,
            verify=verify,
            device=device,
            precision=precision,
            threads=threads,
            parallel=parallel,
        )

    @property
    def info(self) -> StylizerInfo:
        """The model's facts, and the engine, precision and threads really in use."""
        return self._info

    def _facts(self, session: Session) -> StylizerInfo:
        metadata = self._model.metadata
        return StylizerInfo(
            name=self._model.name,
            title=metadata.get("title", self._model.name),
            path=str(self._model.path),
            sha256=self._model.sha256,
            network=metadata.get("network", "unknown"),
            flavour=self._model.flavour,
            provider=session.provider,
            device=session.device,
            precision=session.precision,
            threads=session.threads,
            size=self._options.size,
            strength=self._options.strength,
            keep_color=self._options.keep_color,
            max_pixels=self._max_pixels,
            licence=metadata.get("licence", "unknown"),
        )

    @overload
    def __call__(self, picture: NDArray[Any], **options: Unpack[CallOptions]) -> Pixels: ...
    @overload
    def __call__(self, picture: Image, **options: Unpack[CallOptions]) -> Image: ...
    @overload
    def __call__(self, picture: bytes, **options: Unpack[CallOptions]) -> bytes: ...
    @overload
    def __call__(self, picture: str | PathLike[str], **options: Unpack[CallOptions]) -> Path: ...
    @overload
    def __call__(self, picture: F, **options: Unpack[CallOptions]) -> F: ...

    def __call__(
        self,
        picture: Any,
        *,
        size: Size | None = None,
        strength: float | None = None,
        keep_color: bool | None = None,
        color: Literal["rgb", "bgr"] = "rgb",
        layout: Literal["hwc", "chw"] = "hwc",
        output: str | PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Any:
        """Paint a picture and give back what was given.

        Args:
            picture: uint8 array H×W×3 (or ×4 with alpha), batch N×H×W×3, PIL image, encoded bytes,
                a frame of a video, or a path.
            size: as in the constructor, for this picture.
            strength: as in the constructor, for this picture.
            keep_color: as in the constructor, for this picture.
            color: channel order of an array, in and out.
            layout: axis order of an array, in and out.
            output: for a path, where to write; by default `photo-STYLE.jpg` beside it.
            overwrite: whether an existing output may be replaced.

        Returns:
            An array, image or bytes like the input's; for a path, the path that was written.

        Raises:
            InputError: the picture cannot be used.
            OutputError: the result cannot be written.
        """
        options = self._options.changed(size, strength, keep_color)
        if isinstance(picture, str | PathLike):
            return self._paint_file(Path(picture), options, output, overwrite=overwrite)
        if output is not None:
            raise UsageError("output is for a path alone", cure="save what is returned")
        if isinstance(picture, np.ndarray):
            return self._paint_array(picture, options, color, layout)
        if isinstance(picture, bytes | bytearray | memoryview):
            return self._paint_bytes(bytes(picture), options)
        if _is_pil(picture):
            decoded = from_pil(picture, max_pixels=self._max_pixels, max_memory=self._max_memory)
            return to_pil(self._paint(decoded, options))
        if hasattr(picture, "painted"):
            return picture.painted(self._paint_rgb(picture.rgb, options))
        raise InputError(
            f"expected an array, PIL image, bytes or path, got {type(picture).__name__}",
            cure=_way_in(picture),
        )

    def paint(
        self,
        picture: Picture,
        *,
        size: Size | None = None,
        strength: float | None = None,
        keep_color: bool | None = None,
    ) -> Picture:
        """Paint a decoded picture; alpha, format and metadata stay."""
        return self._paint(picture, self._options.changed(size, strength, keep_color))

    def prepare_steady(self) -> None:
        """Open the style's steady file, which the first call of `paint_steadily` does otherwise.

        Raises:
            ModelError: the style has none, or that of another checkpoint.
            ProviderError: the device does not paint it.
        """
        self._open_session()
        self._steady.session()

    def paint_steadily(
        self,
        frame: Pixels,
        statistics: Statistics | None = None,
        *,
        keep: float = 0.0,
        adjust: Callable[[Pixels, Pixels], Pixels] | None = None,
    ) -> tuple[Pixels, Statistics]:
        """Paint a frame of a video with statistics of the frames before it.

        Args:
            frame: uint8 H×W×3.
            statistics: as they came back with the frame before; None for a first frame.
            keep: their share, 0…1; the rest are the frame's own.
            adjust: is given the frame as it is painted, at working size, and its painting; gives
                the painting that goes on. Detail, colours and strength come after.

        Returns:
            The painting, and the statistics that were used, float32 2×C.

        Raises:
            ModelError: the style has no steady file.
        """
        pixels, _ = as_rgb_array(frame)
        if pixels.ndim != 3:
            raise InputError("expected one frame H×W×3", cure="call it once per frame")
        used: list[Statistics] = []

        def run(photo: Pixels) -> Pixels:
            painting, mixed = self._steady.paint(photo, statistics, keep)
            used.append(mixed)
            return adjust(photo, painting) if adjust else painting

        self._open_session()
        return self._paint_rgb(pixels, self._options, run), used[0]

    def working_size(self, height: int, width: int, *, size: Size | None = None) -> tuple[int, int]:
        """Height and width at which a picture of this height and width is painted.

        Raises:
            InputError: the model is of a fixed size, another one.
        """
        return self._working_size(height, width, self._options.changed(size, None, None).size)

    def warmup(self, height: int, width: int) -> Stylizer:
        """Paint one black picture, so that the first real one of this size is not the slow one."""
        self(np.zeros((height, width, 3), np.uint8))
        return self

    def close(self) -> None:
        """Free the engine, as soon as other threads have finished their pictures."""
        self._session = None
        self._steady.close()
        super().close()

    def __enter__(self) -> Stylizer:
        self._open_session()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled is how it was made: another process makes its own engine."""
        return self._recipe, ()

    def __repr__(self) -> str:
        info = self._info
        state = f"{info.provider}, {info.precision}" if self._session else "closed"
        return f"Stylizer({self._model.name!r}, {state})"

    def _read(self, source: Path | bytes) -> Picture:
        return read_picture(
            source,
            max_pixels=self._max_pixels,
            max_memory=self._max_memory,
            allow_truncated=self._allow_truncated,
        )

    def _paint_file(
        self,
        path: Path,
        options: PaintOptions,
        output: str | PathLike[str] | None,
        *,
        overwrite: bool,
    ) -> Path:
        named = f"{path.stem}-{style_name(self._model.path)}{path.suffix}"
        target = path.with_name(named) if output is None else Path(output)
        kind = format_of(target)
        if os.path.lexists(target) and not overwrite:
            raise UsageError("exists already", path=target, cure="pass overwrite=True")
        picture = self._read(path)
        check_fits(picture, kind)
        write_picture(self._paint(picture, options), target)
        return target

    def _paint_bytes(self, data: bytes, options: PaintOptions) -> bytes:
        picture = self._read(data)
        check_fits(picture, picture.format)
        return encode_picture(self._paint(picture, options))

    def _paint_array(
        self, array: NDArray[Any], options: PaintOptions, color: Any, layout: Any
    ) -> Pixels:
        pixels, alpha = as_rgb_array(array, color=color, layout=layout)
        if pixels.ndim == 4:
            painted = np.stack([self._paint_rgb(one, options) for one in pixels])
        else:
            painted = self._paint_rgb(pixels, options)
        if color == "bgr":
            painted = painted[..., ::-1]
        if alpha is not None:
            painted = np.concatenate([painted, alpha[..., None]], axis=-1)
        if layout == "chw":
            painted = np.moveaxis(painted, -1, -3)
        return np.ascontiguousarray(painted)

    def _paint(self, picture: Picture, options: PaintOptions) -> Picture:
        return picture.replace_pixels(self._paint_rgb(picture.rgb, options))

    def _paint_rgb(
        self, photo: Pixels, options: PaintOptions, run: Callable[[Pixels], Pixels] | None = None
    ) -> Pixels:
        """Paint H×W×3: at working size, then back to full size, then strength and colour.

        `run` paints at working size; by default the plain file does, at once or part by part.
        """
        end_if_stopped()
        session = self._open_session()
        height, width = photo.shape[:2]
        check_pixels(height, width, self._max_pixels)
        at = self._working_size(height, width, options.size)
        try:
            check_memory(
                f"painting at {at[1]}x{at[0]}",
                round(at[0] * at[1] * session.memory_per_pixel * self._model.width / 0.5),
                self._max_memory,
                cure="paint it smaller: size (--size)",
            )
            run = run or partial(self._run, session)
        except LimitError:
            limit = allowed_memory(self._max_memory) or 0
            run = None if run else paint_within(limit, *at, self._steady, self._model)
            if run is None:
                raise
        if at == (height, width):
            painting = run(photo)
        else:
            small = shrink(photo, *at)
            painting = restore_detail(run(small), photo, small)
        if options.keep_color:
            painting = keep_color(painting, photo)
        if options.strength < 1:
            painting = blend(photo, painting, options.strength)
        return painting

    def _run(self, session: Session, photo: Pixels) -> Pixels:
        painting: Pixels = session.run(photo[None])[0]
        if painting.shape != photo.shape:
            came, given = ("×".join(map(str, array.shape)) for array in (painting, photo))
            raise ModelError(
                f"gives {came} for a picture of {given}, which no style does",
                path=self._model.path,
            )
        return painting

    def _working_size(self, height: int, width: int, size: Size) -> tuple[int, int]:
        fixed = self._model.fixed_size
        if fixed is None:
            return (height, width) if size == "full" else working_size(height, width, size)
        if fixed != (height, width):
            raise InputError(
                f"{width}x{height} does not fit this model: it paints {fixed[1]}x{fixed[0]} alone",
                cure="resize the picture, or export the model without --size",
            )
        return fixed

    def refuse_if_closed(self) -> None:
        self._open_session()

    def _open_session(self) -> Session:
        if os.getpid() != self._process:  # an engine's threads are not in the child
            raise ClosedError("was created in another process", cure="create it after fork")
        session = self._session  # once: another thread may close at any time
        if session is None:
            raise ClosedError("this Stylizer is closed", cure="make a new one")
        return session


def _way_in(picture: object) -> str:
    """How what is no picture itself becomes one."""
    if isinstance(picture, list | tuple):
        return "call it once per picture, or stack them N×H×W×3"
    if hasattr(picture, "read"):
        return "pass its bytes: file.read()"
    return "pass numpy.asarray of it" if hasattr(picture, "__array__") else ""


def _is_pil(picture: object) -> bool:
    """Whether it is a PIL image, of a kind of others too; Pillow is loaded if there can be one."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(picture, module.Image)
