"""A style that is open and paints RGB arrays: working size, memory, strength and colours."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nst_rt.engine_command import outside
from nst_rt.errors import ClosedError, InputError, LimitError, ModelError, UsageError, shown
from nst_rt.images import (
    allowed_memory,
    blend,
    check_memory,
    check_pixels,
    keep_color,
    restore_detail,
    shrink,
    working_size,
)
from nst_rt.model import Adaptation, read_model
from nst_rt.options import PaintOptions, Size
from nst_rt.sessions import Device, Precision, Session, open_session, preferred_flavour
from nst_rt.sessions.gpu import GpuSession
from nst_rt.steady import Statistics, SteadyStyle
from nst_rt.stopping import end_if_stopped
from nst_rt.strips import paint_within

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
Run = Callable[[Pixels], Pixels]
"""Paints uint8 H×W×3 at working size."""
Adjust = Callable[[Pixels, Pixels], Pixels]
"""Is given a frame at working size and its painting, gives the painting that goes on."""


class Painter:
    """Paints uint8 H×W×3 in one style, from any thread of the process that made it.

    Args and errors are those of `Stylizer`.
    """

    def __init__(
        self,
        style: str | Path,
        *,
        device: Device,
        precision: Precision,
        threads: int | None,
        parallel: int,
        max_pixels: int,
        max_memory: int | None,
        verify: bool,
        trust_engine: bool,
        adaptation: Adaptation | None,
    ) -> None:
        self._process = os.getpid()
        self.max_pixels, self.max_memory = max_pixels, max_memory
        flavour = preferred_flavour(device, precision)
        self.model = read_model(style, flavour=flavour, verify=verify, adaptation=adaptation)
        self._session: Session | None = open_session(
            self.model,
            device=device,
            precision=precision,
            threads=threads,
            parallel=parallel,
            trust_engine=trust_engine,
        )
        self._told_limit = False
        self._steady = SteadyStyle(
            style,
            self.model,
            verify=verify,
            device=device,
            precision=precision,
            threads=threads,
            parallel=parallel,
        )

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def session(self) -> Session:
        """The engine.

        Raises:
            ClosedError: it was closed, or this is another process.
        """
        if os.getpid() != self._process:  # an engine's threads are not in the child
            raise ClosedError("was created in another process", cure="create it after fork")
        session = self._session  # once: another thread may close at any time
        if session is None:
            raise ClosedError("this Stylizer is closed", cure="make a new one")
        return session

    def close(self) -> None:
        """Free the engine, as soon as other threads have finished their pictures."""
        self._session = None
        self._steady.close()

    def pinned(self, shape: tuple[int, ...]) -> Pixels:
        """See `Stylizer.pinned`."""
        session = self.session()
        if isinstance(session, GpuSession):
            return session.pinned(*shape)
        return np.empty(shape, np.uint8)

    def paint(
        self,
        photo: Pixels,
        options: PaintOptions,
        run: Run | None = None,
        out: Pixels | None = None,
    ) -> Pixels:
        """Paint H×W×3: at working size, then back to full size, then strength and colour.

        `run` paints at working size; by default the plain file does, at once or part by part. The
        painting goes into `out`, an array like the photo, or is a new array.
        """
        end_if_stopped()
        session = self.session()
        height, width = photo.shape[:2]
        check_pixels(height, width, self.max_pixels)
        at = self.working_size(height, width, options.size)
        plain = at == (height, width) and options.strength == 1 and not options.keep_color
        run = self._within_memory(session, at, run, out if plain else None)
        if at == (height, width):
            painting = run(photo)
        else:
            small = shrink(photo, *at)
            painting = restore_detail(run(small), photo, small)
        if options.keep_color:
            painting = keep_color(painting, photo)
        if options.strength < 1:
            painting = blend(photo, painting, options.strength)
        if out is None:
            return painting
        if not np.may_share_memory(painting, out):
            out[...] = painting
        return out

    def paint_array(self, array: Any, options: PaintOptions) -> Any:
        """Paint a picture that lies in GPU memory, where it is, see `Stylizer.__call__`."""
        session = self.session()
        if not isinstance(session, GpuSession):
            raise UsageError(
                f"the picture lies in GPU memory, {session.provider} paints on the CPU",
                cure='choose device "cuda", or copy it to the host and give a NumPy array',
            )
        if options.keep_color or options.strength < 1:
            raise UsageError(
                "strength and colours are mixed on the CPU, the picture lies in GPU memory",
                cure="mix it with its painting yourself, or copy it to the host and give an array",
            )
        place = session.place_of(array)
        height, width = place.shape[-3:-1]
        check_pixels(height, width, self.max_pixels)
        at = self.working_size(height, width, options.size)
        if at != (height, width):
            raise UsageError(
                f"a picture of {width}x{height} is not brought to {at[1]}x{at[0]} on the GPU",
                cure='pass size="full", or a picture that is small enough',
            )
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

    def working_size(self, height: int, width: int, size: Size) -> tuple[int, int]:
        """Height and width at which a picture is painted.

        Raises:
            InputError: the model is of a fixed size, another one.
            ModelError: the model is an engine, and takes neither this size nor a smaller one in
                proportion; or it was to be painted in full.
        """
        fixed = self.model.fixed_size
        if fixed is None:
            at = (height, width) if size == "full" else working_size(height, width, size)
            return self._fitted(at, shrinks=size != "full")
        if fixed != (height, width):
            raise InputError(
                f"{width}x{height} does not fit this model: it paints {fixed[1]}x{fixed[0]} alone",
                cure="resize the picture, or export the model without --size",
            )
        return fixed

    def _fitted(self, at: tuple[int, int], *, shrinks: bool) -> tuple[int, int]:
        """A working size that the model takes: engines are for a range of sizes."""
        engine = self.model.engine
        if engine is None or engine.takes((1, *at, 3)):
            return at
        smaller = engine.fitted(at) if shrinks else None
        if smaller is None:
            raise outside(self.model.path, engine, at)
        if not self._told_limit:
            self._told_limit = True
            logger.warning(
                "%s takes pictures of %s: larger ones are painted smaller",
                shown(self.model.path.name), engine.range_text(),
            )  # fmt: skip
        return smaller

    def _within_memory(
        self, session: Session, at: tuple[int, int], run: Run | None, out: Pixels | None
    ) -> Run:
        """What paints at this size: what was given, the plain file, or it part by part.

        Raises:
            LimitError: none of them fits.
        """
        try:
            check_memory(
                f"painting at {at[1]}x{at[0]}",
                round(at[0] * at[1] * session.memory_per_pixel * self.model.width / 0.5),
                self.max_memory,
                cure="paint it smaller: size (--size)",
            )
        except LimitError:
            limit = allowed_memory(self.max_memory) or 0
            parts = None if run else paint_within(limit, *at, self._steady, self.model)
            if parts is None:
                raise
            return parts
        return run or partial(self._run, session, out)

    def _run(self, session: Session, out: Pixels | None, photo: Pixels) -> Pixels:
        painting: Pixels
        if isinstance(session, GpuSession) and out is not None:
            painting = session.run(photo[None], out[None])[0]
        else:
            painting = session.run(photo[None])[0]
        if painting.shape != photo.shape:
            came, given = ("×".join(map(str, array.shape)) for array in (painting, photo))
            raise ModelError(
                f"gives {came} for a picture of {given}, which no style does",
                path=self.model.path,
            )
        return painting
