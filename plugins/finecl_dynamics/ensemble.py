"""Several scorers as one: by the mean of their ranks, or weighed by a few labels that someone has judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finecl.errors import SettingsError
from finecl.types import DynamicsMode, Evidence, EvidenceKind, Floats, Instances, Ints, NoiseScorer, first_epoch
from finecl_dynamics import columns
from finecl_dynamics.bases import DynamicsScorer
from finecl_dynamics.confident_learning import ConfidentLearning
from finecl_dynamics.neighbours import Neighbours
from finecl_dynamics.ranks import Doubles, rank_shares
from finecl_dynamics.scorers import AreaUnderMargin, Confidence, Forgetting, SmallLoss, Variability

_DYNAMICS: dict[str, type[DynamicsScorer]] = {
    "small-loss": SmallLoss,
    "area-under-margin": AreaUnderMargin,
    "confidence": Confidence,
    "variability": Variability,
    "forgetting": Forgetting,
}
_OTHERS: dict[str, EvidenceKind] = {
    "knn": "representations",
    "confident-learning": "held-out",
    "softmax-confidence": "gold",
}
MEMBERS = ("learning-order", *_DYNAMICS, *_OTHERS)


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Noise = the mean rank share over the scorers ``of``; with ``gold``, a logistic regression on their rank shares.

    ``gold``: a CSV, JSONL or Parquet table with the columns uid and wrong (true or false), for some instances: the
    regression is fitted on those and predicts the probability that a label is wrong.
    ``of``: from learning-order, small-loss, area-under-margin, confidence, variability, forgetting, knn,
    confident-learning and softmax-confidence; what they need is made. Names joined by "+" count as one scorer, by the
    mean of their rank shares: scorers that say nearly the same need no weight each, which few gold labels would not
    tell.
    ``mode``: which dynamics they read. ``k``: the neighbours of knn.
    """

    of: tuple[str, ...] = ("learning-order", "small-loss", "area-under-margin", "confidence", "knn")
    mode: DynamicsMode = "batch"
    k: int = 20
    gold: str | None = None

    def __post_init__(self) -> None:
        strange = [name for name in self._names() if name not in MEMBERS]
        if strange or not self.of:
            got = f"'{strange[0]}'" if strange else "none"
            raise SettingsError(f"scorer.of: expected names from {', '.join(MEMBERS)}, got {got}")

    @property
    def needs(self) -> tuple[EvidenceKind, ...]:
        """What its members need."""
        return tuple(sorted({_OTHERS.get(name, "dynamics") for name in self._names()}))

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """The mean rank share, or the probability of a wrong label ``[N]``, in [0, 1].

        Raises:
            FormatError: the table of gold labels cannot be read, or its labels are all of one kind.
        """
        ranked = {name: rank_shares(self._member(name, instances, evidence)) for name in self._names()}
        groups = [[ranked[name] for name in group.split("+")] for group in self.of]
        shares: Doubles = np.stack([np.mean(group, axis=0) for group in groups], axis=1)
        if self.gold is None:
            mean: Floats = shares.mean(axis=1).astype(np.float32)
            return mean
        return self._stacked(self.gold, instances, shares).astype(np.float32)

    def _names(self) -> list[str]:
        return [name for group in self.of for name in group.split("+")]

    def _member(self, name: str, instances: Instances, evidence: Evidence) -> Floats:
        if name == "learning-order":
            order = first_epoch(evidence.dynamics(self.mode).correct)
            return np.where(order > 0, order, np.inf).astype(np.float32)
        if name == "softmax-confidence":  # as finecl_wcl has it; plugins do not import each other
            return 1.0 - _confidence(evidence.array("gold"), instances.relation)
        others: dict[str, NoiseScorer] = {"knn": Neighbours(k=self.k), "confident-learning": ConfidentLearning()}
        return (others.get(name) or _DYNAMICS[name](mode=self.mode)).score(instances, evidence)

    def _stacked(self, path: str, instances: Instances, shares: Doubles) -> Doubles:
        from sklearn.linear_model import LogisticRegression

        table = columns.read(path, ("uid", "wrong"))
        uids, wrong = columns.uids(path, table["uid"]), columns.flags(path, table["wrong"])
        order = np.argsort(instances.uid)
        at = np.minimum(np.searchsorted(instances.uid, uids, sorter=order), len(order) - 1)
        known = instances.uid[order[at]] == uids
        row, answer = order[at[known]], wrong[known]
        if len(np.unique(answer)) < 2:
            raise columns.fault(path, f"right and wrong labels among these instances, got {len(answer)} of one kind")
        fitted = LogisticRegression(max_iter=1000).fit(shares[row], answer)
        probability: Doubles = fitted.predict_proba(shares)[:, 1]
        return probability


def _confidence(logits_NR: Floats, relation: Ints) -> Floats:
    """The softmax probability of each label ``[N]``; -inf where the pair was not shown."""
    logits = np.asarray(logits_NR, dtype=np.float64)
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    found = (shifted / shifted.sum(axis=1, keepdims=True))[np.arange(len(relation)), relation]
    return np.where(np.isnan(found), -np.inf, found).astype(np.float32)
