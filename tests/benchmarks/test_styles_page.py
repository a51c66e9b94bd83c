"""The page of the shipped styles is what their cards say."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.gallery import PICTURES
from benchmarks.styles_page import PAGE, PHOTOS, page
from nst_rt import zoo


def test_page_is_that_of_the_cards_and_its_pictures_are_there() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(zoo.cards())
    for card in zoo.cards():
        for photo in PHOTOS:
            assert (PICTURES / f"{card.name}-{photo}.jpg").exists()


def test_figures_stand_under_plain_titles() -> None:
    card = zoo.cards()[0]
    objective = {
        "photos": 20, "of_the_photo": 9.5, "of_the_painting": 1.9, "photo_over_painting": 5.0,
        "lbfgs_after_10_calls": 3.25, "equals_lbfgs_calls": "> 10",
    }  # fmt: skip
    distance = {"published_by": "someone", "ours": 0.01, "published": 0.2, "photo": 0.5}
    measures = {
        "gram_distance_on_the_network_not_trained_on": [distance],
        "objective_at_512": objective,
    }
    lines = page((replace(card, facts={**card.facts, "measures": measures}),)).splitlines()
    assert "| 512×512 | 9.5 | 1.9 | 5.0 | 3.25 | > 10 evaluations |" in lines
    assert "| `someone` | another | 0.50 | 0.200 | 0.010 |" in lines
    unmeasured = page((replace(card, facts={**card.facts, "measures": {}}),))
    assert "Objective, median" not in unmeasured
    assert "Gram distance of" not in unmeasured
    assert card.files["fp32"].sha256 in unmeasured
