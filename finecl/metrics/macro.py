"""F1 averaged over relations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from finecl.metrics.counts import ClassScores, f1_of, ratio
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
