"""Learning order: the first epoch in which the proxy predicts an instance's label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from finecl.types import Bools, DynamicsMode, Evidence, Floats, Instances, Ints, first_epoch


@dataclass(frozen=True, kw_only=True)
class LearningOrder:
    """Noise = the epoch (1, 2, ...) in which an instance was first predicted correctly; +inf if it never was.

    Paper, section 3.1, Algorithms 1 (``mode="batch"``) and 2 (``"epoch"``).

    ``epochs``: only so many recorded epochs count (the paper's k; best at 15).
    ``floor``: at least this share of every relation's instances counts as learned (the paper's P): where fewer
    were, unlearned ones are drawn into random epochs. The paper does not say into which; its release lacks the step.
    ``multi_label``: "any" looks at every label of a pair in every epoch; "sample" at one drawn label of it, which
    must be the arg-max over everything, as the release does.
    """

    mode: DynamicsMode = "batch"
    epochs: int = 15
    floor: float = 0.5
    multi_label: Literal["any", "sample"] = "any"
    seed: int = 0

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """The epoch in which each instance was learned ``[N]``."""
        dynamics = evidence.dynamics(self.mode)
        correct_EN = (
            dynamics.correct if self.multi_label == "any" else dynamics.top & self._drawn(instances, len(dynamics.top))
        )
        first = first_epoch(correct_EN[: self.epochs])
        order = np.where(first > 0, first, np.inf).astype(np.float32)
        return self._lifted(order, instances.relation, min(self.epochs, len(correct_EN)))

    def _drawn(self, instances: Instances, epochs: int) -> Bools:
        """One instance of each pair in each epoch ``[E, N]``."""
        drawn = np.zeros((epochs, len(instances)), dtype=np.bool_)
        generator = np.random.default_rng(self.seed)
        for epoch in range(epochs):
            shuffled = generator.permutation(len(instances))
            _, first = np.unique(instances.pair[shuffled], return_index=True)
            drawn[epoch, shuffled[first]] = True
        return drawn

    def _lifted(self, order: Floats, relation: Ints, epochs: int) -> Floats:
        """Draws unlearned instances of relations that are learned too rarely into random epochs."""
        generator = np.random.default_rng(self.seed)
        order = order.copy()
        for code in np.unique(relation):
            members = np.flatnonzero(relation == code)
            unlearned = members[np.isinf(order[members])]
            missing = int(np.ceil(self.floor * len(members))) - (len(members) - len(unlearned))
            if missing > 0:
                drawn = generator.choice(unlearned, missing, replace=False)
                order[drawn] = generator.integers(1, epochs + 1, missing)
        return order
