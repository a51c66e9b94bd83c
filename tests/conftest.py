"""Small real networks, models and photos that the tests share."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nst_export.calibration import calibration_photos
from nst_export.graph import style_graph
from nst_rt.model import PREFIX
from nst_train.network import NetworkConfig, StyleNetwork
from tests import measuring
from tests.cuda.echo import echo_model
from tests.cuda.machine import CudaMachine, make_machine
from tests.tensorrt.bindings import TensorRt, make_tensorrt
from tests.tensorrt.machine import RTX, EngineMachine, make_engine_machine


@pytest.fixture(autouse=True)
def repeatable() -> Iterator[None]:
    """One thread, since tests run beside each other, and seeded numbers; put back afterwards."""
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
    torch.set_rng_state(state)


@pytest.fixture(autouse=True, scope="session")
def all_imported() -> None:
    if measuring.MEASURED:
        measuring.import_all()


@pytest.fixture(autouse=True, scope="module")
def measured_where_it_tells(request: pytest.FixtureRequest) -> Iterator[None]:
    folder = request.path.parent.relative_to(Path(__file__).parent).as_posix()
    with measuring.measured(folder):
        yield


@pytest.fixture(autouse=True, scope="session")
def imports_are_no_garbage() -> None:
    """Collections of garbage pass over what was there before the tests: a million objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests leave the user's caches alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NST_RT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    """A portrait, uint8 256×256×3."""
    return calibration_photos()[0]


@pytest.fixture(scope="session")
def network() -> StyleNetwork:
    """A thin style network of seeded weights, biases included, in evaluation mode."""
    torch.manual_seed(3)
    network = StyleNetwork(NetworkConfig(width=0.25, blocks=1))
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def tiny_run() -> dict[str, Any]:
    """Options of a training run of a second on one thread, all but painting and photos."""
    return {
        "features": ("untrained",),
        "steps": 4,
        "size": 32,
        "batch": 2,
        "style_size": 64,
        "style_layers": ("relu1_1", "relu2_1"),
        "content_layer": "relu2_1",
        "width": 0.25,
        "blocks": 1,
        "precision": "fp32",
        "threads": 1,
        "workers": 0,
    }


@pytest.fixture(scope="session")
def model_path(network: StyleNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The thin network as a model file with a little metadata."""
    metadata = {"schema": "1", "kind": "style", "name": "thin", "scale": "1", "flavour": "fp32"}
    model = style_graph(network, {PREFIX + key: value for key, value in metadata.items()})
    path = tmp_path_factory.mktemp("models") / "thin.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    return path


@pytest.fixture(scope="session")
def steady_style(network: StyleNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The thin network as a plain file `thin.onnx`, its steady one beside it."""
    folder = tmp_path_factory.mktemp("steady")
    facts = {"schema": "1", "kind": "style", "name": "thin", "width": "0.25", "multiple": "4"}
    facts |= {"receptive_radius": str(network.config.receptive_radius)}
    for name, variant in (("thin.onnx", "plain"), ("thin.steady.onnx", "steady")):
        metadata = {PREFIX + key: value for key, value in (facts | {"variant": variant}).items()}
        model = style_graph(network, metadata, variant=variant)  # type: ignore[arg-type]
        (folder / name).write_bytes(model.SerializeToString(deterministic=True))
    return folder / "thin.onnx"


@pytest.fixture(scope="session")
def cuda_machine(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> CudaMachine:
    """Processes in which CUDA seems to work, without a GPU."""
    scratch = tmp_path_factory.mktemp("cuda")
    cache = getattr(pytestconfig, "cache", None)
    return make_machine(cache.mkdir("cuda") if cache else scratch, scratch)


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that gives every picture back, for `cuda_machine` to run."""
    return echo_model(tmp_path_factory.mktemp("cuda") / "echo.onnx")


@pytest.fixture(scope="session")
def tensorrt_of(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], TensorRt]:
    """The real bindings of a version, over stand-ins."""
    kept = getattr(pytestconfig, "cache", None)
    cache = kept.mkdir("tensorrt") if kept else tmp_path_factory.mktemp("bindings")

    @functools.cache
    def make(version: str) -> TensorRt:
        return make_tensorrt(version, cache, tmp_path_factory.mktemp("tensorrt"))

    return make


@pytest.fixture(scope="session")
def engine_machine_of(
    cuda_machine: CudaMachine,
    tensorrt_of: Callable[[str], TensorRt],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], EngineMachine]:
    """Processes in which a version of TensorRT, or TensorRT-RTX, seems to run engines."""

    @functools.cache
    def make(version: str) -> EngineMachine:
        bindings = None if version == RTX else tensorrt_of(version)
        return make_engine_machine(cuda_machine, bindings, tmp_path_factory.mktemp("engines"))

    return make
