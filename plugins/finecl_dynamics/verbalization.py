"""Does the sentence say it? Similarity of a label's sentence to its fact in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from finecl.types import Evidence, EvidenceKind, Floats, Instances, NoiseScorer


@dataclass(frozen=True, kw_only=True)
class Verbalization(NoiseScorer):
    """Noise = mean similarity of the sentence to the pair with other relations, minus that with the label's relation.

    A relation is put into words by its name, so the names must mean something: give ``data.relation_names`` for ids
    such as P19. The run's encoder compares without training; choose one for sentences, such as the default. Putting
    relations into words follows Sainz et al., EMNLP 2021, who ask an entailment model instead.
    """

    required_evidence: ClassVar[tuple[EvidenceKind, ...]] = ("statements",)

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns the noise ``[N]``, within [-2, 2]; +inf for labels without a text."""
        similarity_NR = np.asarray(evidence.array("statements"), dtype=np.float64)
        rows, others = np.arange(len(instances)), similarity_NR.copy()
        own = similarity_NR[rows, instances.relation]
        others[rows, instances.relation] = np.nan
        count = (~np.isnan(others)).sum(axis=1)
        mean = np.nansum(others, axis=1) / np.maximum(count, 1)  # 0 where there is no other relation
        noise: Floats = np.where(np.isnan(own), np.inf, mean - own).astype(np.float32)
        return noise
