"""From a checkpoint to a file under its final name, or to none."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from nst_export import exporter, memory
from nst_export.exporter import export_style
from nst_export.verification import PaintWithStatistics
from nst_rt import Stylizer
from nst_rt._version import __version__
from nst_rt.errors import LimitError, ModelError, OutputError, ParityError, UsageError
from nst_rt.model import read_model
from nst_rt.zoo import Card
from nst_train.checkpoint import write_checkpoint
from nst_train.network import StyleNetwork, paint


@pytest.fixture(autouse=True)
def two_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "SIZES", ((16, 16), (45, 67)))


@pytest.fixture
def off_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the exporter write graphs of another network than the given one."""
    honest = exporter.style_graph

    def wrong(network: StyleNetwork, *args: Any, **options: Any) -> onnx.ModelProto:
        other = StyleNetwork(network.config)
        other.load_state_dict(network.state_dict())
        other.last.bias.data += 0.05  # type: ignore[union-attr]
        return honest(other.eval().requires_grad_(False), *args, **options)

    monkeypatch.setattr(exporter, "style_graph", wrong)


def facts_in(path: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def test_file_says_everything_of_itself(checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "thin.fp16.onnx"
    facts = {"title": "Thin", "licence": "CC0"}
    export_style(checkpoint, target, flavour="fp16", facts=facts)
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert facts_in(target) == {
        "nst_rt.schema": "1",
        "nst_rt.kind": "style",
        "nst_rt.variant": "plain",
        "nst_rt.name": "thin",
        "nst_rt.styles": "thin",
        "nst_rt.title": "Thin",
        "nst_rt.scale": "1",
        "nst_rt.multiple": "4",
        "nst_rt.receptive_radius": "25",
        "nst_rt.flavour": "fp16",
        "nst_rt.network": "johnson width 0.25 blocks 1 nearest",
        "nst_rt.width": "0.25",
        "nst_rt.checkpoint_sha256": digest,
        "nst_rt.creator": f"nst-rt {__version__}",
        "nst_rt.licence": "CC0",
    }
    model = read_model(target)
    assert (model.name, model.flavour, model.width, model.scale) == ("thin", "fp16", 0.25, 1)


def test_exported_file_paints_like_its_network(
    checkpoint: Path, tmp_path: Path, network: StyleNetwork, photo: NDArray[np.uint8]
) -> None:
    exported = export_style(checkpoint, tmp_path / "thin.onnx")
    assert exported.bytes == exported.path.stat().st_size
    assert [(row.height, row.width) for row in exported.rows] == [(16, 16), (45, 67)]
    assert exported.largest_activation is None
    expected = paint(network, torch.from_numpy(photo[None])).numpy()[0]
    with Stylizer(exported.path, precision="fp32", threads=1) as stylizer:
        assert np.abs(stylizer(photo).astype(int) - expected).max() <= 1


def test_fp16_is_checked_against_both_precisions_and_the_range(
    checkpoint: Path, tmp_path: Path
) -> None:
    exported = export_style(checkpoint, tmp_path / "thin.onnx", flavour="fp16")
    assert {row.reference for row in exported.rows} == {"PyTorch fp32", "PyTorch fp16"}
    assert min(row.psnr for row in exported.rows) >= 45
    assert exported.largest_activation == 255


@pytest.mark.parametrize("variant", ["stats", "apply"])
def test_halves_are_checked_too(checkpoint: Path, tmp_path: Path, variant: Any) -> None:
    exported = export_style(checkpoint, tmp_path / "half.onnx", variant=variant)
    assert max(row.largest for row in exported.rows) <= 1
    names = [info.name for info in onnx.load(exported.path).graph.input]
    assert names == (["image", "statistics"] if variant == "apply" else ["image"])
    with pytest.raises(ModelError, match=f"is the '{variant}' half"):
        read_model(exported.path)


def test_steady_file_is_checked_with_nothing_and_with_everything_kept(
    checkpoint: Path, tmp_path: Path
) -> None:
    exported = export_style(checkpoint, tmp_path / "thin.steady.onnx", variant="steady")
    references = [row.reference for row in exported.rows]
    assert references == ["PyTorch fp32"] * 2 + ["apply graph"] * 2
    assert max(row.largest for row in exported.rows) <= 1
    model = read_model(exported.path, variant="steady")
    assert (model.name, model.metadata["variant"]) == ("thin", "steady")
    assert model.num_statistics == 2 * (8 + 16) + 3 * 32


def test_steady_file_that_does_not_heed_what_it_is_given_is_not_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = exporter.paint_with_given

    def forgetful(model: bytes, **more: NDArray[np.float32]) -> PaintWithStatistics:
        return honest(model, **{key: np.zeros_like(value) for key, value in more.items()})

    monkeypatch.setattr(exporter, "paint_with_given", forgetful)
    with pytest.raises(ParityError, match="differs from apply graph"):
        export_style(checkpoint, tmp_path / "thin.steady.onnx", variant="steady")
    assert not (tmp_path / "thin.steady.onnx").exists()


def test_fixed_size_is_checked_at_that_size(checkpoint: Path, tmp_path: Path) -> None:
    exported = export_style(checkpoint, tmp_path / "fixed.onnx", size=(33, 50))
    assert {(row.height, row.width) for row in exported.rows} == {(33, 50)}
    assert read_model(exported.path).fixed_size == (33, 50)


def test_another_process_writes_the_same_bytes(checkpoint: Path, tmp_path: Path) -> None:
    code = f"""
        from pathlib import Path
        import numpy as np
        from nst_export import exporter, folds
        part = np.ascontiguousarray(folds.calibration_photos()[0][:80, 60:140])
        folds.calibration_photos = lambda: [part]
        exporter.SIZES = ((16, 16),)
        exporter.export_style(Path({str(checkpoint)!r}), Path({str(tmp_path)!r}, "b", "thin.onnx"))
    """
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, env=environment)
    exported = export_style(checkpoint, tmp_path / "a" / "thin.onnx")
    assert exported.path.read_bytes() == (tmp_path / "b" / "thin.onnx").read_bytes()


@pytest.mark.usefixtures("off_colour")
@pytest.mark.parametrize(
    ("flavour", "message"), [("fp32", "within 1 level"), ("fp16", "must reach 45 dB")]
)
def test_a_model_that_paints_otherwise_is_not_written(
    checkpoint: Path, tmp_path: Path, flavour: Any, message: str
) -> None:
    rows: list[object] = []
    with pytest.raises(ParityError, match=message) as caught:
        export_style(checkpoint, tmp_path / "new" / "x.onnx", flavour=flavour, report=rows.append)
    assert caught.value.exit_code == 4
    assert rows
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("off_colour")
def test_a_refused_model_leaves_the_one_before(checkpoint: Path, tmp_path: Path) -> None:
    target = tmp_path / "thin.onnx"
    target.write_bytes(b"mine")
    with pytest.raises(ParityError):
        export_style(checkpoint, target, overwrite=True)
    assert target.read_bytes() == b"mine"
    assert {path.name for path in tmp_path.iterdir()} == {checkpoint.name, target.name}


@pytest.mark.parametrize("factor", [1e5, 1e9])
def test_a_network_too_loud_for_half_precision_is_not_written(
    network: StyleNetwork, tmp_path: Path, factor: float
) -> None:
    weights = {f"ema.{key}": value.clone() for key, value in network.state_dict().items()}
    weights["ema.down.1.conv.weight"] *= factor
    path = tmp_path / "loud.safetensors"
    write_checkpoint(path, weights, {"network": network.config.as_dict()})
    with pytest.raises(ParityError, match=r"fp16 is safe below 16,376; export fp32"):
        export_style(path, tmp_path / "loud.onnx", flavour="fp16")
    assert not (tmp_path / "loud.onnx").exists()
    export_style(path, tmp_path / "loud.onnx")


def test_what_our_runtime_would_refuse_is_not_written(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "SCHEMA", 2)
    with pytest.raises(ModelError, match="is of schema 2"):
        export_style(checkpoint, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


def test_checkpoints_of_other_kinds_are_refused(tmp_path: Path, network: StyleNetwork) -> None:
    config = {"network": network.config.as_dict()}
    other, foreign = tmp_path / "other.safetensors", tmp_path / "foreign.safetensors"
    write_checkpoint(other, {"ema.conv1.weight": torch.ones(1)}, config)
    with pytest.raises(ModelError, match=r"another architecture: \d+ keys missing, 1 unexpected"):
        export_style(other, tmp_path / "x.onnx")
    save_file({"conv1.conv2d.weight": torch.ones(32, 3, 9, 9)}, foreign)
    with pytest.raises(ModelError, match="not a checkpoint of nst-rt"):
        export_style(foreign, tmp_path / "x.onnx")
    pickled = tmp_path / "style.pth"
    torch.save({"conv1.weight": torch.ones(1)}, pickled)
    with pytest.raises(ModelError, match="not a readable checkpoint"):
        export_style(pickled, tmp_path / "x.onnx")
    broken = tmp_path / "nan.safetensors"
    weights = {f"ema.{key}": value for key, value in network.state_dict().items()}
    write_checkpoint(broken, weights | {"ema.last.bias": torch.full((3,), torch.nan)}, config)
    with pytest.raises(ModelError, match=r"weights of last\.bias are not finite"):
        export_style(broken, tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.parametrize("source", ["no-such-style", "~no-such-user/x", "x" * 5000])
def test_what_is_not_there_is_one_line(tmp_path: Path, source: str) -> None:
    with pytest.raises(ModelError, match=r"no such checkpoint.*or a name:|cannot be looked up"):
        export_style(source, tmp_path / "x.onnx")


def test_outputs_are_not_replaced_unasked_and_need_a_place(
    checkpoint: Path, tmp_path: Path
) -> None:
    target = tmp_path / "thin.onnx"
    target.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already; pass overwrite=True"):
        export_style(checkpoint, target)
    assert target.read_bytes() == b"mine"
    with pytest.raises(OutputError, match="cannot be written") as caught:
        export_style(checkpoint, target / "below" / "x.onnx")
    assert caught.value.exit_code == 6
    with pytest.raises(UsageError, match=r"cannot export to \.tflite; use \.onnx"):
        export_style(checkpoint, tmp_path / "x.tflite")
    export_style(checkpoint, target, overwrite=True)
    assert read_model(target).name == "thin"


def test_a_size_for_whose_check_there_is_too_little_memory_is_refused_before_it_begins(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 2**34)
    monkeypatch.setattr(exporter, "paint_function", lambda *given: pytest.fail("was begun"))
    message = r"at 40000x2000 takes about [\d,]+ MiB of memory, 16,384 are free; choose a smaller"
    with pytest.raises(LimitError, match=message):
        export_style(checkpoint, tmp_path / "x.onnx", size=(2000, 40_000))
    assert not (tmp_path / "x.onnx").exists()


def test_a_full_disk_leaves_no_torso(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        export_style(checkpoint, tmp_path / "x.onnx")
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.name]


def test_a_shipped_style_is_exported_by_name_with_its_card(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"title": "Thin", "painter": "Nobody", "year": "1900", "licence": "CC0"}
    card = Card(name="thin-style", files={}, facts=facts, **facts)
    monkeypatch.setattr(Card, "file", lambda self, kind: checkpoint)
    monkeypatch.setattr(exporter.zoo, "find", {"thin-style": card}.get)
    export_style("thin-style", tmp_path / "x.onnx", facts={"title": "Thinner"})
    written = facts_in(tmp_path / "x.onnx")
    assert written["nst_rt.name"] == "thin-style"
    assert written["nst_rt.title"] == "Thinner"
    assert (written["nst_rt.painter"], written["nst_rt.licence"]) == ("Nobody", "CC0")


def test_folder_of_a_run_names_the_style_in_it(tmp_path: Path) -> None:
    (tmp_path / "style.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"is a folder; give .*style\.safetensors"):
        export_style(tmp_path, tmp_path / "x.onnx")
