"""Tests of the speed benchmark: ratios of steps in the same round, formatted records, and failing engines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from finecl_benchmarks import speed
from finecl_benchmarks.interleaved import Worker


def steps(*rates: float, peak: float = 1e9, collate: float = 0.01) -> list[dict[str, Any]]:
    return [{"tokens": 1000, "seconds": 1000 / r, "collate_seconds": collate, "peak_bytes": peak} for r in rates]


def rounds() -> dict[str, list[dict[str, Any]]]:
    measured = {name: steps(100, 200, 400) for group in speed.GROUPS for name in group}
    # The first round is slow: a ratio of medians over different rounds would be wrong.
    measured["naive float32"] = steps(5, 20, 40, peak=8e9)
    measured["packed float32"] = steps(100, 200, 400, peak=2e9)
    measured["cached bf16"] = steps(80, 160, 320)
    measured["contrastive bf16"], measured[speed.SENTENCE_TRANSFORMERS] = steps(300, 300, 300), steps(100, 100, 100)
    return measured


def ratios(measured: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Returns the ratios of two groups that both contain "packed", which is slower beside the naive engine."""
    with_naive = {name: measured[name] for name in speed.GROUPS[0]}
    others = measured | {f"packed {p}": steps(200, 400, 800) for p in ("float32", "bf16")}
    del others["naive float32"]
    peak = {name: max(step["peak_bytes"] for step in engine_steps) for name, engine_steps in measured.items()}
    return speed._ratios([with_naive, others], peak)


def test_ratios_compare_steps_of_the_same_round() -> None:
    record = ratios(rounds())
    assert record["float32"]["packed_over_naive"] == pytest.approx(10)
    assert record["bf16"]["cached_cost"] == pytest.approx(0.25)
    assert record["bf16"]["inference_over_bare"] == pytest.approx(1)
    assert record["memory_over_naive"] == pytest.approx(0.25)
    assert record["contrastive_over_sentence_transformers"] == pytest.approx(3)
    seconds = 2 * sum(t["seconds"] for t in steps(100, 200, 400) + steps(200, 400, 800))
    assert record["collate_share"] == pytest.approx(12 * 0.01 / seconds)


def test_without_sentence_transformers_its_ratio_is_omitted() -> None:
    rivals = ("contrastive bf16", speed.SENTENCE_TRANSFORMERS)
    measured = {name: t for name, t in rounds().items() if name not in rivals}
    assert "contrastive_over_sentence_transformers" not in ratios(measured)


def test_flops_per_token_match_minilm() -> None:
    """78 million: 64 for the layers, 7 for attention, 7.5 for the MLM head."""
    assert speed._flops_per_token() == pytest.approx(78e6, rel=0.02)


def test_ratios_are_formatted_one_per_line() -> None:
    lines = speed.format_ratios(
        {"core": {"bf16": {"packed_over_naive": 12.345678}, "commit": "x", "collate_share": 0.001}}
    )
    assert lines == ["core bf16.packed_over_naive: 12.35", "core collate_share: 0.001"]


def test_an_engine_that_cannot_be_created_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="the engine 'nobody' ended with exit code 1"):
        Worker("nobody")
    assert "KeyError" in capfd.readouterr().err


def test_the_saved_record_has_the_published_ratios() -> None:
    record = json.loads((speed.RESULTS / "speed.json").read_text())
    for key in ("packed_over_naive", "packed_over_padded", "cached_cost", "proxy_over_bare", "inference_over_bare"):
        assert record["float32"][key] > 0
        assert record["bf16"][key] > 0
    assert 0 < record["collate_share"] < 1
    assert 0 < record["memory_over_naive"] < 1
