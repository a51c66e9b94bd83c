"""Native engines of TensorRT and TensorRT-RTX, which run without ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nst_rt.engines.cache import writable_folder
from nst_rt.engines.eviction import delete_least_used, mark_used
from nst_rt.engines.key import BuildTarget
from nst_rt.engines.rebuild_command import size_error
from nst_rt.engines.side_car import EngineFacts
from nst_rt.errors import ModelError
from nst_rt.model import ModelFile
from nst_rt.nvidia.context import CudaContext
from nst_rt.nvidia.engine import Engine, Launch
from nst_rt.nvidia.memory import Stream
from nst_rt.sessions.engine_fit import Fit, check_fit
from nst_rt.sessions.extra_tensors import FloatArray, extra_shapes
from nst_rt.sessions.forks import keep_in_children
from nst_rt.sessions.gpu import GpuSession
from nst_rt.sessions.in_flight import InFlight, Shape
from nst_rt.sessions.limits import Limits
from nst_rt.sessions.missing import missing_engine
from nst_rt.sessions.options import Precision
from nst_rt.sessions.staged_tensors import ExtraTensors

KERNELS_KEPT = 32
"""Files of kernels that are kept when an engine is opened: those that were used last."""


class EngineSession(GpuSession):
    """One engine. The caller must trust it: it is code.

    Raises:
        ModelError: it does not fit this machine, or cannot be read.
        ProviderError: the library, a driver, a GPU or memory is absent.
    """

    def __init__(self, model: ModelFile, *, precision: Precision, threads: int) -> None:
        assert model.engine is not None
        facts, self._model = model.engine, model
        if precision not in ("auto", facts.precision):
            raise ModelError(
                f"this engine computes in {facts.precision}, {precision} was asked for",
                path=model.path,
                cure="build another from its checkpoint or style with --precision",
            )
        fit = check_fit(model.path, facts, model.data)
        self.provider, self.precision, self.threads = fit.title, facts.precision, threads
        try:
            self._cuda = CudaContext()
        except ImportError as error:
            raise missing_engine("cuda-bindings", fit.library.extra, error) from error
        try:
            self._engine = Engine(
                fit.module,
                fit.title,
                model.data,
                self._cuda,
                compiles_on_gpu=fit.library.portable,
                extra=_extra_shapes(model),
                kernels=_kernels_of(model, fit) if fit.library.portable else None,
            )
        except ModelError as error:
            raise ModelError(error.what, path=model.path, cure=error.cure) from error
        keep_in_children(self._engine)
        self.limits = Limits(facts.smallest, facts.largest)
        # functions, not methods: a session that is dropped is then in no cycle and freed at once
        self._pictures = InFlight(
            self._cuda,
            model.scale,
            partial(_bind, self._engine, model, facts),
            EngineBinding.start,
            compute=self._engine.stream,
        )

    def release(self) -> None:
        self._pictures.close(self._engine.release)

    def close(self) -> None:
        self._pictures.close()
        del self._pictures, self._engine


@dataclass(frozen=True)
class EngineBinding:
    """The launch for a picture and its painting, and the extra tensors that go with them."""

    launch: Launch
    extra: ExtraTensors
    stream: Stream

    def start(self, *extra: FloatArray) -> None:
        """Queue a launch with values of the extra inputs, see `ExtraTensors.upload`."""
        self.extra.upload(extra, self.stream)
        self.launch.start()
        self.extra.download(self.stream)


def _bind(
    engine: Engine,
    model: ModelFile,
    facts: EngineFacts,
    shape: Shape,
    painted: Shape,
    image: int,
    painting: int,
) -> EngineBinding:
    if not facts.takes(shape):
        raise size_error(model.path, facts, (shape[1], shape[2]), shape[0])
    extra = ExtraTensors(engine.cuda, model, shape[0])
    launch = engine.prepare(shape, image, painting, extra.device_buffers)
    keep_in_children(launch)
    return EngineBinding(launch, extra, engine.stream)


def _extra_shapes(model: ModelFile) -> dict[str, Shape]:
    """Return names and shapes of an engine's extra inputs and outputs."""
    inputs, outputs = extra_shapes(model, 1)
    return inputs | outputs


def _kernels_of(model: ModelFile, fit: Fit) -> Path | None:
    """Return the file of an engine's kernels for this GPU, driver and version; None if unkept."""
    target = BuildTarget(fit.title, fit.gpu.name, fit.gpu.capability, fit.driver.version)
    folder = writable_folder("kernels")
    if folder is None:
        return None
    file = folder / f"{model.sha256[:16]}-{target.digest}.bin"
    mark_used(file)
    delete_least_used(folder.glob("*.bin"), KERNELS_KEPT)
    return file
