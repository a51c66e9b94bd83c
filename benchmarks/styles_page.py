"""Writes the page of the shipped styles, `docs/styles.md`, from their cards.

    python -m benchmarks.styles_page

The pictures on it are painted by `benchmarks.gallery`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.measure import markdown
from nst_rt import zoo

PAGE = Path(__file__).parents[1] / "docs" / "styles.md"
PHOTOS = ("parrots", "lighthouse")
"""Photos of `examples/photos` that every style paints for the page."""
_INTRODUCTION = """\
# The shipped styles

Written by `python -m benchmarks.styles_page` from the cards, which `nst-rt models --json` prints.

Each strip shows the painting, a photo and what became of it. The figures:

- **Objective**: what training minimizes, content + style weight × style + smoothness weight ×
  variation, in float32. Lower is better. It depends on the style weight, so it compares styles of
  one weight only.
- **L-BFGS**: the objective of the same picture after so many evaluations of explicit optimization,
  which starts from the photo and changes its pixels; slow, and what a single pass of a network is
  measured against.
- **Gram distance**: how far the textures of a picture are from those of the painting: the mean
  relative distance of Gram matrices. 0 is equal, 1 as wrong as a black picture.
"""
_TRAINING = {
    "command": "command",
    "data": "data",
    "steps": "steps",
    "inherited": "begun from",
    "processor": "processor",
    "style_weight_choice": "style weight",
}
"""Titles of a card's facts of the training, in the order of the page."""
_NETWORKS = {"trained_on": "of the training", "not_trained_on": "another"}
"""Perceptual networks that measured Gram distances, by the ends of a card's keys."""


def page(cards: tuple[zoo.Card, ...]) -> str:
    """Return the page of the styles, in Markdown."""
    return "\n".join([_INTRODUCTION, *(line for card in cards for line in _section(card))])


def _section(card: zoo.Card) -> Iterator[str]:
    """Yield the lines of one style."""
    facts = card.facts
    yield from (f"## {card.title}", "", f"{card.painter}, {card.year}. `--style {card.name}`")
    for photo in PHOTOS:
        yield from ("", f"![{card.title}, {photo}](pictures/{card.name}-{photo}.jpg)")
    yield from ("", card.licence)
    yield from ("", "How it was trained:", "")
    yield from _training(facts["training"])
    measures = facts.get("measures", {})
    objectives = [_objective(key, value) for key, value in measures.items() if "objective" in key]
    photos = next((value["photos"] for key, value in measures.items() if "objective" in key), 0)
    yield from _table(
        f"Objective, median over {photos} photos that no network was trained on:", objectives
    )
    yield from _table(
        "Gram distance of a photo, of the painting that another project published of it, and of "
        "ours; on the perceptual network of the training and on another one:",
        list(_distances(measures)),
    )
    files = [
        {"file": f"`{card.name}{zoo.FILES[kind]}`", "bytes": f"{file.bytes:,}",
         "SHA-256": f"`{file.sha256}`"}
        for kind, file in card.files.items()
    ]  # fmt: skip
    yield from _table("Files:", files)
    yield ""


def _table(title: str, rows: list[dict[str, str]]) -> Iterator[str]:
    """Yield a line that says what the table shows, and the table; nothing without rows."""
    if rows:
        yield from ("", title, "", markdown(rows))


def _training(facts: Mapping[str, Any]) -> Iterator[str]:
    for key, title in _TRAINING.items():
        if key in facts:
            yield f"- {title}: " + (f"`{facts[key]}`" if key == "command" else str(facts[key]))
    losses = ", ".join(f"{name} {value}" for name, value in facts["losses"].items())
    yield f"- losses, mean over {facts['losses_over']}: {losses}"


def _objective(key: str, value: Mapping[str, Any]) -> dict[str, str]:
    size = key.rpartition("_")[2]
    calls = [name for name in value if name.startswith("lbfgs_after_")]
    return {
        "size": f"{size}×{size}",
        "photo itself": str(value["of_the_photo"]),
        "our painting": str(value["of_the_painting"]),
        "photo ÷ painting": str(value["photo_over_painting"]),
        **{f"L-BFGS, {name.split('_')[2]} evaluations": str(value[name]) for name in calls},
        "our painting equals": f"{value['equals_lbfgs_calls']} evaluations",
    }


def _distances(measures: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for end, network in _NETWORKS.items():
        for row in measures.get(f"gram_distance_on_the_network_{end}", ()):
            yield {
                "published by": f"`{row['published_by']}`",
                "network": network,
                "photo": f"{row['photo']:.2f}",
                "published": f"{row['published']:.3f}",
                "ours": f"{row['ours']:.3f}",
            }


if __name__ == "__main__":
    PAGE.write_text(page(zoo.cards()), encoding="utf-8")
