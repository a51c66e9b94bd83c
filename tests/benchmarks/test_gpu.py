from __future__ import annotations

import numpy as np
import torch
from click.testing import CliRunner

from benchmarks import gpu
from nst_rt.errors import ProviderError
from nst_train.network import NetworkConfig, StyleNetwork, paint

CPU = torch.device("cpu")


def test_work_is_what_the_network_cannot_do_without() -> None:
    """One residual block of 8 channels, counted by hand at 16×16."""
    network = StyleNetwork(NetworkConfig(width=0.125, blocks=1))
    full, half, quarter = network.config.channels
    ends = 2 * 256 * 81 * 3 * full
    down = 64 * 9 * full * half + 16 * 9 * half * quarter
    blocks = 2 * 16 * 9 * quarter * quarter
    up = 64 * 9 * quarter * half + 256 * 9 * half * full
    found = gpu.work(network, 16, 16)
    assert found.macs == ends + down + blocks + up
    assert found.floor_s(1.0, 1e30) == 2 * found.macs
    assert found.floor_s(1e30, 1.0) == found.bytes
    larger = gpu.work(network, 32, 32)
    assert larger.macs == 4 * found.macs
    assert 3 * found.bytes < larger.bytes < 4 * found.bytes  # padding grows with the border alone


def test_torch_paints_as_the_network_does() -> None:
    network = StyleNetwork(NetworkConfig(width=0.125, blocks=1))
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 20, 30, 3), np.uint8))
    painted = gpu.on_torch(network, torch.float32, CPU)(image)
    with torch.no_grad():
        assert torch.equal(painted, paint(network, image))


def test_pictures_from_the_host_are_kept_in_flight() -> None:
    class Session:
        in_flight = most = 0

        def submit(self, image: object) -> Session:
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
            return self

        def result(self) -> str:
            self.in_flight -= 1
            return "painting"

    session = Session()
    frame = gpu.from_host(session, np.zeros((1, 16, 16, 3), np.uint8))
    assert [frame() for _ in range(4)] == [None, None, "painting", "painting"]
    assert session.most == gpu.IN_FLIGHT


def test_rates_are_seconds_per_picture() -> None:
    calls = {"one": 0, "other": 0}

    def paint_with(name: str) -> None:
        calls[name] += 1

    frames = {name: (lambda name=name: paint_with(name)) for name in calls}
    found = gpu.rates(frames, CPU, rounds=2)
    assert set(found) == set(calls)
    assert all(0 < seconds < 0.1 for seconds in found.values())
    assert min(calls.values()) > 20


def test_without_a_gpu_nothing_is_claimed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    arguments = ["--photos", str(tmp_path), "--results", str(tmp_path)]
    ended = CliRunner().invoke(gpu.gpu, arguments)
    assert isinstance(ended.exception, ProviderError)
    assert list(tmp_path.iterdir()) == []
