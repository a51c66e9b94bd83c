"""`nst-rt train`: a painting and photos become a style."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nst_rt.commands.console import Console
from nst_rt.commands.extras import needing
from nst_rt.errors import InputError, shown

if TYPE_CHECKING:
    from nst_train.config import FastConfig


def _names(
    context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[str, ...] | None:
    """Names or files separated by commas."""
    if text is None:
        return None
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise click.BadParameter("expected names separated by commas")
    return names


@click.group()
def train() -> None:
    """Train a style, an upscaler, … from photos."""


@train.command()
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="The run's folder."
)
@click.option("--style", metavar="PAINTING", help="The painting whose style is learnt.")
@click.option("--photos", metavar="DIR", help="Photos to learn on, sub-folders included.")
@click.option("--steps", type=int, help="Batches to train on. [4000]")
@click.option("--size", type=int, help="Height and width of a crop in pixels. [256]")
@click.option("--batch", type=int, help="Crops in a batch. [4]")
@click.option("--style-weight", type=float, help="Style against content, scale-free. [20]")
@click.option("--tv-weight", type=float, help="Smoothness against content. [0.05]")
@click.option("--style-size", type=int, help="Long side of the painting: size of strokes. [512]")
@click.option("--content-layer", metavar="LAYER", help="[relu3_1]")
@click.option("--style-layers", callback=_names, metavar="LAYER,…", help="[relu1_1,…,relu5_1]")
@click.option(
    "--features",
    callback=_names,
    metavar="FILE[,FILE]",
    help="Perceptual network: vgg16, vgg19, or files, the more faithful first. [vgg19]",
)
@click.option("--width", type=float, help="Channels: 1 is Johnson's network. [0.5]")
@click.option("--blocks", type=int, help="Residual blocks. [5]")
@click.option("--upsample", type=click.Choice(["nearest", "transposed"]), help="[nearest]")
@click.option("--learning-rate", type=float, help="Its peak. [0.003]")
@click.option("--ema", type=float, help="Share of the average that each step keeps. [0.99]")
@click.option("--initial", metavar="CHECKPOINT", help="Weights to start from.")
@click.option("--crops-per-photo", type=int, help="Different crops of each photo. [4]")
@click.option("--seed", type=int, help="[0]")
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16", "fp16"]), help="[auto]")
@click.option("--device", help="auto, cpu, cuda, cuda:1, … [auto]")
@click.option("--threads", type=int, help="Threads of the arithmetic. [all cores]")
@click.option("--workers", type=int, help="Threads that read photos. [1]")
@click.option("--cache-gib", type=float, help="Memory for content features. [4]")
@click.option("--max-bad", type=float, help="Share of unreadable photos to put up with. [0.01]")
@click.option("--checkpoint-every", type=int, metavar="STEPS", help="[250]")
@click.option("--sample-every", type=int, metavar="STEPS", help="[250]")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Options from a file, written with underscores; those given here come first.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out, with its options.")
@click.pass_obj
def fast(
    console: Console, /, out: Path, config_file: Path | None, resume: bool, **options: Any
) -> None:
    """Train one network to paint like one painting.

    Writes checkpoints, samples, a log and at the end style.safetensors into --out. Ctrl-C keeps the
    last finished step; --resume goes on from it as if nothing had happened.
    """
    with needing("train", "training"):
        from nst_train.config import FastConfig
    given = {key: value for key, value in options.items() if value is not None}
    if config_file is not None:
        given = FastConfig.read(config_file) | given
    given |= {key: _absolute(given[key]) for key in ("style", "photos", "initial") if key in given}
    if "features" in given:
        given["features"] = _absolute_files(given["features"])
    if not resume:  # before torch is loaded, which takes seconds
        config = FastConfig.from_mapping(given)
        _refuse_absent(config)
    with needing("train", "training"):
        from nst_train.methods.fast import train_fast
        from nst_train.run import resumed_config
    if resume:
        config = resumed_config(FastConfig, out, given)
    progress = sys.stderr.isatty() and not console.quiet
    click.echo(shown(train_fast(config, out, resume=resume, progress=progress)))


def _refuse_absent(config: FastConfig) -> None:
    """Raise if there are no photos or no painting to learn from."""
    from nst_train.photo_files import find_photos

    find_photos(Path(config.photos))
    if not Path(config.style).exists():
        raise InputError("no such file", path=config.style)


def _absolute(path: Any) -> Any:
    """A path that still holds when the run is resumed from another folder."""
    return str(Path(path).absolute()) if isinstance(path, str) else path


def _absolute_files(features: Any) -> Any:
    """`features` with the files among the names made absolute."""
    if not isinstance(features, list | tuple):
        return features
    return tuple(_absolute(name) if Path(str(name)).suffix else name for name in features)
