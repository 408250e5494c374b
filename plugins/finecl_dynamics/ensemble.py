"""Combines several scorers, by the mean of their ranks or by a regression on a few verified labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge

from finecl.errors import SettingsError
from finecl.numerics.stack import stacked
from finecl.types import DynamicsMode, Evidence, EvidenceKind, Floats, Instances, Ints, NoiseScorer, first_epoch
from finecl_dynamics import columns
from finecl_dynamics.bases import DynamicsScorer
from finecl_dynamics.confident_learning import ConfidentLearning
from finecl_dynamics.neighbours import Neighbours
from finecl_dynamics.ranks import Doubles, rank_shares
from finecl_dynamics.scorers import AreaUnderMargin, Confidence, Forgetting, SmallLoss, Variability
from finecl_dynamics.trigger import Trigger
from finecl_dynamics.verbalization import Verbalization

_DYNAMICS: dict[str, type[DynamicsScorer]] = {
    "small-loss": SmallLoss,
    "area-under-margin": AreaUnderMargin,
    "confidence": Confidence,
    "variability": Variability,
    "forgetting": Forgetting,
}
_OTHERS: dict[str, tuple[EvidenceKind, ...]] = {
    "knn": ("representations",),
    "confident-learning": ("held-out",),
    "softmax-confidence": ("gold",),
    "verbalization": ("statements",),
    "trigger": ("statements", "text"),
}
MEMBERS = ("learning-order", *_DYNAMICS, *_OTHERS)


@dataclass(frozen=True, kw_only=True)
class Ensemble(NoiseScorer):
    """Noise = the mean rank share over the scorers ``of``; with ``gold``, a logistic regression on verified labels.

    ``gold``: a CSV, JSONL or Parquet table with the columns uid and wrong (true or false) for a subset of the
    instances; the regression is fitted on them and predicts the probability that a label is wrong, from the ranks and
    the relation; few verified labels move it little from the mean (``finecl.numerics.stack``).
    ``of``: any of learning-order, small-loss, area-under-margin, confidence, variability, forgetting, knn,
    confident-learning, softmax-confidence, verbalization and trigger; the engine computes the evidence they require.
    Names joined by "+" count as one scorer with the mean of their rank shares: use it for correlated scorers, whose
    separate weights a few gold labels cannot determine.
    ``mode``: the dynamics to read. ``k``: the number of neighbours of knn.
    """

    of: tuple[str, ...] = ("learning-order", "small-loss", "area-under-margin", "confidence", "knn")
    mode: DynamicsMode = "batch"
    k: Annotated[int, Ge(1)] = 20
    gold: str | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self._names() if name not in MEMBERS]
        if unknown or not self.of:
            got = f"'{unknown[0]}'" if unknown else "none"
            raise SettingsError(f"scorer.of: expected names from {', '.join(MEMBERS)}, got {got}")

    @property
    def required_evidence(self) -> tuple[EvidenceKind, ...]:
        """Kinds of evidence that the members require."""
        return tuple(sorted({kind for name in self._names() for kind in _OTHERS.get(name, ("dynamics",))}))

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns the mean rank share, or the probability of a wrong label ``[N]``, in [0, 1].

        Raises:
            FormatError: the table of gold labels cannot be read, or its labels are all right or all wrong.
        """
        ranked = {name: rank_shares(self._member(name, instances, evidence)) for name in self._names()}
        groups = [[ranked[name] for name in group.split("+")] for group in self.of]
        shares: Doubles = np.stack([np.mean(group, axis=0) for group in groups], axis=1)
        if self.gold is None:
            mean: Floats = shares.mean(axis=1).astype(np.float32)
            return mean
        return self._regression(self.gold, instances, shares).astype(np.float32)

    def _names(self) -> list[str]:
        return [name for group in self.of for name in group.split("+")]

    def _member(self, name: str, instances: Instances, evidence: Evidence) -> Floats:
        if name == "learning-order":
            order = first_epoch(evidence.dynamics(self.mode).correct)
            return np.where(order > 0, order, np.inf).astype(np.float32)
        if name == "softmax-confidence":  # repeats finecl_wcl's scorer, since plugins do not import each other
            return 1.0 - _confidence(evidence.array("gold"), instances.relation)
        others: dict[str, NoiseScorer] = {
            "knn": Neighbours(k=self.k),
            "confident-learning": ConfidentLearning(),
            "verbalization": Verbalization(),
            "trigger": Trigger(),
        }
        return (others.get(name) or _DYNAMICS[name](mode=self.mode)).score(instances, evidence)

    def _regression(self, path: str, instances: Instances, shares: Doubles) -> Doubles:
        table = columns.read_table(path, ("uid", "wrong"))
        uids, wrong = columns.read_uids(path, table["uid"]), columns.read_flags(path, table["wrong"])
        order = np.argsort(instances.uid)
        at = np.minimum(np.searchsorted(instances.uid, uids, sorter=order), len(order) - 1)
        known = instances.uid[order[at]] == uids
        row, target = order[at[known]], wrong[known]
        if len(np.unique(target)) < 2:
            actual = f"{len(target)} of one kind"
            raise columns.table_error(path, f"both right and wrong labels of the run's instances, got {actual}")
        return stacked(shares, instances.relation, row, target)


def _confidence(logits_NR: Floats, relation: Ints) -> Floats:
    """Computes the softmax probability of each label ``[N]``; -inf for pairs without a prediction."""
    logits = np.asarray(logits_NR, dtype=np.float64)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probability = (shifted / shifted.sum(axis=1, keepdims=True))[np.arange(len(relation)), relation]
    return np.where(np.isnan(probability), -np.inf, probability).astype(np.float32)
