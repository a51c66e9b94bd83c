from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cards import check_current, measures
from nst_rt.errors import ModelError

QUALITY = {
    "styles": [
        {
            "style": "waves", "checkpoint": "0123", "size": size, "photos": 20, "photo": 20.0,
            "painting": 2.0, "photo ÷ painting": 10.0, "L-BFGS 10": 8.0, "L-BFGS 30": 2.5,
            "equals calls": 31.5, "curve": [20.0, 8.0],
        }
        for size in (256, 512)
    ]
}  # fmt: skip
BOLDNESS = {
    "rows": [
        {
            "picture": f"photo__waves__{peer}.jpg", "checkpoint": "0123", "style": "waves",
            "network": network, "photo": 0.9, "peer": 0.2, "ours": 0.02,
        }
        for network in ("trained on", "not trained on")
        for peer in ("one", "other")
    ]
}  # fmt: skip


def test_card_holds_what_was_measured_of_its_style() -> None:
    held = measures("waves", QUALITY, BOLDNESS)
    assert held["objective_at_512"] == {
        "photos": 20,
        "of_the_photo": 20.0,
        "of_the_painting": 2.0,
        "photo_over_painting": 10.0,
        "lbfgs_after_10_calls": 8.0,
        "lbfgs_after_30_calls": 2.5,
        "equals_lbfgs_calls": "31.5",
    }
    assert held["gram_distance_on_the_network_not_trained_on"] == [
        {"published_by": peer, "ours": 0.02, "published": 0.2, "photo": 0.9}
        for peer in ("one", "other")
    ]
    assert measures("others", QUALITY, BOLDNESS) == {}


def test_measures_of_another_checkpoint_are_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "waves.safetensors"
    checkpoint.write_bytes(b"trained anew")
    with pytest.raises(ModelError, match="measured before it was trained anew"):
        check_current("waves", checkpoint, QUALITY["styles"])
    check_current("others", checkpoint, QUALITY["styles"])
