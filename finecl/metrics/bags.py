"""Bag-level scores of NYT and other held-out sets, as OpenNRE computes them (``opennre/framework/data_loader.py``).

A bag is all sentences of one (head, tail). Facts (head, tail, relation) are ranked by the score of their best sentence.
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
"""The no-relation label of OpenNRE's files."""


@dataclass(frozen=True, kw_only=True)
class BagScores:
    """Scores of ranked bag-level facts, fractions from 0 to 1; ``precision_at`` by N, and the mean of these.

    ``max_f1`` is the best F1 over all thresholds, chosen on the scored data itself: not suited for comparisons.
    """

    auc: float
    max_f1: float
    precision_at: Mapping[int, float]
    precision_at_mean: float
    predicted: int
    gold: int
    correct: int


def bag_facts(documents: Iterable[Document], *, no_relation: str = NA) -> set[NamedFact]:
    """Returns the facts (head, tail, relation) of all bags; entities are named by id, or else by first mention."""
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
    """Computes the area under the precision-recall curve and precision at N.

    A fact predicted from several sentences has the highest of its scores; ``no_relation`` is not a fact. The area is
    computed by trapezoids, with one point of the curve per distinct score. P@N divides by N even if there are fewer
    candidates; with ties at rank N it is the expected value over random orders of the ties.

    *Shape:* ``candidates``, ``scores`` [N], one for each sentence and relation, or one for each bag and relation.

    Raises:
        FormatError: the numbers of scores and candidates differ.
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
