"""Every name that our code asks of TensorRT is in the real bindings, with its arguments."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nst_export.engine.network import _PRECISIONS
from nst_rt.nvidia.tensorrt import PORTABLE_TO
from tests.nst_export.engine import names
from tests.tensorrt.bindings import VERSIONS, TensorRt

ROOT = Path(__file__).parents[3]
LISTING = Path(__file__).with_name("listing.py")
RTX_ONLY = {
    *("ComputeCapability", "num_compute_capabilities", "set_compute_capability"),
    *("CudaGraphStrategy", "cuda_graph_strategy"),
    *("IRuntimeCache", "create_runtime_cache", "set_runtime_cache"),
}
"""Names that are used of the portable library alone."""
Listings = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """Return the code that uses TensorRT: every file that names a module `trt`."""
    files = [*ROOT.glob("export/nst_export/engine/*.py"), *ROOT.glob("nst_rt/**/*.py")]
    texts = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    return {file: text for file, text in texts.items() if f"{names.MODULE}." in text}


@pytest.fixture(scope="module")
def listings(tensorrt_of: Callable[[str], TensorRt]) -> Listings:
    """Return the listing of each of the real bindings."""
    command = [sys.executable, str(LISTING), "tensorrt_rtx"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {"rtx": json.loads(printed)}
    for version in VERSIONS:
        code = f"import runpy, sys; sys.argv = ['', 'tensorrt']; {RUN}"
        found[version] = json.loads(tensorrt_of(version).run(code).out)
        assert found[version]["version"] == version.removesuffix(".post1")
    return found


RUN = f"runpy.run_path({str(LISTING)!r}, run_name='__main__')"


def test_every_name_is_there(sources: dict[str, str], listings: Listings) -> None:
    uses, faults = names.read(sources, listings["rtx"])
    assert faults == []
    asked = {(use.owner, use.name) for use in uses}
    assert asked >= {
        ("", "Builder"),
        ("NetworkDefinitionCreationFlag", "STRONGLY_TYPED"),
        ("Builder", "build_serialized_network"),
        ("IBuilderConfig", "set_timing_cache"),
        ("IBuilderConfig", "progress_monitor"),
        ("IOptimizationProfile", "set_shape"),
        ("IProgressMonitor", "step_complete"),
        ("ILayer", "get_output"),
        ("ITensor", "shape"),
        ("ISliceLayer", "mode"),
        ("ParserError", "node_operator"),
        ("ILogger", "log"),
        ("Runtime", "deserialize_cuda_engine"),
        ("ICudaEngine", "create_execution_context"),
        ("IExecutionContext", "set_input_shape"),
        ("IExecutionContext", "execute_async_v3"),
        ("IRuntimeConfig", "create_runtime_cache"),
        ("IRuntimeCache", "deserialize"),
    }
    for version in VERSIONS:
        _, faults = names.read(sources, listings[version])
        missing = {fault.split()[-1] for fault in faults}
        assert missing == RTX_ONLY, faults


def test_tables_of_names_are_right(listings: Listings) -> None:
    for listing in listings.values():
        assert set(_PRECISIONS) <= set(listing["classes"]["DataType"]["members"])
    known = listings["rtx"]["classes"]["ComputeCapability"]["members"]
    assert {"SM" + capability.replace(".", "") for capability in PORTABLE_TO} <= set(known)


def test_any_misspelt_name_is_found(sources: dict[str, str], listings: Listings) -> None:
    uses, _ = names.read(sources, listings["11.4.0.106"])
    planted = 0
    for use in uses:
        if use.name in RTX_ONLY or use.column < 0:
            continue
        lines = sources[use.file].splitlines(keepends=True)
        line = lines[use.line - 1].encode()
        end = use.column + len(use.name)
        lines[use.line - 1] = (line[:end] + b"x" + line[end:]).decode()
        wrong = {**sources, use.file: "".join(lines)}
        _, faults = names.read(wrong, listings["11.4.0.106"], use.file)
        assert any(f"{use.name}x" in fault for fault in faults), use
        planted += 1
    assert planted > 40


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("ignore_mismatch=False", "ignore_mismatches=False"),
        ("build_serialized_network(network, config)", "build_serialized_network(network)"),
        ("network.get_layer(index)", "network.get_layer(index, 0)"),
        ('sizes.set_shape(network.get_input(0).name, shapes["min"],', "sizes.set_shape("),
        ("trt.OnnxParser(network, builder.logger)", "trt.OnnxParser(network)"),
        ("def phase_finish(self, phase_name: str)", "def phase_finish(self)"),
        ("def phase_finish(", "def phase_finished("),
        ("config: trt.IBuilderConfig", "config: trt.BuilderConfig"),
        ("config.progress_monitor =", "config.num_optimization_profiles ="),
        ("network: trt.INetworkDefinition", "network: Any"),
    ],
)
def test_wrong_arguments_are_found(
    sources: dict[str, str], listings: Listings, right: str, wrong: str
) -> None:
    assert any(right in text for text in sources.values())
    planted = {file: text.replace(right, wrong) for file, text in sources.items()}
    changed = [file for file, text in planted.items() if text != sources[file]]
    for version in ("rtx", *VERSIONS):
        _, before = names.read(sources, listings[version], *changed)
        _, after = names.read(planted, listings[version], *changed)
        assert set(after) - set(before)
