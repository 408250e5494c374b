"""Bag-level scores of NYT and other held-out sets, as OpenNRE computes them (``opennre/framework/data_loader.py``).

A bag is all sentences of one (head, tail); what is ranked are (head, tail, relation), each by its best sentence.
Shape letter: N scored candidates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from finecl.errors import FormatError
from finecl.metrics.counts import dense_ranks, share_of_highest
from finecl.metrics.docred import NamedFact
from finecl.metrics.thresholds import choose_threshold, precision_recall_auc
from finecl.types import Bools, Document, Entity, Floats

NA = "NA"
"""What OpenNRE's files call the absence of a relation."""


@dataclass(frozen=True, kw_only=True)
class BagScores:
    """Scores of ranked bag-level facts, fractions 0 .. 1; ``precision_at`` by N, and the mean of these.

    ``max_f1`` is the best F1 of all thresholds on the very data that is scored: no figure for a comparison.
    """

    auc: float
    max_f1: float
    precision_at: Mapping[int, float]
    precision_at_mean: float
    predicted: int
    gold: int
    correct: int


def bag_facts(documents: Iterable[Document], *, no_relation: str = NA) -> set[NamedFact]:
    """The facts (head, tail, relation) of all bags; an entity goes by its id, or else by its first mention."""
    return {
        (_key(document.entities[label.head]), _key(document.entities[label.tail]), label.relation)
        for document in documents
        for label in document.labels
        if label.relation != no_relation
    }


def _key(entity: Entity) -> str:
    return entity.id or entity.mentions[0].name


def bag_scores(
    candidates: Sequence[NamedFact],
    scores: Sequence[float],
    gold: set[NamedFact],
    *,
    no_relation: str = NA,
    at: Sequence[int] = (100, 200, 300),
) -> BagScores:
    """Area under the precision-recall curve and precision at N of the facts with the highest scores.

    A fact that several sentences offer has the highest of its scores; ``no_relation`` is no fact. The area is by
    trapezoids between the points that the ranking gives, a point for each distinct score. P@N is over N, though fewer
    be offered; where equal scores leave the choice open it is what a random choice would give.

    *Shape:* ``candidates``, ``scores`` [N], one for each sentence and relation, or already one for each bag.

    Raises:
        FormatError: not as many scores as candidates.
    """
    if len(candidates) != len(scores):
        raise FormatError(f"expected {len(candidates)} scores, one for each candidate, got {len(scores)}")
    best: dict[NamedFact, float] = {}
    for fact, score in zip(candidates, scores, strict=True):
        if fact[2] != no_relation:
            best[fact] = max(score, best.get(fact, score))
    ranked, correct = np.array(list(best.values())), np.array([fact in gold for fact in best], dtype=np.bool_)
    precision_at = {n: _precision_at(ranked, correct, n) for n in at}
    return BagScores(
        auc=precision_recall_auc(ranked, correct, len(gold)),
        max_f1=choose_threshold(ranked, correct, len(gold)).f1,
        precision_at=precision_at,
        precision_at_mean=sum(precision_at.values()) / len(at) if at else 0.0,
        predicted=len(best),
        gold=len(gold),
        correct=int(correct.sum()),
    )


def _precision_at(scores: Floats, correct: Bools, n: int) -> float:
    count = min(n, len(scores))
    return share_of_highest(dense_ranks(scores), correct, count) * count / n if count else 0.0
