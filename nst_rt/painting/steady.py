"""The steady file of a style: the same network, which also takes normalization statistics.

It paints pictures that belong together with the same statistics: the frames of a video, the tiles
of a large picture.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_rt.errors import ModelError, shown
from nst_rt.model import ModelFile, read_model
from nst_rt.pixels import Pixels
from nst_rt.sessions import Session

Statistics = NDArray[np.float32]
"""Mean and 1/σ of every normalization of a network, 2×C."""


class SteadyStyle:
    """A style's steady file, read and opened when it is first used.

    Args:
        style: a shipped style's name, or the plain or steady file.
        plain: the style's plain file; both must be from the same checkpoint.
        verify: whether a shipped style is checked against its hash.
        opens: opens a session with the options of the plain file.
    """

    def __init__(
        self,
        style: str | Path,
        plain: ModelFile,
        *,
        verify: bool,
        opens: Callable[[ModelFile], Session],
    ) -> None:
        self._style, self._plain, self._verify, self._open = style, plain, verify, opens
        self._lock = threading.Lock()
        self._model: ModelFile | None = None
        self._session: Session | None = None

    def session(self) -> Session:
        """Return the session, opened now if it is not yet.

        Raises:
            ModelError: the style has no steady file, or one from another checkpoint, or an engine
                that is not trusted.
            ProviderError: the device does not paint it.
        """
        with self._lock:
            if self._session is None:
                self._model = self._read()
                self._session = self._open(self._model)
            return self._session

    def model(self) -> ModelFile:
        """Return the model file, read now if it is not yet; raises as `session` does."""
        self.session()
        assert self._model is not None
        return self._model

    @property
    def sha256(self) -> str | None:
        """Hash of the file that was read last, None before the first use."""
        model = self._model
        return model.sha256 if model else None

    @property
    def opened(self) -> Session | None:
        """The open session, None before the first use."""
        return self._session

    def paint(
        self, picture: Pixels, statistics: Statistics | None, keep: float
    ) -> tuple[Pixels, Statistics]:
        """Paint with a share `keep` of given statistics and the rest from the picture itself.

        Args:
            picture: uint8 H×W×3, C-contiguous.
            statistics: float32 2×C; None keeps nothing.
            keep: 0…1.

        Returns:
            The painting, and the statistics that were used.
        """
        given: dict[str, NDArray[np.float32]] = {}
        if statistics is not None:
            given = {
                "statistics": np.expand_dims(statistics, 0),
                "keep": np.array([keep], np.float32),
            }
        painting, further = self.session().run_all(picture[None], **given)
        if statistics is not None and keep == 1:
            return painting[0], statistics  # as given: the graph's have been rounded twice
        return painting[0], further["statistics_out"][0]

    def close(self) -> None:
        with self._lock:
            self._session = None

    def _read(self) -> ModelFile:
        if self._plain.adaptation is not None:
            raise ModelError("a model of another program takes no statistics", path=self._style)
        model = read_model(self._style, variant="steady", verify=self._verify)
        if model.num_statistics is None:
            raise ModelError("takes no statistics, although its name says so", path=model.path)
        one, other = (m.metadata.get("checkpoint_sha256") for m in (model, self._plain))
        if one != other:
            raise ModelError(
                f"is from another checkpoint than {shown(self._plain.path)}",
                path=model.path,
                cure="export both from the same one",
            )
        return model
