"""Suggested labels: what a proxy that has not seen a document predicts for its labelled pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from finecl.types import NO_RELATION, Bools, Floats, Instances, Ints


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """The most likely relation of each instance's pair, and its softmax probability.

    ``relation`` is ``NO_RELATION`` where no relation is most likely; ``confidence`` is 0 without a prediction.

    *Shape:* ``relation``, ``confidence`` [N].
    """

    relation: Ints
    confidence: Floats

    @classmethod
    def of(cls, logits_NR: Floats) -> Suggestions:
        """Returns suggestions from logits ``[N, R]``, whose last column is no-relation; NaN rows have none."""
        known: Bools = ~np.any(np.isnan(logits_NR), axis=1)
        logits = np.where(known[:, None], logits_NR, 0.0).astype(np.float64)
        exponential = np.exp(logits - logits.max(axis=1, keepdims=True))
        best = logits.argmax(axis=1)
        confidence = exponential.max(axis=1) / exponential.sum(axis=1)
        relation = np.where(known & (best < logits.shape[1] - 1), best, NO_RELATION)
        return cls(relation=relation.astype(np.int64), confidence=np.where(known, confidence, 0.0).astype(np.float32))

    def apply(self, instances: Instances, weights: Floats, threshold: float) -> tuple[Instances, Floats]:
        """Returns the instances with the suggested relations, and their weights ``[N]``.

        Only suggestions with at least ``threshold`` confidence count. If no relation is suggested, the instance gets
        weight 0. An instance with a new relation gets the largest weight, times the confidence; if its pair already has
        that relation, it gets weight 0.
        """
        sure = self.confidence >= threshold
        moved = sure & (self.relation != NO_RELATION) & (self.relation != instances.relation)
        relation = np.where(moved, self.relation, instances.relation)
        weights = np.where(moved, weights.max(initial=0.0) * self.confidence, weights)
        weights = np.where(sure & (self.relation == NO_RELATION), 0.0, weights)
        key = instances.pair * (len(instances.relations) + 1) + relation
        order = np.argsort(moved, kind="stable")  # an original label comes before one that became equal to it
        _, first = np.unique(key[order], return_index=True)
        repeated = np.ones(len(key), dtype=np.bool_)
        repeated[order[first]] = False
        weights = np.where(repeated & moved, 0.0, weights)
        return replace(instances, relation=relation), weights.astype(np.float32)
