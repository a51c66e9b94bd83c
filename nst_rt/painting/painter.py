"""Painting RGB arrays in one open style: working size, memory, strength and colours."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nst_rt.errors import ClosedError, ModelError, OutOfMemoryError, UsageError
from nst_rt.images import (
    PictureLimits,
    blend,
    check_pixels,
    is_blank,
    keep_color,
    restore_detail,
    shrink,
)
from nst_rt.model import Adaptation, read_model
from nst_rt.options import PaintOptions, Size
from nst_rt.painting.fitting import Fitting
from nst_rt.painting.steady import Statistics, SteadyStyle
from nst_rt.painting.within_memory import Run, WithinMemory
from nst_rt.pixels import Pixels
from nst_rt.sessions import Session, SessionOptions, open_session, preferred_flavour
from nst_rt.sessions.gpu import GpuSession
from nst_rt.sessions.in_flight import PICTURES_IN_FLIGHT
from nst_rt.system.cancellation import raise_if_cancelled
from nst_rt.system.exiting import left_before_exit

logger = logging.getLogger(__name__)

_AVOID_FP16 = "choose precision fp32 (--precision fp32), or export the style in fp32"
Adjust = Callable[[Pixels, Pixels], Pixels]
"""Function of a frame at working size and its painting that returns the painting to go on with."""


class Painter:
    """Painter of uint8 H×W×3 in one style, for any thread of the process that made it.

    Args:
        style: a shipped style's name, or a file.
        session: options with which its models are opened.
        limits: limits for one picture.
        verify: whether a shipped style is checked against its hash.
        adaptation: how to feed a model that another program made.

    Raises:
        ModelError: the style is absent, damaged, or not a style.
        ProviderError: an asked-for device or precision does not work here.
    """

    @left_before_exit()
    def __init__(
        self,
        style: str | Path,
        session: SessionOptions,
        limits: PictureLimits,
        *,
        verify: bool,
        adaptation: Adaptation | None,
    ) -> None:
        self._process, self._lock = os.getpid(), threading.Lock()
        self._options, self.limits = session, limits
        self._read = partial(read_model, style, verify=verify, adaptation=adaptation)
        self.model = self._read(flavour=preferred_flavour(session.device, session.precision))
        self._session: Session | None = open_session(self.model, session)
        on_gpu = self._session.device != "cpu"
        self.parallel = max(session.parallel, PICTURES_IN_FLIGHT if on_gpu else 1)
        """Number of pictures that threads should paint at once."""
        opens = partial(open_session, options=session)
        self._steady = SteadyStyle(style, self.model, verify=verify, opens=opens)
        on_cpu = replace(
            session, device="cpu", precision="fp32" if session.precision == "fp32" else "auto"
        )
        self._open_on_cpu = partial(
            Painter, style, on_cpu, limits, verify=verify, adaptation=adaptation
        )
        self._cpu: Painter | None = None
        # a GPU or a precision that was asked for by name is never left for another
        leaves_gpu = session.device == "auto" and on_gpu and not self.model.engine
        self._leaves_fp16 = session.precision == "auto" and self.model.is_shipped
        self._within_memory = WithinMemory(
            self.model, self._steady, limits.max_memory, self._paint_on_cpu if leaves_gpu else None
        )
        self._fitting = Fitting(self._steady, self._within_memory)

    @property
    def steady_sha256(self) -> str | None:
        """Hash of the steady file, None before its first use."""
        return self._steady.sha256

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def session(self) -> Session:
        """Return the session.

        Raises:
            ClosedError: it was closed, or was opened in another process.
        """
        if os.getpid() != self._process:  # an engine's threads are not in the child
            raise ClosedError("was created in another process", cure="create it after fork")
        session = self._session  # once: another thread may close at any time
        if session is None:
            raise ClosedError("this Stylizer is closed", cure="make a new one")
        return session

    def close(self) -> None:
        """Free the engine as soon as other threads have finished their pictures."""
        self._session = None
        self._steady.close()
        if self._cpu:
            self._cpu.close()

    def pinned(self, shape: tuple[int, ...]) -> Pixels:
        """Allocate an array for pictures, see `Stylizer.pinned`."""
        return self.session().pinned(*shape)

    @left_before_exit()
    def paint(
        self,
        photo: Pixels,
        options: PaintOptions,
        run: Run | None = None,
        out: Pixels | None = None,
    ) -> Pixels:
        """Paint H×W×3: at working size, then back to full size, then strength and colour.

        Args:
            photo: uint8 H×W×3, C-contiguous.
            options: size, strength and colours.
            run: paints at working size; by default the plain file does, at once or in parts.
            out: array of the photo's shape for the painting; by default a new one.
        """
        raise_if_cancelled()
        self.session()
        height, width = photo.shape[:2]
        check_pixels(height, width, self.limits.max_pixels)
        at = self.working_size(height, width, options.size, steadily=run is not None)
        if at == (height, width):
            plain = options.strength == 1 and not options.keep_color
            # a painting over its own photo could neither be checked nor repeated
            direct = plain and out is not None and not np.may_share_memory(photo, out)
            painting = self._paint_at_size(photo, run, out if direct else None)
        else:
            small = shrink(photo, *at)
            painting = restore_detail(self._paint_at_size(small, run, None), photo, small)
        if options.keep_color:
            painting = keep_color(painting, photo)
        if options.strength < 1:
            painting = blend(photo, painting, options.strength)
        if out is None:
            return painting
        if not np.may_share_memory(painting, out):
            out[...] = painting
        return out

    @left_before_exit()
    def paint_array(self, array: Any, options: PaintOptions) -> Any:
        """Paint a picture in GPU memory where it is, see `Stylizer.__call__`."""
        session = self.session()
        if not isinstance(session, GpuSession):
            raise UsageError(
                f"the picture is in GPU memory, {session.provider} paints on the CPU",
                cure='choose device "cuda", or copy it to the host and give a NumPy array',
            )
        if options.keep_color or options.strength < 1:
            raise UsageError(
                "strength and colours are mixed on the CPU, the picture is in GPU memory",
                cure="mix it with its painting yourself, or copy it to the host and give an array",
            )
        place = session.as_device_array(array)
        height, width = place.shape[-3:-1]
        check_pixels(height, width, self.limits.max_pixels)
        at = self.working_size(height, width, options.size)
        if at != (height, width):
            raise UsageError(
                f"a picture of {width}x{height} is not resized to {at[1]}x{at[0]} on the GPU",
                cure='pass size="full", or a picture that is small enough',
            )
        try:
            return session.paint_array(array, place)
        except OutOfMemoryError:
            pass
        session.release()  # not in the handler: the error there holds on to buffers
        return session.paint_array(array, place)

    def prepare_steady(self) -> None:
        """Open the style's steady file, see `Stylizer.prepare_steady`."""
        self.session()
        self._steady.session()

    def paint_steadily(
        self,
        frame: Pixels,
        options: PaintOptions,
        statistics: Statistics | None,
        keep: float,
        adjust: Adjust | None,
    ) -> tuple[Pixels, Statistics]:
        """Paint H×W×3 with given statistics, see `Stylizer.paint_steadily`."""
        used: list[Statistics] = []

        def run(photo: Pixels) -> Pixels:
            painting, mixed = self._steady.paint(photo, statistics, keep)
            used.append(mixed)
            return adjust(photo, painting) if adjust else painting

        return self.paint(frame, options, run), used[0]

    def working_size(
        self, height: int, width: int, size: Size, *, steadily: bool = False
    ) -> tuple[int, int]:
        """Return the height and width at which a picture is painted.

        Args:
            height: of the picture.
            width: of the picture.
            size: long side, or "full".
            steadily: whether the steady file alone paints it.

        Raises:
            InputError: the model has another, fixed size.
            SizeError: the model is an engine that takes neither this size nor, unless `size` is
                "full", a smaller one in proportion.
        """
        model = self._steady.model() if steadily else self.model
        return self._fitting.size_of(model, height, width, size, steadily=steadily)

    def _paint_at_size(self, photo: Pixels, run: Run | None, out: Pixels | None) -> Pixels:
        """Paint at working size, with `run` or the plain file.

        Raises:
            LimitError: it takes more memory than is allowed.
            OutOfMemoryError: it takes more than there is.
            ModelError: the painting is one colour, the photo is not.
        """
        session = self.session()
        if run:
            painting = self._within_memory.paint_frame(photo, session, run)
        else:
            at_once = partial(self._run, session, out)
            painting = self._within_memory.paint(photo, session, at_once)
        if not is_blank(painting, photo):
            return painting
        if run is None and self._leave_fp16(session):
            return self._paint_at_size(photo, None, out)
        raise ModelError(
            "paints it in one colour, as arithmetic that overflows does",
            path=self.model.path,
            cure=_AVOID_FP16 if self.model.flavour == "fp16" else "choose another style",
        )

    def _leave_fp16(self, failed: Session) -> bool:
        """Replace a session whose half precision overflows; return whether another one paints."""
        with self._lock:
            if self._session is failed and self._leaves_fp16 and self.model.flavour == "fp16":
                logger.warning(
                    "%s: half precision painted one colour, from now on float32 paints",
                    self.model.name,
                )
                self.model = self._read(flavour="fp32")
                # on a GPU the file or TensorRT decides about the precision
                options = self._options
                if failed.device != "cuda":
                    options = replace(options, precision="fp32")
                self._session = open_session(self.model, options)
            return self._session is not failed

    def _paint_on_cpu(self, photo: Pixels) -> Pixels:
        """Paint at this size on the CPU."""
        with self._lock:
            if self._cpu is None:
                self._cpu = self._open_on_cpu()
        return self._cpu.paint(photo, PaintOptions("full", strength=1.0, keep_color=False))

    def _run(self, session: Session, out: Pixels | None, photo: Pixels) -> Pixels:
        painting: Pixels = session.run(photo[None], None if out is None else out[None])[0]
        if painting.shape != photo.shape:
            came, given = ("×".join(map(str, array.shape)) for array in (painting, photo))
            raise ModelError(
                f"returns {came} for a picture of {given}, as no style does",
                path=self.model.path,
            )
        return painting
