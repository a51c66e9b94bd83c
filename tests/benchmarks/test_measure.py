"""Candidates take turns, ratios come from single rounds, results name no machine."""

from __future__ import annotations

import json
import socket

import pytest

from benchmarks import measure


def test_candidates_take_turns_and_begin_in_turn() -> None:
    calls: list[str] = []
    names = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    seconds = measure.interleave(names, rounds=3, warmup=1, pause_s=0)
    assert "".join(calls) == "ab" + "ab" + "ba" + "ab"
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}


def test_ratio_is_the_median_of_single_rounds() -> None:
    """What disturbs both candidates of a round does not move it, nor does one bad round."""
    seconds = {"slow": [2.0, 20.0, 3.0], "fast": [1.0, 10.0, 9.0]}
    slow, fast = measure.summarize(seconds, baseline="slow")
    assert (slow["ratio"], fast["ratio"]) == (1, 2)
    assert (fast["median_ms"], fast["min_ms"]) == (9000, 1000)


def test_results_name_the_machine_by_its_kind_only(tmp_path) -> None:
    facts = measure.machine(threads=2)
    path = measure.write_results("parity", facts, {"rows": [{"x": 1}]}, tmp_path / "new")
    text = path.read_text()
    document = json.loads(text)
    assert document["program"] == "parity"
    assert document["machine"]["threads"] == 2
    assert isinstance(document["machine"]["bf16"], bool)
    assert "numpy" in document["machine"]["versions"]
    assert str(tmp_path) not in text
    assert socket.gethostname() not in text


def test_bf16_is_said_of_cpus_that_have_instructions_for_it(monkeypatch) -> None:
    for flags, expected in (("fpu avx2", False), ("avx2 avx512_bf16", True), ("amx_bf16", True)):
        monkeypatch.setattr(measure, "cpuinfo", lambda flags=flags: {"flags": flags})
        assert measure.machine(threads=1)["bf16"] is expected


def test_table_has_a_line_for_every_row(capsys) -> None:
    rows = [{"name": "a", "ms": 1.23456, "range": [1, 2]}, {"name": "b", "ms": None, "range": []}]
    assert measure.markdown(rows).splitlines() == [
        "| name | ms | range |",
        "| --- | --- | --- |",
        "| a | 1.235 | 1…2 |",
        "| b | – |  |",
    ]
    measure.show(measure.machine(threads=1), measure.markdown(rows, ["name"]))
    assert "| b |" in capsys.readouterr().out


def test_infinities_never_reach_a_result_file(tmp_path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        measure.write_results("x", {}, {"value": float("inf")}, tmp_path)
