"""What TensorRT-RTX itself answers to have been told: a side-car repeats our options alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nst_export.engine import EngineOptions
from nst_export.engine.backends import Backend
from nst_export.engine.configuration import add_profile, configure
from nst_rt.nvidia.tensorrt_log import Messages
from tests.nst_export.engine.small_models import convolution


def test_sizes_reach_the_builder(
    rtx: Backend, parsed: Callable[[bytes], Any], messages: Messages, tmp_path: Path
) -> None:
    network = parsed(convolution(tmp_path / "x.onnx").read_bytes())
    builder, profiles = rtx.builder(messages), []

    def create_optimization_profile() -> Any:
        profiles.append(builder.create_optimization_profile())
        return profiles[-1]

    kept: Any = SimpleNamespace(create_optimization_profile=create_optimization_profile)
    options = EngineOptions(smallest=(16, 32), usual=(64, 96), largest=(128, 256), batch=4)
    config = configure(rtx, builder, options)
    add_profile(kept, network, config, options.profile(), messages, rtx.title)
    [profile] = profiles
    shapes = [tuple(shape) for shape in profile.get_shape("image")]
    assert shapes == [(1, 16, 32, 3), (4, 64, 96, 3), (4, 128, 256, 3)]
    assert config.num_optimization_profiles == 1


def test_level_workspace_and_gpus_reach_the_builder(rtx: Backend, messages: Messages) -> None:
    trt, builder = rtx.module, rtx.builder(messages)
    given = EngineOptions(level=5, workspace_mib=77, capabilities=("8.9", "12.0"))
    for options in EngineOptions(level=1, capabilities=("8.6",)), given:
        config = configure(rtx, builder, options)
        assert config.builder_optimization_level == options.level
        aims = [config.get_compute_capability(i) for i in range(config.num_compute_capabilities)]
        names = [f"SM{capability.replace('.', '')}" for capability in options.capabilities]
        assert [aim.name for aim in aims] == names
    assert config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE) == 77 << 20
