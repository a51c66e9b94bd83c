"""Runs on disk: what they leave and what can go wrong."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from nst_rt.errors import InputError, ModelError, OutputError, UsageError
from nst_rt.system.lock import locked
from nst_train import loop, reporting
from nst_train.checkpoint import read_checkpoint
from nst_train.config import FastConfig
from nst_train.loop import TrainingError, TrainingState
from nst_train.methods.fast import train_fast
from nst_train.network import StyleNetwork
from nst_train.run import resumed_config
from nst_train.style_file import load_style
from tests.nst_train.runs import MakeConfig, final, losses


def test_a_run_leaves_its_parts(make_config: MakeConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = train_fast(make_config(checkpoint_every=2, sample_every=2), run)
    assert result == run / "style.safetensors"
    assert {path.name for path in run.iterdir()} == {
        "checkpoints", "config.json", "log.jsonl", "samples", "style.safetensors",
    }  # fmt: skip
    assert [line["step"] for line in losses(run)] == [1, 2, 3, 4]
    assert set(losses(run)[0]["losses"]) == {"total", "content", "style", "variation"}
    with Image.open(run / "samples" / "step-0000004.png") as sheet:
        assert sheet.size == (4 * 32, 2 * 32)
    network, header = load_style(result)
    assert header["step"] == 4
    averaged = StyleNetwork(network.config)
    averaged.load_state_dict(final(run).part("ema"))
    for name, value in averaged.even_upsampling().state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


def test_the_result_names_no_folder_of_this_machine(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    first = train_fast(make_config(), tmp_path / "secret")
    result = train_fast(make_config(initial=str(first)), tmp_path / "second")
    assert str(tmp_path).encode() not in result.read_bytes()
    assert b"secret" not in result.read_bytes()


def test_initial_weights_are_where_training_starts(make_config: MakeConfig, tmp_path: Path) -> None:
    first = train_fast(make_config(steps=2), tmp_path / "first")
    second = train_fast(
        make_config(steps=1, learning_rate=1e-8, initial=str(first)), tmp_path / "second"
    )
    for one, two in zip(
        load_style(first)[0].parameters(), load_style(second)[0].parameters(), strict=True
    ):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-6)
    with pytest.raises(UsageError, match=r"has another network: .* choose its width"):
        train_fast(make_config(blocks=2, initial=str(first)), tmp_path / "third")


def test_a_full_disk_costs_a_checkpoint_and_the_third_ends_training(
    make_config: MakeConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    write, full_from = reporting.write_checkpoint, 3

    def perhaps(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
        if header["step"] >= full_from:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, tensors, header)

    monkeypatch.setattr(reporting, "write_checkpoint", perhaps)
    run = tmp_path / "run"
    with pytest.raises(OutputError, match="3 checkpoints in a row could not be written") as caught:
        train_fast(make_config(steps=9, checkpoint_every=1), run)
    assert caught.value.exit_code == 6
    assert caught.value.cure == "make room and resume; the last good checkpoint is intact"
    assert caplog.text.count("training goes on") == 2
    assert final(run).header["step"] == 2
    full_from = 100
    train_fast(resumed_config(FastConfig, run, {}), run, resume=True)
    assert final(run).header["step"] == 9
    full_from = 1
    with pytest.raises(OutputError, match="in a row could not be written") as caught:
        train_fast(make_config(steps=9, checkpoint_every=1), tmp_path / "none")
    assert caught.value.cure == "make room and begin again"


def test_a_real_limit_on_files_leaves_what_was_there(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    """The system itself cuts a write short, as it does when a disk fills up."""
    run, config = tmp_path / "run", make_config(steps=9, checkpoint_every=2)
    code = f"""
        import json, resource, signal, sys
        from pathlib import Path
        from nst_rt.errors import NstError
        from nst_train.config import FastConfig
        from nst_train.methods.fast import train_fast

        class FillUp:
            def on_step(self, report, state):
                if report.step == 2:
                    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                    sys.dont_write_bytecode = True  # a cut .pyc would break every later process
                    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, -1))
            def close(self):
                pass

        config = FastConfig.from_mapping(json.loads(sys.argv[1]))
        try:
            train_fast(config, Path({str(run)!r}), callbacks=[FillUp()])
        except NstError as error:
            print(error)
            sys.exit(error.exit_code)
    """
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), json.dumps(config.as_dict())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.returncode, child.stdout.count("\n")) == (6, 1)
    assert "checkpoints in a row could not be written ([Errno 27] File too large)" in child.stdout
    assert child.stderr.count("training goes on") == 2
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-0000002.safetensors"]
    assert final(run).header["step"] == 2


def test_a_folder_that_cannot_be_written_is_an_output_error(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        train_fast(make_config(), file / "run")


def test_losses_that_are_not_finite_name_the_last_good_checkpoint(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, step = tmp_path / "run", loop._step

    def sick(state: TrainingState, batch: Any, gradients: Any, *rest: Any) -> Any:
        objective = gradients.objective
        if state.step == 5:
            gradients.objective = lambda batch, output: {
                key: value * float("nan") for key, value in objective(batch, output).items()
            }
        return step(state, batch, gradients, *rest)

    monkeypatch.setattr(loop, "_step", sick)
    with pytest.raises(TrainingError, match="the last good checkpoint is ") as caught:
        train_fast(make_config(steps=40, checkpoint_every=2), run)
    assert caught.value.exit_code == 1
    good = run / "checkpoints" / "step-0000004.safetensors"
    assert str(good) in caught.value.what
    assert f"--initial {good}" in caught.value.cure
    assert read_checkpoint(good).header["skipped"] == 0
    assert [line["losses"]["total"] is None for line in losses(run)] == [False] * 5 + [True] * 10
    assert len(losses(run)[-1]["skipped"]) == 2


def test_not_finite_from_the_start_asks_for_a_lower_rate(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nst_train.methods.fast.variation", lambda x: x.sum() * float("nan"))
    with pytest.raises(TrainingError, match="before the first checkpoint; lower learning_rate"):
        train_fast(make_config(steps=40), tmp_path / "run")


def test_photos_that_cannot_be_read_are_counted_and_listed(
    make_config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(crops_per_photo=1)
    for name in ("broken.png", "text.jpg"):
        Path(config.photos, name).write_bytes(b"no picture")
    Image.new("RGB", (20, 20)).save(Path(config.photos, "small.png"))
    with pytest.raises(InputError, match=r"2 of 8 photos cannot be read \(.*\); .*--max-bad"):
        train_fast(config, tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    caplog.clear()
    train_fast(make_config(crops_per_photo=1, max_bad=0.5), tmp_path / "run")
    assert "broken.png: skipped (not a picture" in caplog.text
    assert "text.jpg: skipped (not a picture" in caplog.text
    assert "2 of 8 photos skipped" in caplog.text
    assert "1 photos smaller than a crop were enlarged" in caplog.text


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"photos": "nowhere"}, UsageError, "not a readable folder"),
        ({"style": "nowhere.png"}, InputError, "no such file"),
        ({"features": ["nowhere.npz"]}, ModelError, "no such file of a perceptual network"),
        ({"content_layer": "relu6_1"}, UsageError, "choose among relu1_1"),
        ({"initial": "nowhere"}, ModelError, "no such checkpoint"),
        ({"device": "gpu"}, UsageError, "choose auto, cpu, cuda"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_written(
    make_config: MakeConfig,
    tmp_path: Path,
    changes: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        train_fast(make_config(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_was_refused_may_start_again(make_config, tmp_path: Path) -> None:
    config = make_config(max_bad=0.0)
    bad = Path(config.photos) / "broken.png"
    bad.write_bytes(b"no picture")
    with pytest.raises(InputError, match="cannot be read"):
        train_fast(config, tmp_path / "run")
    bad.unlink()
    assert train_fast(config, tmp_path / "run").exists()
    with pytest.raises(UsageError, match="holds a training run already"):
        train_fast(config, tmp_path / "run")


def test_two_processes_do_not_train_in_one_folder(make_config: MakeConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with (
        locked(run / "config.json"),
        pytest.raises(UsageError, match="is being written by another process"),
    ):
        train_fast(make_config(steps=1), run)
    train_fast(make_config(steps=1), run)
    assert final(run).header["step"] == 1
