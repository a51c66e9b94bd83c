"""`nst-rt models`."""

from __future__ import annotations

import json

from nst_rt import zoo


def test_every_shipped_style_is_listed(nst) -> None:
    text = nst("models").out.decode()
    for card in zoo.cards():
        for fact in (card.name, card.title, card.painter, card.year, card.licence):
            assert fact in text


def test_json_holds_the_whole_cards(nst) -> None:
    cards = [json.loads(line) for line in nst("models", "--json").out.splitlines()]
    assert cards == [json.loads(json.dumps(card.as_dict())) for card in zoo.cards()]
