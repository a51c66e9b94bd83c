"""Building: from a model file to an engine with its side-car."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nst_export.engine.backends import Backend, open_backend
from nst_export.engine.configuration import (
    add_profile,
    capabilities_of,
    configure,
    load_timing_cache,
    save_timing_cache,
)
from nst_export.engine.messages import refusal
from nst_export.engine.network import check_sizes, fixed_shape, parse, precision_of
from nst_export.engine.options import EngineOptions
from nst_export.engine.profiles import LARGEST, Profile
from nst_export.engine.progress import Steps, monitor_of
from nst_export.engine.source import Report, model_for
from nst_export.progress import Progress, silent
from nst_rt._version import __version__
from nst_rt.engines.cache import build_lock
from nst_rt.engines.side_car import (
    PORTABLE,
    SUFFIX,
    EngineFacts,
    side_car_path,
    this_platform,
)
from nst_rt.engines.trust import record_built
from nst_rt.errors import NstError, OutputError, UsageError
from nst_rt.model import ModelFile
from nst_rt.nvidia.tensorrt_log import Messages, collect_messages
from nst_rt.sizes import size_text
from nst_rt.system.atomic import replace_file
from nst_rt.system.cancellation import run_interruptible

if TYPE_CHECKING:
    import tensorrt as trt

    from nst_export.verification import Parity

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuiltEngine:
    """The files of a build; `rows` compare the model that was made for it, if one was."""

    path: Path
    facts: EngineFacts
    rows: list[Parity]


def build_engine(
    source: str | Path,
    target: Path,
    options: EngineOptions | None = None,
    *,
    facts: Mapping[str, str] | None = None,
    overwrite: bool = False,
    report: Report = lambda row: None,
    progress: Progress = silent,
) -> BuiltEngine:
    """Write `target` and its side-car.

    Args:
        source: a shipped style's name, a model file (.onnx) or a checkpoint.
        target: ends in .engine.
        options: how it is built.
        facts: title and licence for the metadata of a model made from a checkpoint.
        overwrite: whether an existing file may be replaced.
        report: called with every comparison of a model that is made from a checkpoint.
        progress: called as the build goes on, from another thread.

    Raises:
        UsageError: options that do not fit together or the model, or the target exists.
        ModelError: the model is refused, by us or by TensorRT.
        ProviderError: TensorRT is absent, has too little memory, or is at work for another process
            and stays so.
        OutputError: the engine cannot be written; known before it is built where it can be.
    """
    options = options or EngineOptions()
    _check_target(target, overwrite)
    backend = open_backend(options.backend)
    rows: list[Parity] = []

    def remember(row: Parity) -> None:
        rows.append(row)
        report(row)

    name = target.name.removesuffix(SUFFIX)
    model = model_for(source, name, options, facts or {}, remember, progress)
    with build_lock(), collect_messages() as messages:
        _check_target(target, overwrite)  # another process may have built it meanwhile
        builder = backend.builder(messages)
        built = _Build(backend, model, options, messages, progress)
        try:
            plan = built.run(builder)
        except NstError as error:
            if error.path is None:
                raise type(error)(error.what, path=model.path, cure=error.cure) from error
            raise
        engine = built.facts(plan)
        _write(target, plan, engine)
    record_built(target, engine)
    return BuiltEngine(target, engine, rows)


class _Build:
    """One build, step after step."""

    def __init__(
        self,
        backend: Backend,
        model: ModelFile,
        options: EngineOptions,
        messages: Messages,
        progress: Progress,
    ) -> None:
        self.backend, self.model, self.options = backend, model, options
        self.messages, self.steps = messages, Steps(progress)
        self.precision = ""
        self.profile: Profile | None = None

    def run(self, builder: trt.Builder) -> bytes:
        """Build and return the engine's bytes."""
        network = self._parse(builder)
        self.precision = precision_of(self.backend.module, network)
        self._check_precision()
        config = configure(self.backend, builder, self.options)
        fixed = fixed_shape(network)
        self.profile = self._profile(fixed)
        check_sizes(
            self.backend.module,
            self._parse(builder),
            self.profile,
            self.model.scale,
            self.model.path,
        )
        if fixed is None:
            title = self.backend.title
            add_profile(builder, network, config, self.profile, self.messages, title)
        load_timing_cache(self.backend, config, self.options)
        config.progress_monitor = monitor_of(self.backend.module, self.steps)
        plan = run_interruptible(
            lambda: self._compile(builder, network, config), self.steps.stopped.set
        )
        self.steps.raise_failure()
        save_timing_cache(self.backend, config, self.options)
        return plan

    def facts(self, plan: bytes) -> EngineFacts:
        """Return the side-car of the engine `plan`."""
        assert self.profile is not None
        options = {"level": self.options.level, "workspace_mib": self.options.workspace_mib}
        memory = {
            "activations": self.messages.number("Total Activation Memory"),
            "weights": self.messages.number("Total Weights Memory"),
        }
        shapes = {name: list(shape) for name, shape in self.profile.shapes().items()}
        gpu = self.backend.gpu
        return EngineFacts(
            model=self.model.metadata,
            onnx_sha256=self.model.sha256,
            engine_sha256=hashlib.sha256(plan).hexdigest(),
            engine_bytes=len(plan),
            backend=self.backend.name,
            backend_version=self.backend.version,
            creator=f"nst-rt {__version__}",
            platform=this_platform(),
            gpu=gpu.name if gpu and not self.backend.library.portable else PORTABLE,
            compute_capabilities=list(capabilities_of(self.backend, self.options)),
            precision=self.precision,
            profiles=[shapes],
            options={key: value for key, value in options.items() if value is not None},
            memory={key: value for key, value in memory.items() if value is not None},
            statistics=self.model.num_statistics or 0,
            driver=self.backend.driver,
        )

    def _parse(self, builder: trt.Builder) -> trt.INetworkDefinition:
        title = self.backend.title
        return parse(self.backend.module, builder, self.model.data, self.messages, title)

    def _check_precision(self) -> None:
        asked = self.options.precision
        if asked and asked != self.precision:
            raise UsageError(
                f"computes in {self.precision}, {asked} was asked for",
                path=self.model.path,
                cure="leave out precision (--precision), or build from its checkpoint: "
                f"nst-rt export CHECKPOINT OUT{SUFFIX} --precision {asked}{self._variant()}",
            )

    def _variant(self) -> str:
        return "" if self.model.num_statistics is None else " --variant steady"

    def _profile(self, fixed: tuple[int, int, int, int] | None) -> Profile:
        options = self.options
        if fixed is None:
            profile = options.profile()
            if self.model.num_statistics is not None and options.batch != 1:
                raise UsageError(
                    "takes one picture at a time, as it takes statistics",
                    path=self.model.path,
                    cure="leave out batch (--batch)",
                )
            if options.largest is None and options.fixed is None and profile.max != LARGEST:
                logger.warning(
                    "no largest size (--max) was given: the engine takes pictures of up to %s, as "
                    "--opt or --min asks for, and plans memory for them",
                    size_text(profile.max),
                )
            return profile
        size = (fixed[1], fixed[2])
        ranged = options.smallest or options.usual or options.largest or options.batch != 1
        if ranged or options.fixed not in (None, size):
            raise UsageError(
                f"takes pictures of {size_text(size)} and no others, one at a time",
                path=self.model.path,
                cure="leave out sizes and batch (--batch), or give a model of any size",
            )
        return Profile(size, size, size, fixed[0])

    def _compile(
        self, builder: trt.Builder, network: trt.INetworkDefinition, config: trt.IBuilderConfig
    ) -> bytes:
        plan = builder.build_serialized_network(network, config)
        if plan is None and not self.steps.stopped.is_set():
            raise refusal(self.messages, self.backend.title)
        return bytes(plan) if plan is not None else b""


def _check_target(target: Path, overwrite: bool) -> None:
    """Refuse a target that would fail only after a long build."""
    if target.suffix != SUFFIX:
        raise UsageError("is not the name of an engine", path=target, cure=f"end it in {SUFFIX}")
    if target.is_dir():
        raise OutputError("is a folder", path=target, cure="give a file in it")
    for path in (target, side_car_path(target)):
        if path.exists() and not overwrite:
            raise UsageError("exists already", path=path, cure="pass overwrite=True (--overwrite)")
    folder = next(path for path in target.absolute().parents if path.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError("cannot be written in", path=folder, cure="choose another folder")


def _write(target: Path, plan: bytes, facts: EngineFacts) -> None:
    """Write the side-car last: an engine without one, or with another's, is not loaded."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, plan)
        try:
            replace_file(side_car_path(target), facts.as_json().encode())
        except BaseException:  # Ctrl-C too
            target.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError.from_error(error, target) from error
