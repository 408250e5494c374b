"""Tests of cleaning: only the named changes are made, and only the labels that the rules name change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finecl.artifacts.false_negatives import FalseNegatives
from finecl.artifacts.scores_table import Scores
from finecl.errors import SettingsError
from finecl.labels.cleaning import Change, Cleaned, Rules, apply_changes, counts, plan_changes
from finecl.types import Document, Label
from tests.helpers import tiny

RELATIONS = ("born", "lives", "met")
TRIPLES = st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from(RELATIONS)).filter(lambda t: t[0] != t[1])


def document(labels: Any) -> Document:
    names = ["Ada", "Bob", "Cid", "Dot"]
    base = tiny.document("d", ["Ada Bob Cid Dot"], names)
    return replace(base, labels=tuple(Label(head=h, tail=t, relation=r) for h, t, r in labels))


@given(st.lists(TRIPLES, unique=True, max_size=6), st.data())
def test_nothing_but_the_named_changes_differs(labels: list[Any], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(labels), unique=True)) if labels else []
    actions = {triple: data.draw(st.sampled_from(["drop", *RELATIONS])) for triple in chosen}
    changes = [
        Change(action="drop" if new == "drop" else "relabel", document=0, head=h, tail=t, relation=r,
               new=None if new == "drop" else new, reason="")
        for (h, t, r), new in actions.items()
    ]  # fmt: skip
    before = document(labels)
    after = apply_changes(before, changes)
    assert replace(after, labels=()) == replace(before, labels=())
    expected: list[Any] = []
    for h, t, r in labels:
        new = actions.get((h, t, r), r)
        if new != "drop" and (h, t, new) not in expected:
            expected.append((h, t, new))
    assert sorted((x.head, x.tail, x.relation) for x in after.labels) == sorted(expected)
    kept = [triple for triple in labels if triple not in actions]
    assert [t for t in kept if t in {(x.head, x.tail, x.relation) for x in after.labels}] == kept


def scores(**columns: Any) -> Scores:
    """Returns the scores of four labels of two documents."""
    values: dict[str, Any] = {
        "uid": np.arange(4, dtype=np.uint64),
        "document": np.array([0, 0, 1, 1]),
        "head": np.array([0, 1, 0, 2]),
        "tail": np.array([1, 0, 1, 3]),
        "relation": np.array([0, 1, 2, 0]),
        "relations": RELATIONS,
        "noise": np.array([4, 3, 2, 1], dtype=np.float32),
        "weight": np.ones(4, dtype=np.float32),
        "learned_batch": np.array([0, 2, 1, 1]),
        "learned_epoch": np.zeros(4, dtype=np.int64),
        "truth": None,
        "verdict": np.array([None, None, "right", None], dtype=object),
        "p_wrong": np.array([0.9, 0.6, 0.8, 0.1], dtype=np.float32),
        "suggested": np.array(["met", "lives", "", "lives"], dtype=object),
        "suggested_confidence": np.array([0.7, 0.9, 0.9, 0.95], dtype=np.float32),
    }
    return Scores(**values | columns)


def planned(**rules: Any) -> list[tuple[int, str, str | None]]:
    changes = plan_changes(scores(), None, RELATIONS, Rules(**rules))
    return [(change.document * 10 + change.head, change.action, change.new) for change in changes]


def test_labels_are_dropped_by_probability_share_or_learning_but_not_against_a_verdict() -> None:
    assert planned(drop=0.6) == [(0, "drop", None), (1, "drop", None)]
    assert planned(drop_share=0.25) == [(0, "drop", None)]
    assert planned(drop_share=0.5) == [(0, "drop", None)]  # the second most suspicious has the verdict "right"
    assert planned(drop_never_learned=True) == [(0, "drop", None)]


def test_labels_are_relabelled_where_the_suggestion_is_sure() -> None:
    assert planned(relabel=0.65) == [(0, "relabel", "met"), (12, "relabel", "lives")]
    assert planned(relabel=0.65, drop=0.5) == [(0, "relabel", "met"), (1, "drop", None)]
    assert planned(relabel=0.85, drop=0.5) == [(0, "drop", None), (1, "drop", None)]
    none = scores(verdict=np.full(4, None, dtype=object))
    changes = plan_changes(none, None, RELATIONS, Rules(relabel=0.8))
    assert [(c.document, c.action, c.reason) for c in changes] == [
        (1, "drop", "no relation suggested with confidence 0.900"),
        (1, "relabel", "suggested with confidence 0.950"),
    ]


def test_missing_labels_are_added_above_the_probability() -> None:
    found = FalseNegatives(
        document=np.array([0, 1]), head=np.array([2, 3]), tail=np.array([0, 0]), relation=np.array([1, 2]),
        probability=np.array([0.9, 0.6], dtype=np.float32),
    )  # fmt: skip
    changes = plan_changes(scores(), found, RELATIONS, Rules(add_missing=0.8))
    assert counts(changes) == {"drop": 0, "relabel": 0, "add": 1}
    cleaned = Cleaned(documents=[document([]), document([])], changes=changes)
    assert [each.labels for each in cleaned] == [(Label(head=2, tail=0, relation="lives"),), ()]
    assert cleaned.records == [
        {"action": "add", "document": "d", "head": "Cid", "tail": "Ada", "relation": None, "new": "lives",
         "reason": "probability 0.900"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rules", "columns", "message"),
    [
        ({}, {}, "nothing to change"),
        ({"drop": 1.5}, {}, "--drop: expected a number from 0 to 1, got 1.5"),
        ({"relabel": 0.5}, {"suggested": None}, "--relabel needs suggested relations"),
        ({"drop_never_learned": True}, {"learned_batch": np.zeros(4, dtype=np.int64)}, "needs a learning order"),
        ({"add_missing": 0.5}, {}, "--add-missing needs a proxy that reads documents"),
    ],
)
def test_rules_that_cannot_be_applied_are_refused(rules: Any, columns: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        plan_changes(scores(**columns), None, RELATIONS, Rules(**rules))


def test_records_whose_only_label_was_dropped_are_left_out_of_formats_that_need_one() -> None:
    changes = [Change(action="drop", document=0, head=0, tail=1, relation="met", new=None, reason="x")]
    documents = [document([(0, 1, "met")]), document([])]
    cleaned = Cleaned(documents=documents, changes=changes, empty_documents="drop")
    assert list(cleaned) == [documents[1]]
    assert cleaned.dropped_documents == 1
