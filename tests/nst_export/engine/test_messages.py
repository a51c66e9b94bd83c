"""The builder's messages become one line with a cure; from the real builder where possible."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nst_export.engine.backends import Backend
from nst_export.engine.configuration import add_profile
from nst_export.engine.messages import refusal
from nst_export.engine.profiles import Profile
from nst_rt.errors import ModelError, NstError, ProviderError, UsageError
from nst_rt.nvidia.tensorrt_log import Messages

Refused = Callable[..., NstError]


@pytest.fixture
def refused(rtx: Backend, messages: Messages, parsed: Callable[[bytes], Any]) -> Refused:
    """Return the error of a build of a model with a profile of three shapes, or without one."""

    def build(data: bytes, *shapes: tuple[int, ...]) -> NstError:
        builder, network = rtx.builder(messages), parsed(data)
        config = builder.create_builder_config()
        if shapes:
            profile = builder.create_optimization_profile()
            profile.set_shape("image", *shapes)
            assert config.add_optimization_profile(profile) == 0
        assert builder.build_serialized_network(network, config) is None
        return refusal(messages, rtx.title)

    return build


def test_no_profile(refused: Refused, shipped: Path) -> None:
    error = refused(shipped.read_bytes())
    assert isinstance(error, UsageError)
    assert "no range of sizes was given; give smallest, usual and largest" in str(error)


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 16, 16, 4)])
def test_profile_of_another_input(refused: Refused, shipped: Path, shape: tuple[int, ...]) -> None:
    error = refused(shipped.read_bytes(), shape, shape, shape)
    assert isinstance(error, ModelError)
    assert "do not fit its input; give a model whose input is uint8 N×H×W×3" in str(error)


def test_sizes_out_of_order(
    rtx: Backend, messages: Messages, parsed: Callable[[bytes], Any], shipped: Path
) -> None:
    builder, network = rtx.builder(messages), parsed(shipped.read_bytes())
    profile = Profile((16, 16), (32, 32), (64, 64))
    object.__setattr__(profile, "max", (24, 24))  # what Profile itself refuses
    with pytest.raises(UsageError, match=r"not in order; choose smallest ≤ usual ≤ largest"):
        add_profile(builder, network, builder.create_builder_config(), profile, messages, rtx.title)


def test_no_output(rtx: Backend, messages: Messages) -> None:
    builder = rtx.builder(messages)
    network = builder.create_network(0)
    assert builder.build_serialized_network(network, builder.create_builder_config()) is None
    assert "holds no network" in str(refusal(messages, rtx.title))


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            "IBuilder::buildSerializedNetwork: Error Code 10: Internal Error (Could not find any "
            "implementation for node {ForeignNode[down0...last]}.)",
            ProviderError, "needs more memory than it may take; raise workspace_mib",
        ),
        (
            "[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)",
            ProviderError, "needs more memory than it may take; raise workspace_mib",
        ),
        (
            "[checkMacros.cpp] Error Code 1: (cudaError 35: CUDA driver version is insufficient "
            "for CUDA runtime version)",
            ProviderError, "finds no GPU .* or build with backend='tensorrt-rtx'",
        ),
        (
            "createInferBuilder: Error Code 6: API Usage Error (CUDA initialization failure with "
            "error: 100)",
            ProviderError, "finds no GPU",
        ),
        (
            "Error Code 9: API Usage Error (Target GPU SM 61 is not supported by this TensorRT "
            "release. In f at /src/x.cpp:12)",
            ProviderError, r"does not know this GPU \(compute capability 61\)",
        ),
        (
            "Error Code 2: Something new (it broke In validate at /_src/a.cpp:1)\nmore",
            ModelError, r"cannot build it \(Error Code 2: Something new \(it broke\)\); -vv shows",
        ),
    ],
)  # fmt: skip
def test_what_only_a_gpu_provokes(said: str, kind: type[NstError], message: str) -> None:
    with pytest.raises(kind, match=message):
        raise refusal(Messages(errors=[said]), "TensorRT 11.4")


def test_silence(rtx: Backend) -> None:
    assert "(it does not say why)" in str(refusal(Messages(), rtx.title))


def test_only_serious_warnings_are_shown_unasked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "nst_rt.nvidia")
    messages = Messages()
    messages.add("WARNING", "Detected layernorm nodes in FP16: norm_3")
    messages.add("WARNING", "Make sure input x has Int64 binding.")
    messages.add("VERBOSE", "Registered plugin creator")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
