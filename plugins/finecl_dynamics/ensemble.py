"""Several scorers as one: by the mean of their ranks, or weighed by a few labels that someone has judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from finecl.errors import SettingsError
from finecl.types import DynamicsMode, Evidence, Floats, Instances, Need, NoiseScorer, first_epoch
from finecl_dynamics import columns
from finecl_dynamics.bases import DynamicsScorer
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
MEMBERS = ("learning-order", *_DYNAMICS, "knn")


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Noise = the mean rank share over the scorers ``of``; with ``gold``, a logistic regression on their rank shares.

    ``gold``: a CSV, JSONL or Parquet table with the columns uid and wrong (true or false), for some instances: the
    regression is fitted on those and predicts the probability that a label is wrong.
    ``of``: from learning-order, small-loss, area-under-margin, confidence, variability, forgetting and knn.
    ``mode``: which dynamics they read. ``k``: the neighbours of knn.
    """

    needs: ClassVar[tuple[Need, ...]] = ("dynamics", "representations")

    of: tuple[str, ...] = MEMBERS
    mode: DynamicsMode = "batch"
    k: int = 20
    gold: str | None = None

    def __post_init__(self) -> None:
        strange = [name for name in self.of if name not in MEMBERS]
        if strange or not self.of:
            got = f"'{strange[0]}'" if strange else "none"
            raise SettingsError(f"scorer.of: expected names from {', '.join(MEMBERS)}, got {got}")

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """The mean rank share, or the probability of a wrong label ``[N]``, in [0, 1].

        Raises:
            FormatError: the table of gold labels cannot be read, or its labels are all of one kind.
        """
        shares: Doubles = np.stack([rank_shares(noise) for noise in self._noises(instances, evidence)], axis=1)
        if self.gold is None:
            mean: Floats = shares.mean(axis=1).astype(np.float32)
            return mean
        return self._stacked(self.gold, instances, shares).astype(np.float32)

    def _noises(self, instances: Instances, evidence: Evidence) -> list[Floats]:
        found = []
        for name in self.of:
            if name == "learning-order":
                order = first_epoch(evidence.dynamics(self.mode).correct)
                found.append(np.where(order > 0, order, np.inf).astype(np.float32))
                continue
            member: NoiseScorer = Neighbours(k=self.k) if name == "knn" else _DYNAMICS[name](mode=self.mode)
            found.append(member.score(instances, evidence))
        return found

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
