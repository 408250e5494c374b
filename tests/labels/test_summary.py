"""Tests of the summary of scored labels."""

from __future__ import annotations

from typing import Any

from finecl.labels.summary import Summary, describe


def summary(**changed: Any) -> str:
    values: dict[str, Any] = {
        "documents": 90, "labels": 200, "relations": 3, "scorer": "confidence", "wrong_share": 0.4,
        "wrong_share_interval": [0.3, 0.5], "source": "mixture",
    }  # fmt: skip
    return str(Summary(**values | changed))


def test_the_share_has_its_interval_and_its_source() -> None:
    assert "about 40 % of the labels are wrong (95 % interval 30 to 50, by a mixture model of the noise)" in summary()
    assert "by your verdicts" in summary(source="verdicts")
    unknown = summary(wrong_share=None, wrong_share_interval=None, source="none")
    assert "the share of wrong labels is unknown" in unknown


def test_a_share_of_few_labels_is_not_to_be_relied_on() -> None:
    assert "fewer than 100 labels: do not rely on this share" in summary(labels=99)
    assert "fewer than 100 labels" not in summary(labels=100)
    assert "fewer than 100 labels" not in summary(labels=99, source="verdicts")


def test_a_label_of_a_whole_text_is_shown_once() -> None:
    row = {"p_wrong": 0.9, "head": "A goal .", "relation": "food", "tail": "A goal .", "sentence": "A goal ."}
    assert describe(row) == "  90 %  food  A goal ."
    pair = {**row, "head": "A", "tail": "goal", "suggested": "scored"}
    assert describe(pair) == "  90 %  A | food | goal (suggested: scored)  A goal ."
