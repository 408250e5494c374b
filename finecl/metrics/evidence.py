"""Where in its document a fact stands: evidence, and whether one sentence names both entities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from finecl.metrics.counts import Scores, scores_of
from finecl.metrics.docred import Fact, gold_facts
from finecl.types import Document


@dataclass(frozen=True, kw_only=True)
class ReachScores:
    """Scores of facts within a sentence (``intra``) and of those that only several sentences state (``inter``)."""

    intra: Scores
    inter: Scores


def reach_scores(
    predictions: Iterable[Fact], gold: Sequence[Document], *, no_relation: str = "no_relation"
) -> ReachScores:
    """Intra- and inter-sentence F1: a fact is intra if some sentence mentions both its head and its tail.

    Every fact, predicted or true, is one or the other; a prediction of an unknown title or entity is inter.
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
    """Micro scores over sentences that predictions name as evidence, as the official DocRED scorer counts them.

    A sentence is right if it is evidence of a fact that is right too. Those of a wrong fact count as predicted, those
    of an unknown title do not. Gold facts without evidence ask for none, so what is named for them is wrong.
    """
    labels = [(d.title, label) for d in gold for label in d.labels if label.relation != no_relation]
    truth = {(title, label.head, label.tail, label.relation): set(label.evidence) for title, label in labels}
    titles = {document.title for document in gold}
    named = {
        fact: set(sentences) for fact, sentences in predictions.items() if fact[0] in titles and fact[3] != no_relation
    }
    return scores_of(
        correct=sum(len(sentences & truth.get(fact, set())) for fact, sentences in named.items()),
        predicted=sum(map(len, named.values())),
        gold=sum(len(label.evidence) for _, label in labels),
    )
