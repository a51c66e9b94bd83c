"""The size at which a picture is painted: the working size, or a smaller one for an engine."""

from __future__ import annotations

import logging

from nst_rt.engines.rebuild_command import size_error
from nst_rt.errors import InputError, ModelError, ProviderError, shown
from nst_rt.images import working_size
from nst_rt.model import ModelFile
from nst_rt.options import Size
from nst_rt.painting.steady import SteadyStyle
from nst_rt.painting.within_memory import WithinMemory

logger = logging.getLogger(__name__)


class Fitting:
    """Choice of sizes, with one warning where an engine requires a smaller one.

    Args:
        steady: the style's steady file.
        within_memory: paints pictures in parts that the plain file does not take.
    """

    def __init__(self, steady: SteadyStyle, within_memory: WithinMemory) -> None:
        self._steady, self._within_memory = steady, within_memory
        self._has_warned = False

    def size_of(
        self, model: ModelFile, height: int, width: int, size: Size, *, steadily: bool
    ) -> tuple[int, int]:
        """Return the size at which a picture is painted, see `Painter.working_size`.

        Args:
            model: the file that paints it.
            height: of the picture.
            width: of the picture.
            size: long side, or "full".
            steadily: whether it is a frame of a video, which cannot be painted in parts.

        Returns:
            Height and width.
        """
        fixed = model.fixed_size
        if fixed is None or (model.engine and fixed != (height, width)):
            at = (height, width) if size == "full" else working_size(height, width, size)
            return self._fitted(model, at, shrinks=size != "full", steadily=steadily)
        if fixed != (height, width):
            raise InputError(
                f"{width}x{height} does not fit this model: it paints {fixed[1]}x{fixed[0]} alone",
                cure="resize the picture, or export the model without --size",
            )
        return fixed

    def _fitted(
        self, model: ModelFile, at: tuple[int, int], *, shrinks: bool, steadily: bool
    ) -> tuple[int, int]:
        """Return a working size that the model takes: engines are for a range of sizes."""
        engine = model.engine
        if engine is None or engine.takes((1, *at, 3)):
            return at
        if not steadily and self._within_memory.takes(*at):
            return at
        in_parts = not steadily and at[0] >= engine.smallest[0] and at[1] >= engine.smallest[1]
        smaller = engine.fitted(at) if shrinks else None
        if smaller is None:
            raise size_error(model.path, engine, at, instead=self._missing_for_parts(in_parts))
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s takes pictures of %s: larger ones are painted smaller%s",
                shown(model.path.name), engine.range_text(), self._missing_for_parts(in_parts),
            )  # fmt: skip
        return smaller

    def _missing_for_parts(self, in_parts: bool) -> str:
        """Return the text that says what painting `in_parts` lacks, empty where that is no use."""
        try:
            if in_parts:
                self._steady.session()
        except (ModelError, ProviderError) as error:
            return f"; in parts, as they are: {error.cure or error}"
        return ""
