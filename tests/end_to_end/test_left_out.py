"""Labels whose entities share no sentence or window are told in the output of an evaluation, and count as missed."""

from __future__ import annotations

import json
from pathlib import Path

from finecl.types import Document
from tests.end_to_end.conftest import Finecl, Small
from tests.helpers import tiny

NONE = "no_relation"


def without_common_sentence(documents: tuple[Document, ...]) -> tuple[int, int]:
    """Returns the number of labels that are relations, and of those whose entities share no sentence."""
    labels = [(document, label) for document in documents for label in document.labels if label.relation != NONE]
    sentences = [[{m.sentence for m in d.entities[end].mentions} for end in (x.head, x.tail)] for d, x in labels]
    return len(labels), sum(not heads & tails for heads, tails in sentences)


def test_labels_without_a_common_sentence_are_told_and_counted(tmp_path: Path, small: Small, finecl: Finecl) -> None:
    relation = next(x.relation for d in small.documents["train"] for x in d.labels if x.relation != NONE)
    sentences = ["Ada met Zoe in Ulm .", "Later Eve left Bern ."]
    test = [
        tiny.document(
            f"{number}", sentences, ["Ada", "Zoe", "Eve"], (0, relation, 1), *[(0, relation, 2)] * (number < 2)
        )
        for number in range(3)
    ]
    labels, apart = without_common_sentence(tuple(test))
    assert (labels, apart) == (5, 2)
    own = small.copy(tmp_path / "data", test=test)
    arguments = own.arguments(tmp_path / "run", method="none", finetune__extractor="markers")
    arguments.remove("--quiet")
    result = finecl(*arguments)
    assert result.code == 0, result.err
    told = f"test: {apart} of {labels} labels join entities without a common sentence: they are not scored and count as"
    assert told in " ".join(result.err.split())
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())["evaluate"]
    assert [numbers["labels_left_out"] for numbers in metrics.values()] == [apart] * len(metrics)
    assert all(numbers["recall"] <= (labels - apart) / labels for numbers in metrics.values())


def test_documents_that_fit_the_window_leave_nothing_out(finished_run: Path) -> None:
    metrics = json.loads((finished_run / "metrics.json").read_text())["evaluate"]
    assert [numbers["labels_left_out"] for numbers in metrics.values()] == [0] * len(metrics)
