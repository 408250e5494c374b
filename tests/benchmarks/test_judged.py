"""Tests of the measures on labels that people judged."""

from __future__ import annotations

import numpy as np
import pytest
from finecl_benchmarks import judged_stack
from finecl_benchmarks.judged import _counts, _measured
from finecl_benchmarks.judged_stack import stacks
from finecl_dynamics.verbalization import Verbalization

from finecl import registry
from finecl.testing import samples


def test_a_label_is_wrong_below_one_half_and_relations_count_alike() -> None:
    share = np.tile([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], 2)
    relation = np.repeat([0, 1], 10)
    noise = np.where(relation == 0, 1 - share, share).astype(np.float32)  # right about the first, reversed in the other
    measured = _measured(noise, share, relation)
    assert measured["auroc_within_relations"] == pytest.approx(0.5)
    assert _measured(noise[:10], share[:10], relation[:10])["auroc_within_relations"] == pytest.approx(1.0)
    assert _measured(noise[10:], share[10:], relation[10:])["rank_correlation"] == pytest.approx(-1.0)


def test_a_relation_with_few_of_a_kind_is_not_measured_on_its_own_and_infinite_noise_is_the_highest() -> None:
    share = np.array([0.0, 0.1, 0.2, 0.3, 0.9, 0.9, 0.9, 0.9, 0.9])
    noise = np.array([np.inf, np.inf, 3, 2, 1, 1, 1, 1, 1], dtype=np.float32)
    measured = _measured(noise, share, np.zeros(9))
    assert measured["auroc_within_relations"] is None
    assert measured["auroc"] == pytest.approx(1.0)
    assert measured["rank_correlation"] > 0.9


def test_disputed_labels_are_left_out_of_one_measure() -> None:
    share = np.array([0.0, 0.4, 0.6, 1.0])
    noise = np.array([2.0, 0.0, 3.0, 1.0], dtype=np.float32)  # right about the clear ones only
    measured = _measured(noise, share, np.zeros(4))
    assert measured["auroc_undisputed"] == pytest.approx(1.0)
    assert measured["auroc"] < 0.6


def test_only_sentences_on_which_nothing_was_chosen_count() -> None:
    assert [title for title in ("o0", "o1", "m2", "m13") if _counts(title)] == ["o1", "m13"]


def test_stacks_are_measured_for_each_number_of_judged_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged_stack, "DRAWS", 2)
    instances, evidence = samples.instances(900), samples.evidence(900)
    noise = Verbalization().score(instances, evidence)
    wrong = noise > np.random.default_rng(0).normal(np.median(noise), 0.1, 900)
    rows = stacks(registry.load(), ("verbalization", "trigger"), instances, evidence, wrong, np.arange(0, 900, 2))
    assert [(row["judged"], row["selected"]) for row in rows[:3]] == [(30, "random"), (30, "spread"), (50, "random")]
    for row in rows:
        assert row["auroc"]["verbalization"][0] > 0.9
        assert row["auroc"]["stack"][0] > 0.8
        assert row["auroc"]["mean"][0] > row["auroc"]["trigger"][0]  # the words of these samples say nothing
        assert 0 <= row["no_worse_than_members"] <= 1
