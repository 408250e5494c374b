"""Scores of SemEval-2010 Task 8 (Hendrickx et al. 2010) as in its ``semeval2010_task8_scorer-v1.2.pl``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from finecl.errors import FormatError
from finecl.metrics.counts import Scores, mean, scores_by_class, scores_of

OTHER = "Other"
SEMEVAL_RELATIONS = (
    "Cause-Effect",
    "Component-Whole",
    "Content-Container",
    "Entity-Destination",
    "Entity-Origin",
    "Instrument-Agency",
    "Member-Collection",
    "Message-Topic",
    "Product-Producer",
)
SEMEVAL_LABELS = (*(f"{name}({ends})" for name in SEMEVAL_RELATIONS for ends in ("e1,e2", "e2,e1")), OTHER)
"""The 19 labels that the official scorer accepts: every relation in both directions, and Other."""


@dataclass(frozen=True, kw_only=True)
class ClassAverages:
    """Averages over the classes of the key without Other, and the scores of each class, including Other.

    ``macro_f1`` is the mean of the classes' F1, not the F1 of the mean precision and recall.
    """

    macro_precision: float
    macro_recall: float
    macro_f1: float
    micro: Scores
    by_relation: Mapping[str, Scores]


@dataclass(frozen=True, kw_only=True)
class SemEvalScores:
    """The three evaluations of the official scorer; ``official.macro_f1`` is the score of the task.

    ``official``: nine relations, a wrong direction is an error; ``directed``: each relation in each direction is a
    class; ``undirected``: directions are ignored. The releases of CP, ERICA and FineCL report the micro F1 of
    ``directed``. ``answered`` is the number of predictions, ``items`` the number of sentences in the key.
    """

    official: ClassAverages
    directed: ClassAverages
    undirected: ClassAverages
    accuracy: float
    answered: int
    items: int


def undirected(label: str) -> str:
    """Returns the relation of a label without its direction."""
    return label.removesuffix("(e1,e2)").removesuffix("(e2,e1)")


def semeval_scores(predictions: Mapping[str, str], gold: Mapping[str, str]) -> SemEvalScores:
    """Computes the three evaluations of the official scorer from labels by sentence id; ``gold`` is the key.

    A missing prediction lowers the recall of its relation and is wrong in ``accuracy``. Averages are over the classes
    in the key, which may be fewer than nine. A predicted class that is not in the key is in none of the averages, but
    the gold label of its sentence counts as missed. Where the script divides by zero the score is 0.

    Raises:
        FormatError: a prediction has an id that is not in the key; the script stops then, too.
    """
    for sentence in predictions:
        if sentence not in gold:
            raise FormatError(f"id '{sentence}': expected one of the {len(gold)} ids of the key; remove the prediction")
    correct = sum(predictions.get(sentence) == label for sentence, label in gold.items())
    return SemEvalScores(
        official=_averages(predictions, gold, counted=undirected, compared=str),
        directed=_averages(predictions, gold, counted=str, compared=str),
        undirected=_averages(predictions, gold, counted=undirected, compared=undirected),
        accuracy=correct / len(gold) if gold else 0.0,
        answered=len(predictions),
        items=len(gold),
    )


def _averages(
    predictions: Mapping[str, str],
    gold: Mapping[str, str],
    *,
    counted: Callable[[str], str],
    compared: Callable[[str], str],
) -> ClassAverages:
    """Computes averages over the classes ``counted(label)``.

    A prediction is correct if ``compared`` maps it and the gold label to the same value.
    """
    right = [label for s, label in gold.items() if s in predictions and compared(predictions[s]) == compared(label)]
    correct, predicted, true = (
        Counter(map(counted, labels)) for labels in (right, predictions.values(), gold.values())
    )
    by_relation = scores_by_class(correct, predicted, true, sorted(true))
    classes = [scores for name, scores in by_relation.items() if name != OTHER]
    return ClassAverages(
        macro_precision=mean([scores.precision for scores in classes]),
        macro_recall=mean([scores.recall for scores in classes]),
        macro_f1=mean([scores.f1 for scores in classes]),
        micro=scores_of(
            correct=sum(scores.correct for scores in classes),
            predicted=sum(scores.predicted for scores in classes),
            gold=sum(scores.gold for scores in classes),
        ),
        by_relation=by_relation,
    )
