"""One line per device, from the probes' answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nst_rt.nvidia.libraries import cure_for

EXTRAS = {
    "openvino": "cpu",
    "onnxruntime": "cpu",
    "cuda": "cuda",
    "tensorrt": "tensorrt",
    "tensorrt_rtx": "rtx",
}
"""The extra of nst-rt that installs what a probe needs."""
WITHOUT_CUDA = "onnxruntime is its build without CUDA"


@dataclass(frozen=True)
class Verdict:
    """A device, and what it can be used for.

    Attributes:
        device: its name for `--device`, or that of an engine builder.
        paints: a picture was painted on it just now.
        engine: name and version of the software that runs there; empty where none does.
        precision: the arithmetic that it chooses by default.
        note: anything else that it can or cannot do.
        problem: why it is not usable; empty where it is.
        cure: what to do about it; empty where nothing is known.
    """

    device: str
    paints: bool = False
    engine: str = ""
    precision: str = ""
    note: str = ""
    problem: str = ""
    cure: str = ""

    @property
    def line(self) -> str:
        """The verdict as a line of text."""
        if not self.problem:
            facts = ", ".join(part for part in (self.engine, self.precision, self.note) if part)
            return f"{self.device}: {facts}"
        engine = f"{self.engine}, " if self.engine else ""
        cure = f": {self.cure}" if self.cure else ""
        return f"{self.device}: {engine}not usable: {self.problem}{cure}"


def verdicts(answers: dict[str, dict[str, Any]], driver: Mapping[str, Any]) -> list[Verdict]:
    """Judge every device.

    Args:
        answers: of the probes, by their names; a package that is not installed has none.
        driver: fields of `nst_rt.nvidia.driver.DriverInfo`.
    """
    gpus = [gpu["capability"] for gpu in driver.get("gpus", [])]
    no_gpu = driver.get("problem", "")
    return [
        _cpu(answers),
        _painter("openvino", answers),
        _painter("onnxruntime", answers),
        _cuda(answers, driver),
        _tensorrt(answers, gpus, no_gpu),
        _builder("tensorrt_rtx", answers, gpus, no_gpu),
    ]


def _cpu(answers: dict[str, dict[str, Any]]) -> Verdict:
    """Judge `--device cpu`: OpenVINO if it is installed, ONNX Runtime otherwise.

    As in `open_session`, a package that is installed and broken is not passed over.
    """
    device = "openvino" if "openvino" in answers else "onnxruntime"
    found = _painter(device, answers)
    return replace(found, device="cpu")


def _cuda(answers: dict[str, dict[str, Any]], driver: Mapping[str, Any]) -> Verdict:
    """Judge CUDA: without a GPU no package is to blame; without a driver both may be missing."""
    found = _painter("cuda", answers)
    if not found.problem or driver.get("gpus") or "libcuda" in found.problem:
        return found
    problem, cure = driver.get("problem", ""), driver.get("cure", "")
    absent = "cuda" not in answers
    if cure and (absent or found.problem == WITHOUT_CUDA):
        lacking = "onnxruntime-gpu is not installed" if absent else WITHOUT_CUDA
        return Verdict("cuda", problem=f"{problem}, {lacking}", cure=f"{cure}, then {found.cure}")
    return Verdict("cuda", problem=problem, cure=cure)


def _painter(name: str, answers: dict[str, dict[str, Any]]) -> Verdict:
    answer = answers.get(name)
    if answer is None:
        return _absent(name)
    return Verdict(
        name,
        paints=bool(answer.get("paints")),
        engine=answer.get("provider", ""),
        precision=answer.get("precision", ""),
        note=", ".join(
            f"{count} nodes on {provider.removesuffix('ExecutionProvider')}"
            for provider, count in sorted(answer.get("nodes", {}).items(), reverse=True)
        ),
        problem=answer.get("problem", ""),
        cure=answer.get("cure", ""),
    )


def _builder(
    name: str, answers: dict[str, dict[str, Any]], gpus: Sequence[str], no_gpu: str
) -> Verdict:
    device = name.replace("_", "-")
    answer = answers.get(name)
    if answer is None:
        return _absent(name)
    version = answer.get("version", "")
    if problem := answer.get("problem"):
        return Verdict(device, engine=version, problem=problem, cure=answer.get("cure", ""))
    listed = answer.get("capabilities")
    if listed and gpus and gpus[0] not in listed:
        no_gpu = f"it knows compute capabilities {', '.join(listed)}, not {gpus[0]}"
    elif gpus:
        note = "builds engines"
        if not answer.get("paints"):
            note += f"; to paint with them it needs cuda-bindings: {_install(name)}"
        return Verdict(device, engine=version, note=note)
    note = f"builds engines, none of which can run here: {no_gpu}"
    return Verdict(device, engine=version, note=note)


def _tensorrt(answers: dict[str, dict[str, Any]], gpus: Sequence[str], no_gpu: str) -> Verdict:
    """Judge TensorRT, which builds engines; ONNX Runtime paints with it if its version fits."""
    found, cuda = _builder("tensorrt", answers, gpus, no_gpu), answers.get("cuda", {})
    if "tensorrt" not in answers:  # ONNX Runtime is not linked to the newest, which builds engines
        cure = f'{found.cure} to build engines, "nst-rt[cuda]" "tensorrt-cu13<11" to paint with it'
        found = replace(found, cure=cure)
    provider = answers.get("tensorrt_provider", {})
    if not provider or not cuda.get("paints"):
        blocked = gpus and not found.problem
        return _noted(found, "--device tensorrt needs --device cuda") if blocked else found
    if provider.get("opens"):
        note = "ONNX Runtime opens models on it (--device tensorrt)"
        return Verdict("tensorrt", note=note) if found.problem else _noted(found, note)
    if lacking := provider.get("lacking"):
        needs = f"--device tensorrt needs {', '.join(lacking)}: {cure_for(lacking)}"
        return found if found.problem else _noted(found, needs)
    failed = f"ONNX Runtime opens no model on it: {provider['problem']}"
    return Verdict("tensorrt", problem=failed) if found.problem else _noted(found, failed)


def _noted(found: Verdict, note: str) -> Verdict:
    return replace(found, note=f"{found.note}; {note}")


def _absent(name: str) -> Verdict:
    return Verdict(name.replace("_", "-"), problem="not installed", cure=_install(name))


def _install(name: str) -> str:
    return f'pip install "nst-rt[{EXTRAS[name]}]"'
