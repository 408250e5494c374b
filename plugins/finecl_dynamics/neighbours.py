"""Label agreement among nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Evidence, EvidenceKind, Floats, Instances, Ints, NoiseScorer
from finecl_dynamics.ranks import Doubles

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True, kw_only=True)
class Neighbours(NoiseScorer):
    """Noise = 1 - the similarity-weighted share of the ``k`` nearest entity pairs that have the label.

    Similarity is the cosine of [head; tail] from the encoder before any training, so that wrong labels cannot influence
    it (Deep k-NN, Bahri et al., ICML 2020, uses a trained network instead). The time is quadratic in the number of
    entity pairs.
    """

    required_evidence: ClassVar[tuple[EvidenceKind, ...]] = ("representations",)

    k: int = 20

    def __post_init__(self) -> None:
        if self.k < 1:
            raise SettingsError(f"scorer.k: expected at least 1 neighbour, got {self.k}")

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns 1 - agreement ``[N]``, in [0, 1]; +inf for pairs without a representation or a neighbour."""
        vectors = evidence.array("representations")
        pair, first = np.unique(instances.pair, return_index=True)
        encoded = ~np.isnan(np.asarray(vectors[first])).any(axis=1)
        row = np.full(len(pair), -1, dtype=np.int64)
        row[encoded] = np.arange(int(encoded.sum()))
        row_I = row[np.searchsorted(pair, instances.pair)]
        noise = np.full(len(instances), np.inf, dtype=np.float32)
        shown = np.flatnonzero(row_I >= 0)
        if encoded.sum() > 1:
            near = self._nearest(np.asarray(vectors[first[encoded]], dtype=np.float32))
            noise[shown] = 1.0 - _agreement(near, row_I[shown], instances.relation[shown])
        return noise

    def _nearest(self, vectors: Floats) -> csr_matrix:
        """Computes each row's similarities to its nearest neighbours, normalised to sum to 1 ``[pairs, pairs]``."""
        from sklearn.neighbors import NearestNeighbors
        from sklearn.preprocessing import normalize

        count = min(self.k, len(vectors) - 1)
        index = NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute").fit(vectors)
        near = index.kneighbors_graph(mode="distance")
        near.data = np.maximum(1.0 - near.data, 1e-6)
        weights: csr_matrix = normalize(near, norm="l1")
        return weights


def _agreement(near: csr_matrix, row_I: Ints, relation_I: Ints) -> Doubles:
    """Sums the weights of the neighbours of each instance's pair that have its label ``[I]``."""
    from scipy.sparse import csr_matrix

    shape = (near.shape[0], int(relation_I.max()) + 1)
    labels = csr_matrix((np.ones(len(row_I)), (row_I, relation_I)), shape=shape)
    labels.data[:] = 1.0  # duplicate labels count once
    share: Doubles = np.asarray((near @ labels)[row_I, relation_I]).ravel()
    return share
