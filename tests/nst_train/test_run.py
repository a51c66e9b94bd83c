"""Runs on disk: what they leave, how they end, how they go on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from nst_rt.errors import InputError, ModelError, OutputError, UsageError
from nst_train import loop, reporting
from nst_train.checkpoint import Checkpoint, latest_checkpoint, read_checkpoint
from nst_train.config import FastConfig
from nst_train.loop import StepReport, StoppedError, TrainingError, TrainingState
from nst_train.run import resumed_config, train_fast
from nst_train.style_file import load_style

MakeConfig = Callable[..., FastConfig]


class After:
    """Does something after every step."""

    def __init__(self, then: Callable[[StepReport], object]) -> None:
        self.then = then

    def on_step(self, report: StepReport, state: TrainingState) -> None:
        self.then(report)

    def close(self) -> None: ...


def losses(folder: Path) -> list[Any]:
    """Everything in the log but the times."""
    lines = (folder / "log.jsonl").read_text().splitlines()
    return [{**json.loads(line), "seconds": None} for line in lines]


def final(folder: Path) -> Checkpoint:
    found, _ = latest_checkpoint(folder / "checkpoints")
    assert found is not None
    return found


def assert_same_run(one: Path, two: Path) -> None:
    """Network, average, optimizer, scaler and random state, bit for bit, and the log."""
    ours, theirs = final(one), final(two)
    assert ours.header["step"] == theirs.header["step"]
    assert ours.tensors.keys() == theirs.tensors.keys()
    kinds = {name.split(".")[0] for name in ours.tensors}
    assert {"network", "ema", "optimizer", "random"} <= kinds
    for name, tensor in ours.tensors.items():
        assert torch.equal(tensor, theirs.tensors[name]), name
    assert (one / "style.safetensors").read_bytes() == (two / "style.safetensors").read_bytes()
    assert losses(one) == losses(two)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


# ---- what a run leaves


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
    for name, value in final(run).part("ema").items():
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
    with pytest.raises(UsageError, match=r"has another network: .* give its --width"):
        train_fast(make_config(blocks=2, initial=str(first)), tmp_path / "third")


# ---- the same again


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_killed_after_any_step_and_resumed_equals_uninterrupted(
    make_config: MakeConfig, tmp_path: Path, precision: str
) -> None:
    """A copy of the folder as it is after a step is what a kill at that moment leaves."""
    config = make_config(steps=5, checkpoint_every=2, precision=precision)
    whole = tmp_path / "whole"

    def copy(report: StepReport) -> None:
        shutil.copytree(whole, tmp_path / f"killed-{report.step}")

    train_fast(config, whole, callbacks=[After(copy)])
    for step in range(1, 5):
        killed = tmp_path / f"killed-{step}"
        train_fast(resumed_config(killed, {}), killed, resume=True)
        assert_same_run(killed, whole)


def test_killed_by_the_system_and_resumed_equals_uninterrupted(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    """SIGKILL while a child is at work on a step that chance chooses, or writes a checkpoint."""
    steps = 12
    config = make_config(steps=steps, checkpoint_every=2, workers=2, ema=0.9)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    code = f"""
        import json, sys
        from pathlib import Path
        from nst_train.config import FastConfig
        from nst_train.run import train_fast

        class TakeTurns:
            def on_step(self, report, state):
                print(report.step, flush=True)
                sys.stdin.readline()
            def close(self):
                pass

        config = FastConfig.from_mapping(json.loads(sys.argv[1]))
        train_fast(config, Path({str(killed)!r}), callbacks=[TakeTurns()])
    """
    command = [sys.executable, "-c", textwrap.dedent(code), json.dumps(config.as_dict())]
    last = int(np.random.default_rng().integers(1, steps))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for step in range(1, last + 1):
            assert int(child.stdout.readline()) == step
            child.stdin.write(b"go on\n")
            child.stdin.flush()
        child.kill()
    assert not (killed / "style.safetensors").exists()
    train_fast(config, whole)
    train_fast(resumed_config(killed, {}), killed, resume=True)
    assert_same_run(killed, whole)


def test_workers_change_nothing_and_seeds_do(make_config: MakeConfig, tmp_path: Path) -> None:
    for name, changes in {"0": {}, "4": {"workers": 4}, "seed": {"seed": 1}}.items():
        train_fast(make_config(**changes), tmp_path / name)
    assert losses(tmp_path / "0") == losses(tmp_path / "4")
    weights = {name: final(tmp_path / name).part("network") for name in ("0", "4", "seed")}
    for name, tensor in weights["0"].items():
        assert torch.equal(tensor, weights["4"][name])
    assert losses(tmp_path / "0") != losses(tmp_path / "seed")


# ---- stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_last_step_and_says_how_to_resume(
    make_config: MakeConfig, tmp_path: Path, number: signal.Signals
) -> None:
    config = make_config(checkpoint_every=100)
    stopped, whole = tmp_path / "it's here", tmp_path / "whole"
    interrupt = After(lambda report: report.step == 3 and os.kill(os.getpid(), number))
    with pytest.raises(StoppedError, match="stopped after step 3; resume with: ") as caught:
        train_fast(config, stopped, callbacks=[interrupt])
    assert caught.value.exit_code == 128 + number
    assert caught.value.cure.endswith(f"nst-rt train fast --resume -o '{tmp_path}/it'\"'\"'s here'")
    assert final(stopped).header["step"] == 3
    train_fast(config, stopped, resume=True)
    train_fast(config, whole)
    assert_same_run(stopped, whole)


# ---- disks


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
    assert caplog.text.count("training goes on") == 2
    assert final(run).header["step"] == 2
    full_from = 100
    train_fast(resumed_config(run, {}), run, resume=True)
    assert final(run).header["step"] == 9


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
        from nst_train.run import train_fast

        class FillUp:
            def on_step(self, report, state):
                if report.step == 2:
                    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
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


# ---- resuming


def test_damaged_newest_checkpoint_is_passed_over_with_a_line(
    make_config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, run, whole = make_config(checkpoint_every=1), tmp_path / "run", tmp_path / "whole"
    train_fast(config, whole)
    shutil.copytree(whole, run)
    damage(run / "checkpoints" / "step-0000004.safetensors")
    train_fast(resumed_config(run, {}), run, resume=True)
    assert "skipped" in caplog.text
    assert "do not match its hash" in caplog.text
    assert_same_run(run, whole)


def test_a_folder_whose_checkpoints_are_all_damaged_is_refused(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train_fast(make_config(), run)
    damage(run / "checkpoints" / "step-0000004.safetensors")
    with pytest.raises(ModelError, match=r"holds damaged checkpoints only .*another folder"):
        resumed_config(run, {})


def test_another_configuration_is_named_key_by_key(make_config: MakeConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_fast(make_config(), run)
    config = resumed_config(run, {"style_weight": 3.0, "workers": 2, "blocks": 2})
    with pytest.raises(UsageError, match=r"style_weight: 20.0 → 3.0; blocks: 1 → 2\)") as caught:
        train_fast(config, run, resume=True)
    assert caught.value.exit_code == 2
    allowed = {"workers": 2, "checkpoint_every": 1, "sample_every": 1}
    train_fast(resumed_config(run, allowed), run, resume=True)
    assert json.loads((run / "config.json").read_text())["workers"] == 2


def test_changed_material_is_refused(make_config: MakeConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = make_config()
    train_fast(config, run)
    Image.new("RGB", (64, 64), (1, 2, 3)).save(config.style)
    with pytest.raises(UsageError, match="painting changed since the run began"):
        train_fast(config, run, resume=True)
    Path(config.photos, "photo-0.png").unlink()
    with pytest.raises(UsageError, match="photos and painting changed since the run began"):
        train_fast(config, run, resume=True)


def test_a_run_is_never_overwritten_unasked(make_config: MakeConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = train_fast(make_config(), run)
    before = result.read_bytes()
    with pytest.raises(UsageError, match="holds a training run already; add --resume"):
        train_fast(make_config(seed=1), run)
    assert result.read_bytes() == before


def test_a_finished_run_resumes_to_itself(make_config: MakeConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    before = train_fast(make_config(), run).read_bytes()
    log = losses(run)
    assert train_fast(resumed_config(run, {}), run, resume=True).read_bytes() == before
    assert losses(run) == log


def test_resuming_needs_the_initial_weights_no_more(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    first = train_fast(make_config(), tmp_path / "first")
    config = make_config(initial=str(first))
    stop = After(lambda report: report.step == 2 and os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(StoppedError):
        train_fast(config, tmp_path / "second", callbacks=[stop])
    first.unlink()
    train_fast(config, tmp_path / "second", resume=True)
    assert final(tmp_path / "second").header["step"] == 4


def test_there_must_be_a_run_to_resume(make_config: MakeConfig, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no run to resume; drop --resume"):
        resumed_config(tmp_path / "nowhere", {})
    with pytest.raises(ModelError, match="holds no run to resume"):
        train_fast(make_config(), tmp_path / "nowhere", resume=True)


# ---- numbers and pictures


def test_losses_that_are_not_finite_name_the_last_good_checkpoint(
    make_config: MakeConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, step = tmp_path / "run", loop._step

    def sick(state: TrainingState, batch: Any, objective: Any, *rest: Any) -> Any:
        def losses(batch: Any, output: Tensor) -> dict[str, Tensor]:
            factor = float("nan") if state.step >= 5 else 1.0
            return {key: value * factor for key, value in objective(batch, output).items()}

        return step(state, batch, losses, *rest)

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
    with pytest.raises(TrainingError, match="before the first checkpoint; lower --learning-rate"):
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
    assert "2 of 8 photos were skipped" in caplog.text
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
