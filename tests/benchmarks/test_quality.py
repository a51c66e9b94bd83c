"""The curve of explicit optimization falls, and a painting equals a number of its calls."""

from __future__ import annotations

import json
import math

import pytest
import torch
from click.testing import CliRunner

from benchmarks import photos as photo_list
from benchmarks import quality, styles
from benchmarks.quality import Records, equal_calls, optimization_curve
from nst_rt.errors import InputError
from nst_train.photos import Batch


@pytest.fixture
def style(checkpoint, paintings):
    return styles.load(str(checkpoint), paintings=paintings, features=["untrained"])


def test_style_is_read_with_the_painting_and_features_of_this_machine(style, paintings) -> None:
    assert style.name == "stripes"
    assert style.config.style == str(paintings / "stripes.png")
    assert style.config.style_weight == 20


def test_optimization_falls_and_counts_every_closure_call() -> None:
    calls: list[float] = []

    def valley(x: torch.Tensor) -> torch.Tensor:
        """Rosenbrock's, in which a line search overshoots."""
        a, b = x[..., 0], x[..., 1]
        value = (100 * (b - a**2) ** 2 + (1 - a) ** 2).sum()
        calls.append(value.item())
        return value

    curve = optimization_curve(valley, torch.tensor([[[[-1.2, 1.0]]]]), 20)
    assert len(calls) == len(curve) == 20
    assert curve[0] == calls[0]
    assert sorted(calls, reverse=True) != calls
    assert curve == [min(calls[: index + 1]) for index in range(20)]
    assert curve[-1] < curve[0] / 20


def test_optimization_goes_on_after_it_has_converged() -> None:
    """So that a curve always has as many values as calls were asked for."""
    curve = optimization_curve(lambda x: (x**2).sum(), torch.ones(1, 1, 2, 2), 40)
    assert len(curve) == 40
    assert curve[-1] < 1e-9


@pytest.mark.parametrize(
    ("value", "calls"), [(9.0, 1), (8.0, 1), (4.0, 2), (3.0, 2.5), (2.0, 3), (0.5, math.inf)]
)
def test_equal_calls_are_interpolated(value: float, calls: float) -> None:
    assert equal_calls([8.0, 4.0, 2.0, 2.0], value) == calls


def test_objective_is_the_training_loss(style) -> None:
    loss = style.loss()
    x, y = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    expected = loss(Batch(x, (0,)), y)["total"].item()
    assert quality.objective_of(loss, x)(y).item() == pytest.approx(expected, rel=1e-3)


def test_objectives_are_told_apart_by_what_changes_their_numbers(style, checkpoint, paintings):
    from dataclasses import replace

    other = replace(style, config=replace(style.config, style_weight=3.0))
    again = styles.load(str(checkpoint), paintings=paintings, features=["untrained"])
    identity = style.objective_identity(style.loss())
    assert again.objective_identity(again.loss()) == identity
    assert other.objective_identity(other.loss()) != identity


def test_records_survive_a_kill_and_are_found_again(tmp_path) -> None:
    path = tmp_path / "new" / "records.jsonl"
    Records(path).put({"photo": "a", "size": 32}, [3.0, 2.0])
    with path.open("a") as file:
        file.write('{"of": {"photo": "b"')
    kept = Records(path)
    assert kept.get({"size": 32, "photo": "a"}) == [3.0, 2.0]
    assert kept.get({"photo": "b"}) is None


@pytest.fixture
def command(monkeypatch, photos, paintings, checkpoint, tmp_path):
    """The program on two photos at 32²; takes further options."""
    monkeypatch.setattr(photo_list, "CONTENT", ("photo-0.png",))
    monkeypatch.setattr(photo_list, "BSD100", ("photo-1.png",))

    def run(*options: str):
        arguments = [str(checkpoint), "--paintings", str(paintings), "--features", "untrained"]
        arguments += ["--content", str(photos), "--bsd100", str(photos), "--sizes", "32"]
        arguments += ["--threads", "1", "--results", str(tmp_path / "results"), *options]
        return CliRunner().invoke(quality.quality, arguments, catch_exceptions=False)

    return run


def test_program_measures_once_and_shows_the_curve(command, tmp_path, monkeypatch) -> None:
    output = command("--calls", "12").output
    assert "| stripes | 32 | 2 |" in output
    assert "L-BFGS 10" in output
    document = json.loads((tmp_path / "results/quality.json").read_text())
    (summary,) = document["styles"]
    assert summary["photo"] == summary["curve"][0]
    assert sorted(summary["curve"], reverse=True) == summary["curve"]
    assert {row["photo"] for row in document["pictures"]} == {"photo-0.png", "photo-1.png"}
    assert str(tmp_path) not in json.dumps(document)

    def unwanted(*args: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(quality, "optimization_curve", unwanted)
    assert command("--calls", "10").exit_code == 0
    with pytest.raises(AssertionError, match="measured again"):
        command("--calls", "13")


def test_absent_photo_is_named(tmp_path) -> None:
    with pytest.raises(InputError, match=r"amber\.jpg: one of the named photos is absent"):
        photo_list.named_photos(tmp_path, tmp_path)


def test_photos_come_from_both_folders_in_turn(tmp_path) -> None:
    for name in (*photo_list.CONTENT, *photo_list.BSD100):
        (tmp_path / name).touch()
    names = [path.name for path in photo_list.named_photos(tmp_path, tmp_path, count=20)]
    assert names[:3] == [photo_list.CONTENT[0], photo_list.BSD100[0], photo_list.CONTENT[1]]
    assert len(set(names)) == 20
