"""Errors of the TensorRT provider name the reason and the cure."""

from __future__ import annotations

import onnx
import pytest

from tests.cuda.echo import echo_model


def test_missing_tensorrt_is_named_with_the_version_that_is_wanted(machine, echo) -> None:
    ended = machine("print(told(opened))", echo, tensorrt=False)
    named = "libnvinfer.so.10, libnvonnxparser.so.10 are missing"
    assert ended.out == f'MissingExtraError 5: {named}; pip install "tensorrt-cu13<11"\n', ended.err


def test_tensorrt_that_does_not_load_is_told(machine, echo) -> None:
    code = """
    from nst_rt.sessions import tensorrt
    tensorrt.need_libraries = lambda onnxruntime, provider: None  # as on Windows
    print(told(opened))
    """
    ended = machine(code, echo, tensorrt=False)
    assert ended.out.startswith("ProviderError 5: TensorRT 10 does not load (libnvinfer.so.10: ")
    assert ended.out.endswith('pip install "tensorrt-cu13<11"\n')


def test_options_are_parsed_by_the_provider_itself(machine, echo) -> None:
    """A name that it does not know, and a value that it does not take, are errors."""
    code = """
    from nst_rt.sessions.tensorrt import TensorRtSession
    right = TensorRtSession._engine_options
    for wrong in {"trt_fp16_enabled": "True"}, {"trt_fp16_enable": "yes"}:
        TensorRtSession._engine_options = lambda self: right(self) | wrong
        print(told(opened))
        os.environ["NST_RT_CACHE"] += "-of-the-next"
    """
    name, value = machine(code, echo).out.splitlines()
    assert "trt_fp16_enabled" in name
    assert "trt_fp16_enable" in value
    assert name.startswith("ProviderError 5: ")


def test_model_of_which_tensorrt_takes_nothing_is_refused(machine, echo) -> None:
    ended = machine("print(told(opened))", echo, nodes=0)
    assert ended.out.startswith("ProviderError 5: TensorRT takes no node of this model; choose dev")


def test_picture_beyond_the_engine_is_refused_with_its_sizes(machine, echo) -> None:
    code = """
    session = opened()
    for height, width in (1921, 20), (20, 15), (10, 1200), (10, 4000):
        print(told(lambda: session.run(black(height, width))))
    print(told(lambda: session.run(np.concatenate([picture] * 2))))
    print((session.run(picture) == picture).all())
    """
    ended = machine(code, echo)
    *refused, painted = ended.out.splitlines()
    takes = "takes one picture at a time, of 16x16 … 1280x720 … 1920x1920, not of"
    cure = "choose device cuda"
    assert [line.partition("its TensorRT engine ")[2] for line in refused] == [
        f"{takes} 20x1921; choose a size of 1920 or less (--size), or device cuda",
        f"{takes} 15x20; {cure}",
        f"{takes} 1200x10; {cure}",
        f"{takes} 4000x10; {cure}",  # 1920 pixels wide it would be too low
        f"{takes} 30x20 in batches of 2; {cure}",
    ], ended.err
    assert all(line.startswith("SizeError 4: ") for line in refused)
    assert painted == "True"


def test_arithmetic_that_tensorrt_has_not_is_refused(machine, echo) -> None:
    code = """
    print(told(lambda: opened(precision="fp32")))
    print(told(lambda: opened(precision="fp16")))
    """
    ended = machine(code, echo)
    first, second = ended.out.splitlines()
    assert first == (
        "ProviderError 5: TensorRT computes this file in tf32, fp32 was asked for; choose device cu"
        "da"
    ), ended.err
    assert "computes this file in tf32, fp16 was asked for" in second
    ended = machine('print(opened(precision="fp32").precision)', echo, capability=75)
    assert ended.out == "fp32\n", ended.err


def test_failure_in_the_middle_is_told_and_nothing_else_paints(machine, echo) -> None:
    code = """
    session = opened()
    os.environ["STAND_IN_FAIL"] = "enqueueV3:700"
    print(told(lambda: session.run(picture)))
    os.environ["STAND_IN_FAIL"] = ""
    print((session.run(picture) == picture).all())
    """
    ended = machine(code, echo)
    first, second = ended.out.splitlines()
    assert first.startswith("ProviderError 5: TensorRT EP execution context enqueue failed"), first
    assert second == "True"


@pytest.mark.parametrize("call", ["enqueueV3", "cuMemcpyDtoHAsync"])
def test_gpu_that_is_gone_fails_every_call_and_the_session_closes(machine, echo, call) -> None:
    code = """
    session = opened()
    print((session.run(picture) == picture).all())
    for work in (lambda: session.run(picture), lambda: session.run(picture), opened):
        print(told(work))
    session.close()
    print("closed")
    """
    ended = machine(code, echo, lost=f"{call}:2:719")
    painted, *errors, closed = ended.out.splitlines()
    assert (ended.code, painted, closed) == (0, "True", "closed"), ended.err
    assert len(errors) == 3
    assert all(error.startswith("ProviderError 5: ") for error in errors)
    assert "CUDA error 719" in errors[-1]


def test_model_of_fused_operators_is_refused(machine, tmp_path) -> None:
    model = onnx.load(echo_model(tmp_path / "fused.onnx"))
    model.metadata_props.add(key="nst_rt.variant", value="fused")
    onnx.save(model, tmp_path / "fused.onnx")
    ended = machine("print(told(opened))", tmp_path / "fused.onnx")
    assert ended.out.endswith("fused.onnx: TensorRT has no fused operators; choose device cuda\n")
