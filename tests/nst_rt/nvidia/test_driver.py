"""The driver is queried for GPUs and versions, and for the reason why there are none."""

from __future__ import annotations

from pathlib import Path

from nst_rt.nvidia.driver import query_driver

ASK = """
    from nst_rt.nvidia.driver import query_driver

    driver = query_driver()
    print(driver.version, driver.cuda, driver.problem)
    for gpu in driver.gpus:
        print(gpu.name, gpu.capability, gpu.memory >> 20)
"""


def test_gpus_and_versions(cuda_machine) -> None:
    ended = cuda_machine.run(ASK, devices=2, capability=120, memory_mib=512)
    gpus = ["Stand-in GPU 12.0 512"] * 2
    assert [line.strip() for line in ended.out.splitlines()] == ["580.00 13.0", *gpus], ended.err


def test_driver_without_gpus_says_why(cuda_machine) -> None:
    ended = cuda_machine.run(ASK, devices=0)
    assert "no GPU is visible (CUDA error 100: no CUDA-capable device is detected)" in ended.out
    ended = cuda_machine.run(ASK, fail="nvmlInit_v2:9,cuInit:700", driver=12040)
    assert ended.out.startswith(" 12.4 no GPU is visible (CUDA error 700: an illegal memory access")


def test_card_without_a_driver_is_told_from_no_card(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("nst_rt.nvidia.driver._library", lambda name: None)
    assert query_driver(tmp_path / "absent").problem == "no NVIDIA driver"
    for slot, vendor, kind in (("0", "0x8086", "0x030000"), ("1", "0x10de", "0x040300")):
        (tmp_path / slot).mkdir()
        (tmp_path / slot / "vendor").write_text(f"{vendor}\n")
        (tmp_path / slot / "class").write_text(f"{kind}\n")
    assert query_driver(tmp_path).problem == "no NVIDIA driver"
    (tmp_path / "1/class").write_text("0x030200\n")
    assert query_driver(tmp_path).problem == "a GPU without its driver"
