"""SemEval-2010 Task 8 (Hendrickx et al. 2010) as its scorer counts it, ``semeval2010_task8_scorer-v1.2.pl``."""

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
    """Averages over the classes of the key without Other, and the scores of each class, Other included.

    ``macro_f1`` is the mean of the classes' F1s, not the F1 of the two other means.
    """

    macro_precision: float
    macro_recall: float
    macro_f1: float
    micro: Scores
    by_relation: Mapping[str, Scores]


@dataclass(frozen=True, kw_only=True)
class SemEvalScores:
    """The three evaluations of the official scorer; ``official.macro_f1`` is the score of the task.

    ``official``: nine relations, a wrong direction is wrong; ``directed``: each relation in each direction is a
    class; ``undirected``: directions are left out of account. The micro F1 of ``directed`` is what the releases of
    CP, ERICA and FineCL report. ``answered`` counts predictions, ``items`` those that the key asks for.
    """

    official: ClassAverages
    directed: ClassAverages
    undirected: ClassAverages
    accuracy: float
    answered: int
    items: int


def undirected(label: str) -> str:
    """The relation of a label, without its direction."""
    return label.removesuffix("(e1,e2)").removesuffix("(e2,e1)")


def semeval_scores(predictions: Mapping[str, str], gold: Mapping[str, str]) -> SemEvalScores:
    """Official macro F1 and its relatives, from labels by id of the sentence; ``gold`` is the key.

    A skipped id is missed by its relation's recall, and is wrong in ``accuracy``. Averages run over the classes that
    are in the key, which need not be all nine; a class that is predicted but not in the key is in none of them, though
    the gold label that it displaces counts as missed. Where the script divides by zero the score is 0.

    Raises:
        FormatError: a prediction for an id that is not in the key; the script stops there too.
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
    """Averages over the classes that ``counted`` makes of labels, right where ``compared`` makes the same of both."""
    right = [label for s, label in gold.items() if s in predictions and compared(predictions[s]) == compared(label)]
    correct, predicted, true = (
        Counter(map(counted, labels)) for labels in (right, predictions.values(), gold.values())
    )
    by_relation = scores_by_class(correct, predicted, true, sorted(true))
    asked = [found for name, found in by_relation.items() if name != OTHER]
    return ClassAverages(
        macro_precision=mean([found.precision for found in asked]),
        macro_recall=mean([found.recall for found in asked]),
        macro_f1=mean([found.f1 for found in asked]),
        micro=scores_of(
            correct=sum(found.correct for found in asked),
            predicted=sum(found.predicted for found in asked),
            gold=sum(found.gold for found in asked),
        ),
        by_relation=by_relation,
    )
