"""DocRED scores as computed by the official script (``thunlp/DocRED``, ``code/evaluation.py``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from finecl.metrics.counts import f1_of, ratio
from finecl.types import Document, Ints

Fact: TypeAlias = tuple[str, int, int, str]
"""A predicted or gold fact of a document: (title, head, tail, relation); head and tail are entity numbers."""

NamedFact: TypeAlias = tuple[str, str, str]
"""A fact without its document: (name of head, name of tail, relation)."""


@dataclass(frozen=True, kw_only=True)
class DocredScores:
    """Micro scores over facts; ``ign_`` leaves out correct predictions of facts in the training data.

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


def docred_facts_in_train(documents: Iterable[Document]) -> set[NamedFact]:
    """Returns the facts of training documents by name: every mention of the head with every mention of the tail.

    Names are compared exactly, case included, and direction counts, as in the official scorer.
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
    """Computes micro precision, recall, F1 and Ign F1 as the official DocRED scorer does.

    A fact counts once even if it is predicted or labelled several times. A prediction for an unknown title is wrong,
    not ignored. Only *correct* predictions are left out of Ign: a wrong prediction of a training fact still lowers
    precision. Documents with the same title are merged, with the mentions of the last one. Where the script divides
    by zero (no predictions; all of them correct and in training), the score is 0. ``no_relation`` is not a fact:
    neither gold nor a prediction (TACRED's rule; DocRED has no such label).
    """
    predicted = {fact for fact in predictions if fact[3] != no_relation}
    facts = gold_facts(gold, no_relation)
    correct = predicted & facts
    in_train = sum(not names.isdisjoint(train_facts) for names in _names_of(correct, gold))
    precision, recall = ratio(len(correct), len(predicted)), ratio(len(correct), len(facts))
    ign_precision = ratio(len(correct) - in_train, len(predicted) - in_train)
    return DocredScores(
        precision=precision,
        recall=recall,
        f1=f1_of(precision, recall),
        ign_precision=ign_precision,
        ign_f1=f1_of(ign_precision, recall),
        predicted=len(predicted),
        gold=len(facts),
        correct=len(correct),
        correct_in_train=in_train,
    )


def gold_facts(gold: Iterable[Document], no_relation: str) -> set[Fact]:
    """Returns the labelled facts of documents, without ``no_relation``."""
    return {
        (document.title, label.head, label.tail, label.relation)
        for document in gold
        for label in document.labels
        if label.relation != no_relation
    }


def counts_by_document(
    predictions: Iterable[Fact], gold: Sequence[Document], *, no_relation: str = "no_relation"
) -> Ints:
    """Counts correct, predicted and gold facts of each document ``[D, 3]``.

    Micro F1 is a function of their sums, so documents can be resampled (bootstrap) or swapped between two systems
    (randomisation test). Of several documents with the same title the first has the counts; predictions for an unknown
    title are not counted.
    """
    row = {document.title: number for number, document in reversed(list(enumerate(gold)))}
    predicted = {fact for fact in predictions if fact[3] != no_relation}
    facts = gold_facts(gold, no_relation)
    counts_D3 = np.zeros((len(gold), 3), dtype=np.int64)
    for column, counted in enumerate((predicted & facts, predicted, facts)):
        np.add.at(counts_D3[:, column], [row[fact[0]] for fact in counted if fact[0] in row], 1)
    return counts_D3


def _names_of(facts: set[Fact], gold: Sequence[Document]) -> Iterable[set[NamedFact]]:
    """Yields, for each fact, all pairs of names that its document has for head and tail."""
    entities = {document.title: document.entities for document in gold}
    for title, head, tail, relation in facts:
        # Of several documents with the same title the mentions of the last one count; it may have fewer entities.
        heads, tails = ({m.name for e in entities[title][i : i + 1] for m in e.mentions} for i in (head, tail))
        yield {(head_name, tail_name, relation) for head_name in heads for tail_name in tails}
