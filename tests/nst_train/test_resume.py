"""Stopped or killed, a run goes on as if nothing had happened, or says why not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nst_rt.errors import ModelError, UsageError
from nst_train.config import FastConfig
from nst_train.loop import StepReport, StoppedError
from nst_train.methods.fast import train_fast
from nst_train.run import resumed_config
from tests.nst_train.runs import After, MakeConfig, assert_same_run, damage, final, losses


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
        train_fast(resumed_config(FastConfig, killed, {}), killed, resume=True)
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
        from nst_train.methods.fast import train_fast

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
    train_fast(resumed_config(FastConfig, killed, {}), killed, resume=True)
    assert_same_run(killed, whole)


def test_workers_change_nothing_and_seeds_do(make_config: MakeConfig, tmp_path: Path) -> None:
    for name, changes in {"0": {}, "4": {"workers": 4}, "seed": {"seed": 1}}.items():
        train_fast(make_config(**changes), tmp_path / name)
    assert losses(tmp_path / "0") == losses(tmp_path / "4")
    weights = {name: final(tmp_path / name).part("network") for name in ("0", "4", "seed")}
    for name, tensor in weights["0"].items():
        assert torch.equal(tensor, weights["4"][name])
    assert losses(tmp_path / "0") != losses(tmp_path / "seed")


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


def test_damaged_newest_checkpoint_is_passed_over_with_a_line(
    make_config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, run, whole = make_config(checkpoint_every=1), tmp_path / "run", tmp_path / "whole"
    train_fast(config, whole)
    shutil.copytree(whole, run)
    damage(run / "checkpoints" / "step-0000004.safetensors")
    train_fast(resumed_config(FastConfig, run, {}), run, resume=True)
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
        resumed_config(FastConfig, run, {})


def test_another_configuration_is_named_key_by_key(make_config: MakeConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train_fast(make_config(), run)
    config = resumed_config(FastConfig, run, {"style_weight": 3.0, "workers": 2, "blocks": 2})
    with pytest.raises(UsageError, match=r"style_weight: 20.0 → 3.0; blocks: 1 → 2\)") as caught:
        train_fast(config, run, resume=True)
    assert caught.value.exit_code == 2
    allowed = {"workers": 2, "checkpoint_every": 1, "sample_every": 1}
    train_fast(resumed_config(FastConfig, run, allowed), run, resume=True)
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
    with pytest.raises(UsageError, match="holds a training run already; pass resume=True"):
        train_fast(make_config(seed=1), run)
    assert result.read_bytes() == before


def test_a_finished_run_resumes_to_itself(make_config: MakeConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    before = train_fast(make_config(), run).read_bytes()
    log = losses(run)
    assert train_fast(resumed_config(FastConfig, run, {}), run, resume=True).read_bytes() == before
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
    with pytest.raises(ModelError, match="holds no run to resume; leave out resume"):
        resumed_config(FastConfig, tmp_path / "nowhere", {})
    with pytest.raises(ModelError, match="holds no run to resume"):
        train_fast(make_config(), tmp_path / "nowhere", resume=True)
