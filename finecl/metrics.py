"""Metrics of relation extraction and of noise scorers: pure functions on facts, documents and arrays.

Facts are scored as by the official DocRED script (``thunlp/DocRED``, ``code/evaluation.py``). All results are
fractions, 0 .. 1. Shape letter: N candidates or instances.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from sklearn.metrics import auc, average_precision_score, roc_auc_score

from finecl.types import Bools, Document, Floats, Ints

Fact: TypeAlias = tuple[str, int, int, str]
"""What is predicted or true of one document: (title, head, tail, relation); head and tail number its entities."""

NamedFact: TypeAlias = tuple[str, str, str]
"""A fact without its document: (name of head, name of tail, relation)."""


@dataclass(frozen=True, kw_only=True)
class DocredScores:
    """Micro scores over facts; ``ign_`` leaves out correct predictions of facts that training showed.

    Ign F1 pairs ``ign_precision`` with the ordinary ``recall``, as the official scorer does (DocRED, issue 31).
    """

    precision: float
    recall: float
    f1: float
    ign_precision: float
    ign_f1: float
    predicted: int
    gold: int
    correct: int
    correct_in_train: int


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """Scores of one relation; ``support`` is the number of its gold facts."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, kw_only=True)
class MacroScores:
    """F1 averaged over relations.

    ``macro`` and ``weighted_macro`` (by support) run over all relations with gold, an unpredicted one counting 0;
    ``macro_predicted`` over those with a prediction (release of FineCL): giving up a hard relation raises it.
    """

    macro: float
    macro_predicted: float
    weighted_macro: float
    by_relation: Mapping[str, ClassScores]


def docred_facts_in_train(documents: Iterable[Document]) -> set[NamedFact]:
    """What training documents state, by name: every mention of the head with every mention of the tail.

    Names are compared as they stand, case included, and direction counts, as in the official scorer.
    """
    return {
        (head.name, tail.name, label.relation)
        for document in documents
        for label in document.labels
        for head in document.entities[label.head].mentions
        for tail in document.entities[label.tail].mentions
    }


def docred_scores(
    predictions: Iterable[Fact],
    gold: Sequence[Document],
    train_facts: set[NamedFact],
    *,
    no_relation: str = "no_relation",
) -> DocredScores:
    """Micro precision, recall, F1 and Ign F1 as the official DocRED scorer computes them.

    A fact counts once however often it is predicted or labelled. A prediction for an unknown title is wrong, not
    ignored. Only *correct* predictions are left out of Ign: a wrong one that names a training fact still counts
    against precision. Documents that share a title are one document, with the mentions of the last of them.
    Where the script divides by zero (no predictions; all of them correct and in training), the score is 0.
    ``no_relation`` is not a fact: neither gold nor a prediction (TACRED's rule; DocRED has no such label).
    """
    predicted = {fact for fact in predictions if fact[3] != no_relation}
    facts = _gold_facts(gold, no_relation)
    correct = predicted & facts
    in_train = sum(not names.isdisjoint(train_facts) for names in _names_of(correct, gold))
    precision, recall = _ratio(len(correct), len(predicted)), _ratio(len(correct), len(facts))
    ign_precision = _ratio(len(correct) - in_train, len(predicted) - in_train)
    return DocredScores(
        precision=precision,
        recall=recall,
        f1=_f1(precision, recall),
        ign_precision=ign_precision,
        ign_f1=_f1(ign_precision, recall),
        predicted=len(predicted),
        gold=len(facts),
        correct=len(correct),
        correct_in_train=in_train,
    )


def macro_scores(
    predictions: Iterable[Fact], gold: Sequence[Document], *, no_relation: str = "no_relation"
) -> MacroScores:
    """F1 of each relation and its averages over relations; facts are counted as in ``docred_scores``."""
    predicted = {fact for fact in predictions if fact[3] != no_relation}
    facts = _gold_facts(gold, no_relation)
    counts = [Counter(fact[3] for fact in group) for group in (predicted & facts, predicted, facts)]
    relations = sorted(counts[1] | counts[2])
    by_relation = {name: _class_scores(*(count[name] for count in counts)) for name in relations}
    supported = [found for found in by_relation.values() if found.support]
    return MacroScores(
        macro=_ratio(sum(found.f1 for found in supported), len(supported)),
        macro_predicted=_ratio(sum(found.f1 for found in by_relation.values()), len(counts[1])),
        weighted_macro=_ratio(sum(found.f1 * found.support for found in supported), len(facts)),
        by_relation=by_relation,
    )


def _gold_facts(gold: Sequence[Document], no_relation: str) -> set[Fact]:
    return {
        (document.title, label.head, label.tail, label.relation)
        for document in gold
        for label in document.labels
        if label.relation != no_relation
    }


def _names_of(facts: set[Fact], gold: Sequence[Document]) -> Iterable[set[NamedFact]]:
    """For each fact, all the ways in which its document names it."""
    entities = {document.title: document.entities for document in gold}
    for title, head, tail, relation in facts:
        # Of several documents with one title the last one's mentions count, and it may have fewer entities.
        heads, tails = ({m.name for e in entities[title][i : i + 1] for m in e.mentions} for i in (head, tail))
        yield {(head_name, tail_name, relation) for head_name in heads for tail_name in tails}


def _class_scores(correct: int, predicted: int, support: int) -> ClassScores:
    precision, recall = _ratio(correct, predicted), _ratio(correct, support)
    return ClassScores(precision=precision, recall=recall, f1=_f1(precision, recall), support=support)


def _ratio(part: float, whole: int) -> float:
    return part / whole if whole else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """The score from which on (``score >= threshold``) a relation is predicted, and the F1 that this gives."""

    threshold: float
    f1: float


def choose_threshold(scores: Floats, correct: Bools, gold_count: int) -> Threshold:
    """The threshold of the best F1, one for all relations; of equal F1s the highest threshold.

    Predictions are the candidates with ``score >= threshold``: those of equal score stand or fall together, and
    the threshold gives just this F1. (The releases of DocRED, ERICA and FineCL count the arg-max candidate in and
    then predict ``score > threshold``.) Without candidates the threshold is +inf.

    *Shape:* ``scores``, ``correct`` [N], one for each (pair, relation). ``gold_count`` is the number of gold facts,
    those included that no candidate stands for, such as pairs lost by truncation.
    """
    if not scores.size:
        return Threshold(threshold=float("inf"), f1=0.0)
    threshold, hits, predicted = _prefixes(scores, correct)
    f1 = 2 * hits / (predicted + gold_count)
    best = int(f1.argmax())
    return Threshold(threshold=float(threshold[best]), f1=float(f1[best]))


def precision_recall_auc(scores: Floats, correct: Bools, gold_count: int) -> float:
    """Area under the precision-recall curve by trapezoids, from the first threshold to the last (DocRED's code).

    The curve has a point for each distinct score and is not extended to recall 0 or 1; it is 0 if there are
    fewer than two points. Gold facts without a candidate count in recall.

    *Shape:* ``scores``, ``correct`` [N].
    """
    if scores.size < 2 or not gold_count:
        return 0.0
    _, hits, predicted = _prefixes(scores, correct)
    return float(auc(hits / gold_count, hits / predicted)) if len(hits) > 1 else 0.0


def _prefixes(scores: Floats, correct: Bools) -> tuple[Floats, Ints, Ints]:
    """Each distinct score, highest first, with how many candidates reach it: correct ones and all ``[distinct]``."""
    order = np.argsort(-scores)
    ordered = scores[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    return ordered[last], np.cumsum(correct[order], dtype=np.int64)[last], last.astype(np.int64) + 1


@dataclass(frozen=True, kw_only=True)
class NoiseScores:
    """How well noise tells wrong labels from right ones; None where all are wrong or all are right.

    ``precision_at_10_percent`` is the share of wrong labels among the noisiest tenth.
    """

    auroc: float | None
    average_precision: float | None
    precision_at_10_percent: float | None


def noise_scores(noise: Floats, wrong: Bools) -> NoiseScores:
    """Scores of a noise scorer, by rank only: +inf is the noisiest, and instances of equal noise share a rank.

    *Shape:* ``noise``, ``wrong`` [N]; ``wrong`` is True where the text does not say what the label claims.
    """
    if wrong.all() or not wrong.any():
        return NoiseScores(auroc=None, average_precision=None, precision_at_10_percent=None)
    ranks = dense_ranks(noise)
    return NoiseScores(
        auroc=float(roc_auc_score(wrong, ranks)),
        average_precision=float(average_precision_score(wrong, ranks)),
        precision_at_10_percent=_precision_of_noisiest(ranks, wrong, max(1, round(len(ranks) / 10))),
    )


def dense_ranks(noise: Floats) -> Ints:
    """The place of each number among the distinct numbers, from 0 ``[N]``: finite, in order, equal where they are."""
    return np.unique(noise, return_inverse=True)[1].ravel().astype(np.int64)


def _precision_of_noisiest(ranks: Ints, wrong: Bools, count: int) -> float:
    """Share of wrong labels among the ``count`` noisiest; expected, where equal noise leaves the choice open."""
    border = np.partition(ranks, -count)[-count]
    above, tied = ranks > border, ranks == border
    expected = wrong[above].sum() + (count - above.sum()) * wrong[tied].mean()
    return float(expected / count)
