"""Whoever builds hears what TensorRT says, and whoever paints is told of errors all the same."""

from __future__ import annotations

import pytest
import tensorrt_rtx

from nst_rt.nvidia.tensorrt_log import listening, logger_of, overheard

ERROR = tensorrt_rtx.ILogger.Severity.ERROR
INFO = tensorrt_rtx.ILogger.Severity.INFO


@pytest.fixture
def logger() -> tensorrt_rtx.ILogger:
    overheard()
    return logger_of(tensorrt_rtx)


def test_a_failed_picture_takes_nothing_from_a_build(logger: tensorrt_rtx.ILogger) -> None:
    with listening() as messages:
        logger.log(INFO, "Total Weights Memory: 7 bytes")
        logger.log(ERROR, "the picture failed")
        assert overheard().errors == ["the picture failed"]
        logger.log(INFO, "Total Activation Memory: 8 bytes")
    assert messages.number("Total Weights Memory") == 7
    assert messages.number("Total Activation Memory") == 8


def test_errors_of_a_build_are_not_those_of_a_later_picture(logger: tensorrt_rtx.ILogger) -> None:
    with listening() as messages:
        logger.log(ERROR, "the build failed")
    assert messages.errors == ["the build failed"]
    logger.log(ERROR, "the picture failed")
    assert overheard().errors == ["the picture failed"]
    assert overheard().errors == []
