"""`Stylizer`, the public class: pictures of any kind in, paintings of the same kind out."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from nst_rt.any_picture import AnyPicturePainter, VideoFrame
from nst_rt.errors import ClosedError, InputError
from nst_rt.images import (
    DEFAULT_MAX_PIXELS,
    Picture,
    PictureLimits,
    as_rgb_array,
    buffer_shape,
)
from nst_rt.model import Adaptation
from nst_rt.options import DEFAULT_SIZE, CallOptions, PaintOptions, Size
from nst_rt.painting.painter import Adjust, Painter
from nst_rt.painting.steady import Statistics
from nst_rt.pixels import Pixels
from nst_rt.sessions import Device, Precision, SessionOptions
from nst_rt.streaming import Streaming
from nst_rt.stylizer_info import StylizerInfo, info_of
from nst_rt.system.arguments import file_path, share, whole_number

if TYPE_CHECKING:
    from PIL.Image import Image

F = TypeVar("F", bound=VideoFrame)


class Stylizer(Streaming):
    """Painter of pictures in one style. Safe to share between threads; same input, same bytes.

    Args:
        style: a shipped style's name ("starry-night", see `nst-rt models`), a model file (.onnx) or
            an engine (.engine), which runs on the GPU that it is for.
        device: "auto", "cpu", "cuda", "tensorrt" (CUDA, through an engine that is built the first
            time), or an engine of the CPU: "openvino", "onnxruntime".
        precision: "auto" is the fastest that stays within half a grey level on average.
        threads: CPU threads; by default all that this process may use.
        parallel: pictures that threads of yours paint at once; they share the CPU threads. On a GPU
            there are at least three, so that one is painted while others are transferred.
        size: long side in pixels to paint at, or "full". Strokes have a size in pixels, so a large
            photo is painted smaller and brought back to its size with its own detail. Smaller
            pictures are painted as they are.
        strength: 0 returns the photo, 1 the painting, values between blend them.
        keep_color: luminance of the painting, colours of the photo.
        max_pixels: larger pictures are refused before they are decoded.
        max_memory: bytes that one picture may take, by default what is free at the time. A picture
            that takes more to paint is painted in parts, if the style has a steady file; one that
            takes more even so, or to decode, is refused beforehand.
        allow_truncated: whether the missing end of a truncated file may stay gray.
        verify: whether a shipped style is checked against its hash.
        trust_engine: whether to load an engine (.engine) that was not built here by this user: it
            is code.
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
        style: str | PathLike[str] = "starry-night",
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
        session = SessionOptions(device, precision, threads, parallel, trust_engine)
        limits = PictureLimits(max_pixels, max_memory)
        self._options = PaintOptions(size, strength, keep_color)
        named = style if isinstance(style, str) else file_path("style", style)
        self._painter = Painter(named, session, limits, verify=verify, adaptation=adaptation)
        self._any = AnyPicturePainter(self._painter, allow_truncated)
        super().__init__(self._painter.parallel)
        model = self._painter.model
        self._constructor = partial(
            type(self),
            named if model.is_shipped else model.path.absolute(),
            **vars(session),
            **vars(limits),
            **vars(self._options),
            allow_truncated=allow_truncated,
            verify=verify,
            adaptation=adaptation,
        )
        self._info = info_of(self._painter, self._options)

    @property
    def info(self) -> StylizerInfo:
        """Facts about the model, and the engine, precision and threads in use."""
        with suppress(ClosedError):  # the last ones in use stay known
            self._info = info_of(self._painter, self._options)
        return self._info

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
        """Paint a picture and return a painting of the same kind.

        Args:
            picture: uint8 array H×W×3 (or ×4 with alpha), batch N×H×W×3, PIL image, encoded bytes,
                a frame of a video, or a path. An array in GPU memory, without alpha, such as a
                PyTorch tensor, is painted there if this Stylizer paints on the GPU.
            size: as in the constructor, for this picture.
            strength: as in the constructor, for this picture.
            keep_color: as in the constructor, for this picture.
            color: channel order of an array, in and out.
            layout: axis order of an array, in and out.
            output: for a path, where to write; by default `photo-STYLE.jpg` beside it.
            overwrite: whether an existing output may be replaced.
            out: for an array, the array to paint into: uint8 of its shape, C-contiguous.

        Returns:
            An array, image or bytes like the input's; for a path, the path that was written; for an
            array in GPU memory of a library other than PyTorch and CuPy, an object with DLPack and
            `__cuda_array_interface__`.

        Raises:
            InputError: the picture cannot be used.
            OutputError: the result cannot be written.
        """
        options = self._options.changed(size, strength, keep_color)
        return self._any.paint(
            picture,
            options,
            color=color,
            layout=layout,
            output=output,
            overwrite=overwrite,
            out=out,
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
        return self._any.paint_decoded(picture, self._options.changed(size, strength, keep_color))

    def prepare_steady(self) -> None:
        """Open the style's steady file, which the first call of `paint_steadily` does otherwise.

        Raises:
            ModelError: the style has none, or one from another checkpoint.
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
            statistics: those returned for the frame before; None for a first frame.
            keep: their share, 0…1; the rest comes from the frame itself.
            adjust: a function of the frame at working size and its painting that returns the
                painting to go on with. Detail, colours and strength are applied after it.

        Returns:
            The painting, and the statistics that were used, float32 2×C.

        Raises:
            ModelError: the style has no steady file.
        """
        pixels, _ = as_rgb_array(frame)
        if pixels.ndim != 3:
            raise InputError("expected one frame H×W×3", cure="call it once per frame")
        kept = share("keep", keep)
        return self._painter.paint_steadily(pixels, self._options, statistics, kept, adjust)

    def working_size(self, height: int, width: int, *, size: Size | None = None) -> tuple[int, int]:
        """Return height and width at which a picture of this height and width is painted.

        Raises:
            InputError: the model has another, fixed size.
            SizeError: the model is an engine that does not take it, nor parts or a smaller one.
            UsageError: not a whole number, or below 1.
        """
        high, wide = whole_number("height", height), whole_number("width", width)
        options = self._options.changed(size, None, None)
        return self._painter.working_size(high, wide, options.size)

    def warmup(self, height: int, width: int) -> Stylizer:
        """Paint one black picture, so that the first real one of this size is not slower."""
        shape = buffer_shape(height, width, None, self._painter.limits.max_pixels)
        self(np.zeros(shape, np.uint8))
        return self

    def pinned(self, height: int, width: int, *, count: int | None = None) -> Pixels:
        """Allocate an uninitialized array for pictures, uint8 H×W×3, or N×H×W×3 with a count.

        For a GPU its memory is pinned: pictures in it, or in a part of it, are transferred without
        an intermediate copy, and so are paintings into one that is passed as `out`. For a CPU it is
        an ordinary array.

        Raises:
            UsageError: a size or the count is not a whole number, or below 1.
            LimitError: more pixels than `max_pixels`, or more memory than is free.
        """
        return self._painter.pinned(
            buffer_shape(height, width, count, self._painter.limits.max_pixels)
        )

    def close(self) -> None:
        """Free the engine as soon as other threads have finished their pictures."""
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
        """Pickle the constructor's arguments: another process opens its own engine."""
        return self._constructor, ()

    def __repr__(self) -> str:
        info = self._info
        state = f"{info.provider}, {info.precision}" if self._painter.is_open else "closed"
        return f"Stylizer({info.name!r}, {state})"

    def refuse_if_closed(self) -> None:
        self._painter.session()
