from __future__ import annotations

from benchmarks.gpu.floor import work
from nst_train.network import NetworkConfig, StyleNetwork


def test_work_is_what_the_network_cannot_do_without() -> None:
    """One residual block of 8 channels, counted by hand at 16×16."""
    network = StyleNetwork(NetworkConfig(width=0.125, blocks=1))
    full, half, quarter = network.config.channels
    ends = 2 * 256 * 81 * 3 * full
    down = 64 * 9 * full * half + 16 * 9 * half * quarter
    blocks = 2 * 16 * 9 * quarter * quarter
    up = 64 * 9 * quarter * half + 256 * 9 * half * full
    found = work(network, 16, 16)
    assert found.macs == ends + down + blocks + up
    assert found.floor_s(1.0, 1e30) == 2 * found.macs
    assert found.floor_s(1e30, 1.0) == found.bytes
    larger = work(network, 32, 32)
    assert larger.macs == 4 * found.macs
    assert 3 * found.bytes < larger.bytes < 4 * found.bytes  # padding grows with the border alone
