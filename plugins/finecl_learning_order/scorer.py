"""Learning order: the first epoch in which the proxy predicts an instance's label correctly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Interval

from finecl.types import Bools, DynamicsMode, Evidence, Floats, Instances, Ints, NoiseScorer, first_epoch


@dataclass(frozen=True, kw_only=True)
class LearningOrder(NoiseScorer):
    """Noise = the epoch (1, 2, ...) in which an instance was first predicted correctly; +inf if it never was.

    Paper, section 3.1, Algorithms 1 (``mode="batch"``) and 2 (``"epoch"``).

    ``epochs``: number of recorded epochs to use (the paper's k; best at 15).
    ``floor``: minimum share of each relation's instances that count as learned (the paper's P). If fewer were learned,
    randomly chosen unlearned instances are assigned random epochs; the paper does not specify the epochs, and its
    release lacks this step.
    ``ties``: "confidence" orders the instances learned in the same epoch by the mean confidence of all epochs: it adds
    one minus that confidence, below 1, so that epochs keep their order. The paper has ties ("none").
    ``multi_label``: "any" checks every label of a pair in each epoch; "sample" checks one random label, which must be
    the arg-max over all relations, as in the release.
    """

    mode: DynamicsMode = "batch"
    epochs: Annotated[int, Ge(1)] = 15
    floor: Annotated[float, Interval(ge=0, le=1)] = 0.5
    multi_label: Literal["any", "sample"] = "any"
    ties: Literal["none", "confidence"] = "none"
    seed: Annotated[int, Ge(0)] = 0

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns the epoch in which each instance was learned ``[N]``."""
        dynamics = evidence.dynamics(self.mode)
        correct_EN = (
            dynamics.correct
            if self.multi_label == "any"
            else dynamics.top & self._sampled(instances, len(dynamics.top))
        )
        first = first_epoch(correct_EN[: self.epochs])
        order = np.where(first > 0, first, np.inf).astype(np.float32)
        order = self._apply_floor(order, instances.relation, min(self.epochs, len(correct_EN)))
        if self.ties == "none":
            return order
        doubt = 1.0 - dynamics.confidence[: self.epochs].mean(axis=0)
        untied: Floats = (order + np.clip(doubt, 0.0, 0.999)).astype(np.float32)
        return untied

    def _sampled(self, instances: Instances, epochs: int) -> Bools:
        """Samples one instance of each pair in each epoch ``[E, N]``."""
        sampled = np.zeros((epochs, len(instances)), dtype=np.bool_)
        generator = np.random.default_rng(self.seed)
        for epoch in range(epochs):
            shuffled = generator.permutation(len(instances))
            _, first = np.unique(instances.pair[shuffled], return_index=True)
            sampled[epoch, shuffled[first]] = True
        return sampled

    def _apply_floor(self, order: Floats, relation: Ints, epochs: int) -> Floats:
        """Assigns random epochs to unlearned instances of relations whose learned share is below the floor."""
        generator = np.random.default_rng(self.seed)
        order = order.copy()
        for code in np.unique(relation):
            members = np.flatnonzero(relation == code)
            unlearned = members[np.isinf(order[members])]
            missing = int(np.ceil(self.floor * len(members))) - (len(members) - len(unlearned))
            if missing > 0:
                chosen = generator.choice(unlearned, missing, replace=False)
                order[chosen] = generator.integers(1, epochs + 1, missing)
        return order
