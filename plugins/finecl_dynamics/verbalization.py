"""Does the sentence say it? Similarity of a label's sentence to sentences that state its relation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from finecl.types import Evidence, EvidenceKind, Floats, Instances, NoiseScorer


@dataclass(frozen=True, kw_only=True)
class Verbalization(NoiseScorer):
    """Noise = how much more the sentence resembles statements of other relations than one of the label's relation.

    The similarity to the label's relation is subtracted from the mean of two: the similarity to a statement of no
    relation, and that to the other relations which the entity types have (half their average, half the highest). Names
    are replaced by types.

    Well-known relation names (TAC KBP, Freebase, Wikidata) come with wordings; other names must mean something, or
    ``data.wordings`` gives sentences for them. The run's encoder compares without training; choose one for sentences,
    such as the default. Putting relations into words follows Sainz et al., EMNLP 2021, who ask an entailment model.
    """

    required_evidence: ClassVar[tuple[EvidenceKind, ...]] = ("statements",)

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns the noise ``[N]``, within [-2, 2]; +inf for labels without a text."""
        similarity_NR = np.asarray(evidence.array("statements"), dtype=np.float64)
        rows, none = np.arange(len(instances)), similarity_NR[:, -1]
        own = similarity_NR[rows, instances.relation]
        others_NR = similarity_NR[:, :-1].copy()
        others_NR[rows, instances.relation] = np.nan
        count = (~np.isnan(others_NR)).sum(axis=1)
        alone = count == 0  # the types have no other relation
        mean = np.where(alone, none, np.nansum(others_NR, axis=1) / np.maximum(count, 1))
        best = np.where(alone, none, np.where(np.isnan(others_NR), -np.inf, others_NR).max(axis=1, initial=-np.inf))
        noise: Floats = np.where(np.isnan(own), np.inf, mean / 4 + best / 4 + none / 2 - own).astype(np.float32)
        return noise
