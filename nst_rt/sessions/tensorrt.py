"""ONNX Runtime's TensorRT provider, which builds an engine of a model file the first time."""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nst_rt.engines.cache import build_once, writable_folder
from nst_rt.engines.key import BuildTarget, EngineKey
from nst_rt.errors import ProviderError, SizeError, shown
from nst_rt.model import ModelFile
from nst_rt.nvidia.driver import query_driver
from nst_rt.nvidia.libraries import cure_for
from nst_rt.sessions.cuda import CudaBinding, CudaSession, need_libraries
from nst_rt.sessions.error_output import keep_error_output
from nst_rt.sessions.in_flight import Shape
from nst_rt.sessions.limits import Limits
from nst_rt.sessions.options import Precision
from nst_rt.sessions.placement import nodes_by_provider
from nst_rt.sessions.sessions_by_shape import SessionsByShape
from nst_rt.sizes import size_text

logger = logging.getLogger(__name__)

SMALLEST, USUAL, LARGEST = (1, 16, 16, 3), (1, 720, 1280, 3), (1, 1920, 1920, 3)
"""Optimization profile of an engine, N×H×W×3: it takes everything that is painted at the usual
working size, portrait or landscape, and videos in full HD. Memory depends on the largest."""
_LIBRARY = "nvinfer_10.dll" if sys.platform == "win32" else "libnvinfer.so.10"
_HAS_TF32 = (8, 0)


class TensorRtSession(CudaSession):
    """The TensorRT provider; CUDA computes the nodes that it does not take, never the CPU."""

    _provider = "TensorrtExecutionProvider"
    _smallest = SMALLEST

    def __init__(self, model: ModelFile, *, precision: Precision, threads: int) -> None:
        super().__init__(model, precision=precision, threads=threads)
        self.provider = f"{self.provider}, TensorRT {self._version}"
        if others := sum(self.nodes.values()) - self.nodes[self._provider]:
            logger.warning(
                "%s: TensorRT takes %d nodes, CUDA computes %d",
                model.name,
                self.nodes[self._provider],
                others,
            )
        if model.fixed_size is None:
            self.limits = Limits(SMALLEST[1:3], LARGEST[1:3])
        # sessions of one shape would gain nothing, and each need another engine
        self._sessions = SessionsByShape(self._binding_session(self._session, captures=False), None)

    def _prepare(self, model: ModelFile, onnxruntime: Any) -> None:
        if model.fused:
            raise ProviderError(
                "TensorRT has no fused operators", path=model.path, cure="choose device cuda"
            )
        super()._prepare(model, onnxruntime)
        need_libraries(onnxruntime, "tensorrt")
        self._version = _version()
        self._driver = query_driver()
        self._folder: Path | None = None

    def _precision(self, model: ModelFile, asked: Precision) -> str:
        computed = super()._precision(model, "auto")
        gpu = self._driver.gpus[0]
        if computed == "fp32" and tuple(map(int, gpu.capability.split("."))) >= _HAS_TF32:
            computed = "tf32"  # TensorRT's default, for which ONNX Runtime has no option
        if asked not in ("auto", computed):
            raise ProviderError(
                f"TensorRT computes this file in {computed}, {asked} was asked for",
                cure="choose device cuda" if asked == "fp32" else "",
            )
        return computed

    def _load(self, options: dict[str, str], sizes: Mapping[str, int] | None = None) -> Any:
        """Load the engine from the cache, or build it and keep it there."""
        load, key = super()._load, self._key()

        def build(folder: Path | None) -> Any:
            kept = folder is not None and any(folder.glob("*.engine"))
            self._folder, self._timings = folder, None if kept else _timings(key.target)
            log = None if folder is None or kept else folder / "messages.log"
            try:
                with keep_error_output(log):
                    session = self._load_or_forget_timings(partial(load, options, sizes))
            except ProviderError as error:
                raise _with_log(error, log) from error
            if log:
                log.unlink(missing_ok=True)
            nodes = nodes_by_provider(session)
            if self._provider not in nodes:
                raise ProviderError(
                    "TensorRT takes no node of this model", cure="choose device cuda"
                )
            return session

        return build_once(key, self._model.name, build)

    def _load_or_forget_timings(self, load: Callable[[], Any]) -> Any:
        try:
            return load()
        except ProviderError:
            if not self._forget_timings():
                raise
            return load()

    def _options(self, model: ModelFile) -> dict[str, str]:
        # the CUDA provider would capture a graph of its own nodes alone
        return super()._options(model) | {"enable_cuda_graph": "0"}

    def _providers(self, options: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
        return [
            (self._provider, self._engine_options() | self._cache_options()),
            (CudaSession._provider, options),
        ]

    def _bind(self, shape: Shape, painted: Shape, image: int, painting: int) -> CudaBinding:
        smallest, _, largest = self._range()
        if not all(a <= size <= b for a, size, b in zip(smallest, shape, largest, strict=True)):
            raise self._size_error(shape)
        return super()._bind(shape, painted, image, painting)

    def _size_error(self, shape: Shape) -> SizeError:
        """Return the error for pictures N×H×W×3 that the engine does not take."""
        taken = dict.fromkeys(size_text((height, width)) for _, height, width, _ in self._range())
        count, height, width, _ = shape
        batch = f" in batches of {count}" if count > 1 else ""
        short, long = sorted((height, width))
        least, most = SMALLEST[1], LARGEST[1]
        fits_smaller = count == 1 and long > most and short * most >= least * long
        cure = "choose device cuda"
        if fits_smaller and self._model.fixed_size is None:
            cure = f"choose a size of {most} or less (--size), or device cuda"
        return SizeError(
            f"its TensorRT engine takes one picture at a time, of {' … '.join(taken)}, "
            f"not of {size_text((height, width))}{batch}",
            path=self._model.path,
            cure=cure,
        )

    def _engine_options(self) -> dict[str, str]:
        """Return the provider's options on which the engine depends."""
        # the provider's networks are weakly typed: TensorRT computes the file's half-precision
        # tensors in float32 unless fp16 is enabled
        options = {"trt_fp16_enable": str(self._model.flavour == "fp16")}
        smallest, usual, largest = self._range()
        if smallest != largest:
            for name, shape in (("min", smallest), ("opt", usual), ("max", largest)):
                text = "x".join(map(str, shape))
                options[f"trt_profile_{name}_shapes"] = f"{self._model.inputs[0].name}:{text}"
        return options

    def _range(self) -> list[Shape]:
        """Return the smallest, usual and largest picture N×H×W×3."""
        own = self._model.inputs[0].shape
        return [
            tuple(
                size if isinstance(size, int) else limit
                for size, limit in zip(own, shape, strict=True)
            )
            for shape in (SMALLEST, USUAL, LARGEST)
        ]

    def _cache_options(self) -> dict[str, str]:
        """Return the provider's options for its stream and its caches."""
        options = {"user_compute_stream": str(int(self._pictures.compute.handle))}
        if self._folder:
            options |= {
                "trt_engine_cache_enable": "True",
                "trt_engine_cache_path": str(self._folder),
            }
        if self._timings:
            options |= {
                "trt_timing_cache_enable": "True",
                "trt_timing_cache_path": str(self._timings.parent),
            }
        return options

    def _forget_timings(self) -> bool:
        """Empty the timing cache, which a killed build may have damaged.

        Returns:
            Whether it held anything.
        """
        file = self._timings
        if file is None or not file.exists() or not file.stat().st_size:
            return False
        file.write_bytes(b"")
        return True

    def _key(self) -> EngineKey:
        gpu = self._driver.gpus[0]
        options = self._engine_options()
        target = BuildTarget(
            backend=f"ONNX Runtime {self._onnxruntime.__version__}, TensorRT {self._version}",
            gpu=gpu.name,
            capability=gpu.capability,
            driver=self._driver.version,
        )
        return EngineKey(
            model=self._model.sha256,
            target=target,
            precision=self.precision,
            shapes=" ".join(text for name, text in options.items() if name.endswith("shapes")),
        )


def _with_log(error: ProviderError, log: Path | None) -> ProviderError:
    """Return the error of a build with the file of the messages, if there are any."""
    if log is None or not log.exists() or not log.stat().st_size:
        return error
    cures = (error.cure, f"{shown(log)} has TensorRT's messages")
    return type(error)(error.what, cure="; ".join(filter(None, cures)))


def _timings(target: BuildTarget) -> Path | None:
    """Return the file of TensorRT's timing cache, which styles of the same network share.

    It is created empty, since ONNX Runtime warns of one that is absent.
    """
    folder = writable_folder(f"timings-{target.digest}")
    if folder is None:
        return None
    capability = target.capability.replace(".", "")
    file = folder / f"TensorrtExecutionProvider_cache_sm{capability}.timing"
    file.touch()
    return file


def _version() -> str:
    """Return TensorRT's version; the library reports 10.16.1 as 101601."""
    try:
        number = ctypes.CDLL(_LIBRARY).getInferLibVersion()
    except OSError as error:
        raise ProviderError(
            f"TensorRT 10 does not load ({error})", cure=cure_for(["libnvinfer.so.10"])
        ) from error
    return f"{number // 10_000}.{number // 100 % 100}.{number % 100}"
