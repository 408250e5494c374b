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

    ``macro`` and ``weighted_macro`` (by support) average over all relations with gold facts; one without predictions
    counts as 0. ``macro_predicted`` averages over the relations with a prediction, as the release of FineCL does; a
    model that never predicts a difficult relation raises it.
    """

    macro: float
    macro_predicted: float
    weighted_macro: float
    by_relation: Mapping[str, ClassScores]


def macro_scores(
    predictions: Iterable[Fact], gold: Sequence[Document], *, no_relation: str = "no_relation"
) -> MacroScores:
    """Computes the F1 of each relation and the averages over relations; counts facts as ``docred_scores`` does."""
    predicted = {fact for fact in predictions if fact[3] != no_relation}
    facts = gold_facts(gold, no_relation)
    counts = [Counter(fact[3] for fact in group) for group in (predicted & facts, predicted, facts)]
    relations = sorted(counts[1] | counts[2])
    by_relation = {name: _class_scores(*(count[name] for count in counts)) for name in relations}
    supported = [scores for scores in by_relation.values() if scores.support]
    return MacroScores(
        macro=ratio(sum(scores.f1 for scores in supported), len(supported)),
        macro_predicted=ratio(sum(scores.f1 for scores in by_relation.values()), len(counts[1])),
        weighted_macro=ratio(sum(scores.f1 * scores.support for scores in supported), len(facts)),
        by_relation=by_relation,
    )


def _class_scores(correct: int, predicted: int, support: int) -> ClassScores:
    precision, recall = ratio(correct, predicted), ratio(correct, support)
    return ClassScores(precision=precision, recall=recall, f1=f1_of(precision, recall), support=support)


@dataclass(frozen=True, kw_only=True)
class GroupScores:
    """Micro scores over the facts of a group; ``macro_f1`` over its ``relations`` with gold facts."""

    micro: Scores
    macro_f1: float
    relations: tuple[str, ...]


def frequency_groups(
    train: Iterable[Document], gold: Iterable[Document], *, top: int = 10, no_relation: str = "no_relation"
) -> dict[str, frozenset[str]]:
    """Groups relations: ``frequent``, the ``top`` by number of training labels, and ``long_tail``, all others.

    Relations with equal numbers of labels are ordered alphabetically.
    """
    counts = Counter(label.relation for document in train for label in document.labels)
    counts.pop(no_relation, None)
    known = set(counts) | {fact[3] for fact in gold_facts(gold, no_relation)}
    frequent = frozenset(sorted(counts, key=lambda relation: (-counts[relation], relation))[:top])
    return {"frequent": frequent, "long_tail": frozenset(known - frequent)}


def group_scores(
    predictions: Iterable[Fact], gold: Sequence[Document], relations: Collection[str], *, no_relation: str = ""
) -> GroupScores:
    """Computes scores over the predicted and gold facts of ``relations``; other facts are ignored.

    The "difficult" relations of FineCL's table 7 (micro F1) are such a group. A relation without gold facts counts
    only in the micro scores, by its wrong predictions.
    """
    group = set(relations) - {no_relation}
    predicted = {fact for fact in predictions if fact[3] in group}
    facts = {fact for fact in gold_facts(gold, no_relation) if fact[3] in group}
    correct = predicted & facts
    hits, guesses, true = (Counter(fact[3] for fact in subset) for subset in (correct, predicted, facts))
    supported = sorted(true)
    by_relation = scores_by_class(hits, guesses, true, supported)
    return GroupScores(
        micro=scores_of(correct=len(correct), predicted=len(predicted), gold=len(facts)),
        macro_f1=mean([scores.f1 for scores in by_relation.values()]),
        relations=tuple(supported),
    )


def scores_by_group(
    predictions: Collection[Fact], gold: Sequence[Document], groups: Mapping[str, Collection[str]], *, no_relation: str
) -> dict[str, GroupScores]:
    """Computes ``group_scores`` of several groups by name."""
    return {name: group_scores(predictions, gold, group, no_relation=no_relation) for name, group in groups.items()}
