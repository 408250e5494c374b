"""The speed benchmark: ratios are those of turns side by side, and pages show what records hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from finecl_benchmarks import speed
from finecl_benchmarks.turns import Player


def turns(*rates: float, peak: float = 1e9, collate: float = 0.01) -> list[dict[str, Any]]:
    return [{"tokens": 1000, "seconds": 1000 / r, "collate_seconds": collate, "peak_bytes": peak} for r in rates]


def rounds() -> dict[str, list[dict[str, Any]]]:
    found = {name: turns(100, 200, 400) for group in speed.GROUPS for name in group}
    # The machine was slow in the first round: a ratio of medians over other rounds would be wrong.
    found["naive float32"] = turns(5, 20, 40, peak=8e9)
    found["packed float32"] = turns(100, 200, 400, peak=2e9)
    found["cached bf16"] = turns(80, 160, 320)
    found["contrastive bf16"], found[speed.SENTENCE_TRANSFORMERS] = turns(300, 300, 300), turns(100, 100, 100)
    return found


def ratios(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Those of two groups, as they are played: both hold "packed", which is slower beside the naive engine."""
    beside = {name: found[name] for name in speed.GROUPS[0]}
    others = found | {f"packed {p}": turns(200, 400, 800) for p in ("float32", "bf16")}
    del others["naive float32"]
    peak = {name: max(turn["peak_bytes"] for turn in each) for name, each in found.items()}
    return speed._ratios([beside, others], peak)


def test_ratios_compare_turns_of_one_round() -> None:
    found = ratios(rounds())
    assert found["float32"]["packed_over_naive"] == pytest.approx(10)
    assert found["bf16"]["cached_cost"] == pytest.approx(0.25)
    assert found["bf16"]["inference_over_bare"] == pytest.approx(1)
    assert found["memory_over_naive"] == pytest.approx(0.25)
    assert found["contrastive_over_sentence_transformers"] == pytest.approx(3)
    seconds = 2 * sum(t["seconds"] for t in turns(100, 200, 400) + turns(200, 400, 800))
    assert found["collate_share"] == pytest.approx(12 * 0.01 / seconds)


def test_without_sentence_transformers_nothing_is_said_of_it() -> None:
    found = {name: t for name, t in rounds().items() if name not in ("contrastive bf16", speed.SENTENCE_TRANSFORMERS)}
    assert "contrastive_over_sentence_transformers" not in ratios(found)


def test_flops_of_a_token_are_those_of_minilm() -> None:
    """78 million: 64 for the layers, 7 for attention, 7.5 for the masked head."""
    assert speed._flops_a_token() == pytest.approx(78e6, rel=0.02)


def test_figures_are_told_one_a_line() -> None:
    told = speed.lines({"core": {"bf16": {"packed_over_naive": 12.345678}, "commit": "x", "collate_share": 0.001}})
    assert told == ["core bf16.packed_over_naive: 12.35", "core collate_share: 0.001"]


def test_an_engine_that_cannot_be_made_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="the engine 'nobody' ended with exit code 1"):
        Player("nobody")
    assert "KeyError" in capfd.readouterr().err


def test_the_record_has_the_figures_that_are_asked_of_it() -> None:
    record = json.loads((speed.RESULTS / "speed.json").read_text())
    for key in ("packed_over_naive", "packed_over_padded", "cached_cost", "proxy_over_bare", "inference_over_bare"):
        assert record["float32"][key] > 0
        assert record["bf16"][key] > 0
    assert 0 < record["collate_share"] < 1
    assert 0 < record["memory_over_naive"] < 1
