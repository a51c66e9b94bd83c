"""`Stylizer`: any picture in, the same kind of picture out, painted."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import ClosedError, InputError, UsageError
from nst_rt.images import (
    DEFAULT_MAX_PIXELS,
    Picture,
    as_rgb_array,
    buffer_shape,
    check_fits,
    check_out,
    encode_picture,
    format_of,
    from_pil,
    read_picture,
    to_pil,
    write_picture,
)
from nst_rt.model import Adaptation, style_name
from nst_rt.nvidia.device_array import is_device_array
from nst_rt.options import DEFAULT_SIZE, CallOptions, PaintOptions, Size
from nst_rt.painter import Adjust, Painter
from nst_rt.sessions import (
    Device,
    Precision,
    check_options,
)
from nst_rt.steady import Statistics
from nst_rt.streaming import Streaming
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
    nodes: dict[str, int]
    """How many of the model's run where, by ONNX Runtime's name of it; empty on the CPU."""
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
        style: a shipped style's name ("starry-night", see `nst-rt models`), a model file (.onnx) or
            an engine (.engine), which runs on the GPU that it is for.
        device: "auto", "cpu", "cuda", "tensorrt" (CUDA, through an engine that is built the first
            time), or an engine of the CPU: "openvino", "onnxruntime".
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
        trust_engine: load an engine (.engine) that was not built here by this user: it is code.
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
        trust_engine: bool = False,
        adaptation: Adaptation | None = None,
    ) -> None:
        check_options(device, precision)
        self._options = PaintOptions(size, strength, keep_color)
        self._allow_truncated = allow_truncated
        self._painter = Painter(
            style,
            device=device,
            precision=precision,
            threads=threads,
            parallel=parallel,
            max_pixels=max_pixels,
            max_memory=max_memory,
            verify=verify,
            trust_engine=trust_engine,
            adaptation=adaptation,
        )
        super().__init__(parallel)
        self._recipe = partial(
            type(self),
            style if find(str(style)) else self._painter.model.path.absolute(),
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
            trust_engine=trust_engine,
            adaptation=adaptation,
        )
        self._info = self._facts()

    @property
    def info(self) -> StylizerInfo:
        """The model's facts, and the engine, precision and threads really in use."""
        with suppress(ClosedError):  # what was in use last stays known
            self._info = self._facts()
        return self._info

    def _facts(self) -> StylizerInfo:
        model, session = self._painter.model, self._painter.session()
        metadata = model.metadata
        return StylizerInfo(
            name=model.name,
            title=metadata.get("title", model.name),
            path=str(model.path),
            sha256=model.sha256,
            network=metadata.get("network", "unknown"),
            flavour=model.flavour,
            provider=session.provider,
            device=session.device,
            precision=session.precision,
            threads=session.threads,
            nodes=dict(session.nodes),
            size=self._options.size,
            strength=self._options.strength,
            keep_color=self._options.keep_color,
            max_pixels=self._painter.max_pixels,
            licence=metadata.get("licence", "unknown"),
        )

    @overload
    def __call__(
        self, picture: NDArray[Any], *, out: Pixels | None = None, **options: Unpack[CallOptions]
    ) -> Pixels: ...
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
        out: Pixels | None = None,
    ) -> Any:
        """Paint a picture and give back what was given.

        Args:
            picture: uint8 array H×W×3 (or ×4 with alpha), batch N×H×W×3, PIL image, encoded bytes,
                a frame of a video, or a path. One without alpha that lies in GPU memory, a tensor
                of PyTorch for example, is painted there, if this paints on the GPU.
            size: as in the constructor, for this picture.
            strength: as in the constructor, for this picture.
            keep_color: as in the constructor, for this picture.
            color: channel order of an array, in and out.
            layout: axis order of an array, in and out.
            output: for a path, where to write; by default `photo-STYLE.jpg` beside it.
            overwrite: whether an existing output may be replaced.
            out: for an array, where the painting goes: uint8 of its shape, C-contiguous.

        Returns:
            An array, image or bytes like the input's; for a path, the path that was written; for an
            array in GPU memory of another library than PyTorch and CuPy what has DLPack and
            `__cuda_array_interface__`.

        Raises:
            InputError: the picture cannot be used.
            OutputError: the result cannot be written.
        """
        options = self._options.changed(size, strength, keep_color)
        if out is not None and not isinstance(picture, np.ndarray):
            raise UsageError("out is for an array alone", cure="take what is returned")
        if isinstance(picture, str | PathLike):
            return self._paint_file(Path(picture), options, output, overwrite=overwrite)
        if output is not None:
            raise UsageError("output is for a path alone", cure="save what is returned")
        if isinstance(picture, np.ndarray):
            return self._paint_array(picture, options, color, layout, out)
        if isinstance(picture, bytes | bytearray | memoryview):
            return self._paint_bytes(bytes(picture), options)
        if _is_pil(picture):
            limits = self._painter
            decoded = from_pil(picture, max_pixels=limits.max_pixels, max_memory=limits.max_memory)
            return to_pil(self._paint(decoded, options))
        if is_device_array(picture):
            if (color, layout) != ("rgb", "hwc"):
                raise UsageError("a picture in GPU memory is RGB, H×W×3", cure="reorder it there")
            return self._painter.paint_array(picture, options)
        if hasattr(picture, "painted"):
            return picture.painted(self._painter.paint(picture.rgb, options))
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
        self._painter.prepare_steady()

    def paint_steadily(
        self,
        frame: Pixels,
        statistics: Statistics | None = None,
        *,
        keep: float = 0.0,
        adjust: Adjust | None = None,
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
        return self._painter.paint_steadily(pixels, self._options, statistics, keep, adjust)

    def working_size(self, height: int, width: int, *, size: Size | None = None) -> tuple[int, int]:
        """Height and width at which a picture of this height and width is painted.

        Raises:
            InputError: the model is of a fixed size, another one.
        """
        options = self._options.changed(size, None, None)
        return self._painter.working_size(height, width, options.size)

    def warmup(self, height: int, width: int) -> Stylizer:
        """Paint one black picture, so that the first real one of this size is not the slow one."""
        shape = buffer_shape(height, width, None, self._painter.max_pixels)
        self(np.zeros(shape, np.uint8))
        return self

    def pinned(self, height: int, width: int, *, count: int | None = None) -> Pixels:
        """An uninitialized array for pictures, uint8 H×W×3, or N×H×W×3 if a count is given.

        On a GPU its memory is pinned: pictures in it, or in a part of it, go up to the GPU without
        being copied first, and paintings come down into one that is given as `out`. On a CPU it is
        an array like any other.

        Raises:
            UsageError: a size or the count is no whole number, or below 1.
            LimitError: more pixels than `max_pixels`, or more memory than is free.
        """
        return self._painter.pinned(buffer_shape(height, width, count, self._painter.max_pixels))

    def close(self) -> None:
        """Free the engine, as soon as other threads have finished their pictures."""
        self._painter.close()
        super().close()

    def __enter__(self) -> Stylizer:
        self.refuse_if_closed()
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
        state = f"{info.provider}, {info.precision}" if self._painter.is_open else "closed"
        return f"Stylizer({info.name!r}, {state})"

    def _read(self, source: Path | bytes) -> Picture:
        return read_picture(
            source,
            max_pixels=self._painter.max_pixels,
            max_memory=self._painter.max_memory,
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
        named = f"{path.stem}-{style_name(self._painter.model.path)}{path.suffix}"
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
        self,
        array: NDArray[Any],
        options: PaintOptions,
        color: Any,
        layout: Any,
        out: Pixels | None,
    ) -> Pixels:
        pixels, alpha = as_rgb_array(array, color=color, layout=layout)
        if out is not None:
            check_out(out, array.shape)
        as_given = alpha is None and (color, layout) == ("rgb", "hwc")
        painted = self._paint_pixels(pixels, options, out if as_given else None)
        if color == "bgr":
            painted = painted[..., ::-1]
        if alpha is not None:
            painted = np.concatenate([painted, alpha[..., None]], axis=-1)
        if layout == "chw":
            painted = np.moveaxis(painted, -1, -3)
        if out is None:
            return np.ascontiguousarray(painted)
        if painted is not out:
            out[...] = painted
        return out

    def _paint_pixels(self, pixels: Pixels, options: PaintOptions, out: Pixels | None) -> Pixels:
        """Paint (N×)H×W×3 into `out`, or a new array."""
        if pixels.ndim == 3:
            return self._painter.paint(pixels, options, out=out)
        paintings = np.empty_like(pixels) if out is None else out
        for one, place in zip(pixels, paintings, strict=True):
            self._painter.paint(one, options, out=place)
        return paintings

    def _paint(self, picture: Picture, options: PaintOptions) -> Picture:
        return picture.replace_pixels(self._painter.paint(picture.rgb, options))

    def refuse_if_closed(self) -> None:
        self._painter.session()


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
