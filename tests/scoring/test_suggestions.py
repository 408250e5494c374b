"""Suggested labels are the arg-max of held-out logits, and replace labels only where they are sure."""

from __future__ import annotations

import numpy as np
import pytest

from finecl.scoring.suggestions import Suggestions
from finecl.types import NO_RELATION, Instances


def instances(pair: list[int], relation: list[int]) -> Instances:
    column = np.array(pair, dtype=np.int64)
    return Instances(
        uid=np.arange(1, len(pair) + 1, dtype=np.uint64),
        document=column,
        head=np.zeros_like(column),
        tail=np.ones_like(column),
        relation=np.array(relation, dtype=np.int64),
        pair=column,
        relations=("a", "b"),
    )


def test_a_suggestion_is_the_most_likely_relation_with_its_softmax_probability() -> None:
    logits = np.array([[2, 0, 0], [0, 0, 3], [np.nan] * 3], dtype=np.float32)
    suggestions = Suggestions.of(logits)
    assert suggestions.relation.tolist() == [0, NO_RELATION, NO_RELATION]
    expected = [np.exp(2) / (np.exp(2) + 2), np.exp(3) / (np.exp(3) + 2), 0.0]
    assert suggestions.confidence.tolist() == pytest.approx(expected)


def test_only_sure_suggestions_count() -> None:
    suggested = Suggestions(
        relation=np.array([1, 1, NO_RELATION, NO_RELATION, 0]),
        confidence=np.array([0.9, 0.4, 0.8, 0.3, 0.9], dtype=np.float32),
    )
    labels, weights = suggested.apply(instances([0, 1, 2, 3, 4], [0] * 5), np.full(5, 2, np.float32), 0.5)
    assert labels.relation.tolist() == [1, 0, 0, 0, 0]
    assert weights.tolist() == pytest.approx([1.8, 2.0, 0.0, 2.0, 2.0])


def test_a_label_that_its_pair_already_has_is_dropped() -> None:
    both = Suggestions(relation=np.array([1, 1]), confidence=np.ones(2, dtype=np.float32))
    labels, weights = both.apply(instances([0, 0], [0, 1]), np.ones(2, np.float32), 0.5)
    assert labels.relation.tolist() == [1, 1]
    assert weights.tolist() == [0.0, 1.0]
    moved_twice = both.apply(instances([0, 0], [0, 0]), np.ones(2, np.float32), 0.5)[1]
    assert sorted(moved_twice.tolist()) == [0.0, 1.0]
