"""Engines are loaded where this user built them, and nothing else is without being told to."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nst_rt.engines import trust
from nst_rt.engines.trust import check_integrity, check_trust, record_built
from nst_rt.errors import ModelError
from tests.nst_rt.engines.test_side_car import FACTS as WAVE

DATA = b"an engine"
FACTS = replace(
    WAVE,
    engine_sha256=hashlib.sha256(DATA).hexdigest(),
    engine_bytes=len(DATA),
    profiles=[{name: [1, 16, 16, 3] for name in ("min", "opt", "max")}],
)
ENGINE = Path("wave.engine")
UNKNOWN = (
    r"which is code, and is not among those that you built, by .*/engines/built; build it here: "
    r"nst-rt export MODEL\.onnx wave\.engine --overwrite --size 16x16; or paint with "
    r"trust_engine=True \(--trust-engine\)"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NST_RT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_engine_that_was_built_here_is_trusted() -> None:
    with pytest.raises(ModelError, match=UNKNOWN) as caught:
        check_trust(ENGINE, FACTS)
    assert caught.value.exit_code == 4
    assert "--trust-engine" in str(caught.value)
    record_built(ENGINE, FACTS)
    check_trust(ENGINE, FACTS)


def test_notes_of_engines_that_are_used_stay(cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(trust, "KEPT", 3)
    built = [replace(FACTS, engine_sha256=digit * 64) for digit in "01234"]
    for age, facts in enumerate(built[:3]):
        record_built(ENGINE, facts)
        note = cache / f"engines/built/{facts.engine_sha256}.json"
        os.utime(note, (age, age))
    check_trust(ENGINE, built[0])
    for facts in built[3:]:
        record_built(ENGINE, facts)
    for facts in (built[0], *built[3:]):
        check_trust(ENGINE, facts)
    for facts in built[1:3]:
        with pytest.raises(ModelError, match=UNKNOWN):
            check_trust(ENGINE, facts)


def test_another_engine_under_the_same_name_is_not() -> None:
    record_built(ENGINE, FACTS)
    with pytest.raises(ModelError, match=UNKNOWN):
        check_trust(ENGINE, replace(FACTS, engine_sha256="0" * 64))


def test_user_may_answer_for_an_engine() -> None:
    check_trust(ENGINE, FACTS, trusted=True)


def test_asking_makes_no_folder(cache: Path) -> None:
    with pytest.raises(ModelError, match=UNKNOWN):
        check_trust(ENGINE, FACTS)
    assert not cache.exists()


@pytest.mark.parametrize("place", ["engines", "engines/built", "note"])
@pytest.mark.parametrize("how", ["group", "others", "owner", "link"])
@pytest.mark.skipif(os.name == "nt", reason="files have no such owners")
def test_notes_that_others_could_have_written_prove_nothing(cache, place, how, tmp_path) -> None:
    record_built(ENGINE, FACTS)
    note = cache / f"engines/built/{FACTS.engine_sha256}.json"
    path = note if place == "note" else cache / place
    if how == "owner":
        if os.geteuid():
            pytest.skip("files are given away by root alone")
        os.chown(path, 65534, -1)
    elif how == "link":
        moved = path.rename(tmp_path / "elsewhere")
        path.symlink_to(moved)
    else:
        path.chmod(0o720 if how == "group" else 0o702)
    said = {"owner": r"belongs to another user \(65534\)", "link": "is a link"}
    with pytest.raises(ModelError, match=said.get(how, r"can be written by others \(mode 7")):
        check_trust(ENGINE, FACTS)


def test_where_files_have_no_such_owners_none_are_asked_for(cache, monkeypatch) -> None:
    """On Windows the user's folders are closed by their access lists."""
    record_built(ENGINE, FACTS)
    (cache / "engines").chmod(0o777)
    monkeypatch.setattr(sys, "platform", "win32")
    check_trust(ENGINE, FACTS)


def test_notes_are_closed_to_others_whatever_the_umask(cache: Path) -> None:
    before = os.umask(0)
    try:
        record_built(ENGINE, FACTS)
    finally:
        os.umask(before)
    check_trust(ENGINE, FACTS)


def test_build_that_cannot_be_noted_says_so_and_goes_on(cache, caplog) -> None:
    cache.write_text("no folder")
    with caplog.at_level(logging.WARNING):
        record_built(ENGINE, FACTS)
    assert "wave.engine: cannot be noted as built by you (" in caplog.text
    assert "loading it takes trust_engine=True (--trust-engine); " in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="files have no such owners")
@pytest.mark.parametrize("place", ["engines", "engines/built"])
def test_folder_that_others_can_write_is_told_at_the_build_and_mended(cache, caplog, place) -> None:
    record_built(ENGINE, FACTS)
    (cache / place).chmod(0o775)
    with caplog.at_level(logging.WARNING):
        record_built(ENGINE, FACTS)
    assert f"{cache / place}: can be written by others (mode 775)" in caplog.text
    with pytest.raises(ModelError, match=r"make that folder yours alone \(chmod go-w, chown\)"):
        check_trust(ENGINE, FACTS)
    (cache / place).chmod(0o755)
    check_trust(ENGINE, FACTS)


def test_damaged_engine_is_told_with_both_sizes_or_hashes() -> None:
    check_integrity(ENGINE, DATA, FACTS)
    with pytest.raises(ModelError, match=r"has 8 bytes where wave\.engine\.json says 9; "):
        check_integrity(ENGINE, DATA[:-1], FACTS)
    one, other = (hashlib.sha256(data).hexdigest()[:16] for data in (b"an enginE", DATA))
    with pytest.raises(
        ModelError, match=rf"its SHA-256 is {one}…, wave\.engine\.json says {other}…"
    ):
        check_integrity(ENGINE, b"an enginE", FACTS)
    with pytest.raises(ModelError):
        check_integrity(ENGINE, DATA, replace(FACTS, engine_sha256="0" * 64))
