"""A build collects what TensorRT logs, and a picture that fails still gets its own errors."""

from __future__ import annotations

import pytest
import tensorrt_rtx

from nst_rt.nvidia.tensorrt_log import collect_messages, shared_logger, take_recent_errors

ERROR = tensorrt_rtx.ILogger.Severity.ERROR
INFO = tensorrt_rtx.ILogger.Severity.INFO


@pytest.fixture
def logger() -> tensorrt_rtx.ILogger:
    take_recent_errors()
    return shared_logger(tensorrt_rtx)


def test_a_failed_picture_takes_nothing_from_a_build(logger: tensorrt_rtx.ILogger) -> None:
    with collect_messages() as messages:
        logger.log(INFO, "Total Weights Memory: 7 bytes")
        logger.log(ERROR, "the picture failed")
        assert take_recent_errors().errors == ["the picture failed"]
        logger.log(INFO, "Total Activation Memory: 8 bytes")
    assert messages.number("Total Weights Memory") == 7
    assert messages.number("Total Activation Memory") == 8


def test_errors_of_a_build_are_not_those_of_a_later_picture(logger: tensorrt_rtx.ILogger) -> None:
    with collect_messages() as messages:
        logger.log(ERROR, "the build failed")
    assert messages.errors == ["the build failed"]
    logger.log(ERROR, "the picture failed")
    assert take_recent_errors().errors == ["the picture failed"]
    assert take_recent_errors().errors == []
