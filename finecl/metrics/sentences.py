"""Scores of data sets with one label per sentence: accuracy, micro and macro F1, and TACRED's scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from finecl.errors import FormatError
from finecl.metrics.counts import Scores, mean, ratio, scores_by_class, scores_of

TACRED_NO_RELATION = "no_relation"
"""The label that TACRED's scorer leaves out."""


@dataclass(frozen=True, kw_only=True)
class SentenceScores:
    """``micro`` and ``macro_f1`` leave out the no-relation label, if there is one; ``accuracy`` counts it.

    ``macro_f1`` is the mean over the relations of the gold labels; a relation that is never predicted counts as 0.
    """

    accuracy: float
    micro: Scores
    macro_f1: float
    by_relation: Mapping[str, Scores]


def accuracy(predictions: Sequence[str], gold: Sequence[str]) -> float:
    """Returns the share of correct labels, with ``no_relation`` counted like any other label; 0 without labels.

    This is the metric of Wiki80 and of ChemProt in the release of CP. Without a no-relation label micro F1 equals it.

    Raises:
        FormatError: the numbers of predictions and gold labels differ.
    """
    _check_lengths(predictions, gold)
    return ratio(_right(predictions, gold), len(gold))


def sentence_scores(
    predictions: Sequence[str], gold: Sequence[str], *, no_relation: str | None = None
) -> SentenceScores:
    """Computes accuracy, and micro and macro F1 over all labels but ``no_relation``; label i is of sentence i.

    A relation predicted where the gold label is ``no_relation`` is wrong; a wrong relation counts both as a wrong
    prediction and as a missed relation.

    Raises:
        FormatError: the numbers of predictions and gold labels differ.
    """
    _check_lengths(predictions, gold)
    pairs = zip(predictions, gold, strict=True)
    correct, predicted, true = Counter(p for p, g in pairs if p == g), Counter(predictions), Counter(gold)
    for counts in (correct, predicted, true):
        counts.pop(no_relation, None)  # type: ignore[arg-type]
    names = sorted(predicted | true)
    by_relation = scores_by_class(correct, predicted, true, names)
    return SentenceScores(
        accuracy=accuracy(predictions, gold),
        micro=scores_of(correct=correct.total(), predicted=predicted.total(), gold=true.total()),
        macro_f1=mean([by_relation[name].f1 for name in names if true[name]]),
        by_relation=by_relation,
    )


def tacred_scores(predictions: Sequence[str], gold: Sequence[str], *, no_relation: str = TACRED_NO_RELATION) -> Scores:
    """Computes micro scores as TACRED's scorer does (``yuhaozhang/tacred-relation``, ``utils/scorer.py``).

    ``no_relation`` is neither a guess nor gold; the official scorer knows its default only.
    Without any guess, precision is 1 and F1 is 0, as in the scorer.

    Raises:
        FormatError: the numbers of predictions and gold labels differ.
    """
    micro = sentence_scores(predictions, gold, no_relation=no_relation).micro
    return micro if micro.predicted else replace(micro, precision=1.0)


def _right(predictions: Sequence[str], gold: Sequence[str]) -> int:
    return sum(p == g for p, g in zip(predictions, gold, strict=True))


def _check_lengths(predictions: Sequence[str], gold: Sequence[str]) -> None:
    if len(predictions) != len(gold):
        raise FormatError(
            f"expected {len(gold)} predictions, one for each gold label, got {len(predictions)}; predict every sentence"
        )
