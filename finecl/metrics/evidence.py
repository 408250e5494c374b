"""Scores of evidence sentences, and of facts within and across sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from finecl.metrics.counts import Scores, scores_of
from finecl.metrics.docred import Fact, gold_facts
from finecl.types import Document


@dataclass(frozen=True, kw_only=True)
class ReachScores:
    """Scores of facts within a sentence (``intra``) and of facts across sentences (``inter``)."""

    intra: Scores
    inter: Scores


def reach_scores(
    predictions: Iterable[Fact], gold: Sequence[Document], *, no_relation: str = "no_relation"
) -> ReachScores:
    """Computes intra- and inter-sentence scores: a fact is intra if a sentence mentions both its head and its tail.

    All other facts, predicted or gold, are inter, including predictions of an unknown title or entity.
    """
    predicted = {fact for fact in predictions if fact[3] != no_relation}
    facts = gold_facts(gold, no_relation)
    documents = {document.title: document for document in gold}
    intra = {fact for fact in predicted | facts if _share_a_sentence(documents.get(fact[0]), fact[1], fact[2])}
    return ReachScores(intra=_scores(predicted & intra, facts & intra), inter=_scores(predicted - intra, facts - intra))


def _share_a_sentence(document: Document | None, head: int, tail: int) -> bool:
    if document is None:
        return False
    entities = document.entities
    heads, tails = ({m.sentence for e in entities[i : i + 1] for m in e.mentions} for i in (head, tail))
    return not heads.isdisjoint(tails)


def _scores(predicted: set[Fact], facts: set[Fact]) -> Scores:
    return scores_of(correct=len(predicted & facts), predicted=len(predicted), gold=len(facts))


def evidence_scores(
    predictions: Mapping[Fact, Iterable[int]], gold: Sequence[Document], *, no_relation: str = "no_relation"
) -> Scores:
    """Computes micro scores over predicted evidence sentences, as the official DocRED scorer does.

    A sentence is correct if its fact is correct and has it as gold evidence. Sentences of wrong facts count as
    predicted, those of an unknown title do not count. For gold facts without evidence, every predicted sentence is
    wrong.
    """
    labels = [(d.title, label) for d in gold for label in d.labels if label.relation != no_relation]
    truth = {(title, label.head, label.tail, label.relation): set(label.evidence) for title, label in labels}
    titles = {document.title for document in gold}
    evidence = {
        fact: set(sentences) for fact, sentences in predictions.items() if fact[0] in titles and fact[3] != no_relation
    }
    return scores_of(
        correct=sum(len(sentences & truth.get(fact, set())) for fact, sentences in evidence.items()),
        predicted=sum(map(len, evidence.values())),
        gold=sum(len(label.evidence) for _, label in labels),
    )
