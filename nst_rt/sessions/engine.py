"""Engines of TensorRT and TensorRT-RTX without ONNX Runtime."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nst_rt.engines.cache import EngineKey, private_folder
from nst_rt.engines.command import outside
from nst_rt.engines.side_car import EngineFacts
from nst_rt.errors import ModelError, ProviderError
from nst_rt.model import ModelFile
from nst_rt.nvidia.engine import Engine, Launch
from nst_rt.nvidia.memory import Gpu
from nst_rt.sessions import Precision, missing_engine
from nst_rt.sessions.engine_fit import Fit, check_fit
from nst_rt.sessions.forks import keep_in_children
from nst_rt.sessions.further import Numbers, further_inputs
from nst_rt.sessions.gpu import GpuSession
from nst_rt.sessions.in_flight import InFlight, Shape


class EngineSession(GpuSession):
    """One engine, of which the caller knows who built it.

    Raises:
        ModelError: it does not fit this machine, or cannot be read.
        ProviderError: the library, a driver, a GPU or memory is absent.
    """

    def __init__(self, model: ModelFile, *, precision: Precision, threads: int) -> None:
        assert model.engine is not None
        facts, self._model = model.engine, model
        if precision not in ("auto", facts.precision):
            raise ProviderError(
                f"this engine computes in {facts.precision}, {precision} was asked for",
                path=model.path,
                cure="build another from its checkpoint or style with --precision",
            )
        fit = check_fit(model.path, facts, model.data)
        self.provider, self.precision, self.threads = fit.title, facts.precision, threads
        try:
            self._gpu = Gpu()
        except ImportError as error:
            raise missing_engine("cuda-bindings", fit.library.extra, error) from error
        try:
            self._engine = Engine(
                fit.module,
                fit.title,
                model.data,
                self._gpu,
                finishes=fit.library.portable,
                kernels=_kernels_of(model, fit) if fit.library.portable else None,
            )
        except ModelError as error:
            raise ModelError(error.what, path=model.path, cure=error.cure) from error
        keep_in_children(self._engine)
        bind = partial(_bind, self._engine, facts, model.path)
        self._pictures = InFlight(
            self._gpu, model.scale, bind, Launch.start, compute=self._engine.stream
        )

    def run_all(
        self, image: NDArray[np.uint8], **inputs: Numbers
    ) -> tuple[NDArray[np.uint8], dict[str, Numbers]]:
        further_inputs(self._model, len(image), inputs)
        return self.run(image), {}

    def release(self) -> None:
        super().release()
        self._engine.release()

    def close(self) -> None:
        self._pictures.close()
        del self._pictures, self._engine


def _bind(
    engine: Engine,
    facts: EngineFacts,
    path: Path,
    shape: Shape,
    painted: Shape,
    image: int,
    painting: int,
) -> Launch:
    if not facts.takes(shape):
        raise outside(path, facts, (shape[1], shape[2]), shape[0])
    launch = engine.launch(shape, image, painting)
    keep_in_children(launch)
    return launch


def _kernels_of(model: ModelFile, fit: Fit) -> Path | None:
    """The file of what this GPU, driver and version made of an engine; None if none can be kept."""
    key = EngineKey(
        model=model.sha256,
        backend=fit.title,
        gpu=fit.gpu.name,
        capability=fit.gpu.capability,
        driver=fit.driver.version,
        precision="",
        shapes="",
    )
    folder = private_folder("kernels")
    return folder / f"{key.folder_name}.bin" if folder else None
