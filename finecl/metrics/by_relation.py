"""F1 by relation: macro averages and groups of relations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from finecl.metrics.counts import ClassScores, Scores, f1_of, mean, ratio, scores_by_class, scores_of
from finecl.metrics.docred import Fact, gold_facts
from finecl.types import Document


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


def macro_scores(
    predictions: Iterable[Fact], gold: Sequence[Document], *, no_relation: str = "no_relation"
) -> MacroScores:
    """F1 of each relation and its averages over relations; facts are counted as in ``docred_scores``."""
    predicted = {fact for fact in predictions if fact[3] != no_relation}
    facts = gold_facts(gold, no_relation)
    counts = [Counter(fact[3] for fact in group) for group in (predicted & facts, predicted, facts)]
    relations = sorted(counts[1] | counts[2])
    by_relation = {name: _class_scores(*(count[name] for count in counts)) for name in relations}
    supported = [found for found in by_relation.values() if found.support]
    return MacroScores(
        macro=ratio(sum(found.f1 for found in supported), len(supported)),
        macro_predicted=ratio(sum(found.f1 for found in by_relation.values()), len(counts[1])),
        weighted_macro=ratio(sum(found.f1 * found.support for found in supported), len(facts)),
        by_relation=by_relation,
    )


def _class_scores(correct: int, predicted: int, support: int) -> ClassScores:
    precision, recall = ratio(correct, predicted), ratio(correct, support)
    return ClassScores(precision=precision, recall=recall, f1=f1_of(precision, recall), support=support)


@dataclass(frozen=True, kw_only=True)
class GroupScores:
    """Micro scores over the facts of a group; ``macro_f1`` over its ``relations``, those of them that have gold."""

    micro: Scores
    macro_f1: float
    relations: tuple[str, ...]


def frequency_groups(
    train: Iterable[Document], gold: Iterable[Document], *, top: int = 10, no_relation: str = "no_relation"
) -> dict[str, frozenset[str]]:
    """``frequent``: the ``top`` relations by number of training labels; ``long_tail``: all others of both.

    Of equally many labels the relation that comes first in the alphabet is the more frequent one.
    """
    counts = Counter(label.relation for document in train for label in document.labels)
    counts.pop(no_relation, None)
    known = set(counts) | {fact[3] for fact in gold_facts(gold, no_relation)}
    frequent = frozenset(sorted(counts, key=lambda relation: (-counts[relation], relation))[:top])
    return {"frequent": frequent, "long_tail": frozenset(known - frequent)}


def group_scores(
    predictions: Iterable[Fact], gold: Sequence[Document], relations: Collection[str], *, no_relation: str = ""
) -> GroupScores:
    """Scores of the facts whose relation is one of ``relations``, predicted or true, all others left out.

    The "difficult" relations of FineCL's table 7 are such a group, by micro F1. A relation without gold counts in
    the micro scores only, by its wrong predictions.
    """
    asked = set(relations) - {no_relation}
    predicted = {fact for fact in predictions if fact[3] in asked}
    facts = {fact for fact in gold_facts(gold, no_relation) if fact[3] in asked}
    correct = predicted & facts
    hits, guesses, true = (Counter(fact[3] for fact in group) for group in (correct, predicted, facts))
    supported = sorted(true)
    by_relation = scores_by_class(hits, guesses, true, supported)
    return GroupScores(
        micro=scores_of(correct=len(correct), predicted=len(predicted), gold=len(facts)),
        macro_f1=mean([found.f1 for found in by_relation.values()]),
        relations=tuple(supported),
    )


def scores_by_group(
    predictions: Collection[Fact], gold: Sequence[Document], groups: Mapping[str, Collection[str]], *, no_relation: str
) -> dict[str, GroupScores]:
    """``group_scores`` of several groups, by their names."""
    return {name: group_scores(predictions, gold, group, no_relation=no_relation) for name, group in groups.items()}
