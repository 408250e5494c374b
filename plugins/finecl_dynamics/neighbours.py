"""Label agreement among nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Evidence, EvidenceKind, Floats, Instances, Ints
from finecl_dynamics.ranks import Doubles

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Noise = 1 - the share of the ``k`` nearest entity pairs that carry the label, each counting by its similarity.

    Pairs are compared by the cosine of [head; tail], as the encoder has them before any training: what it was taught
    by wrong labels cannot speak for them (Deep k-NN, Bahri et al., ICML 2020, asks a trained network instead). Every
    pair is compared with every other: time grows with the square of their number.
    """

    needs: ClassVar[tuple[EvidenceKind, ...]] = ("representations",)

    k: int = 20

    def __post_init__(self) -> None:
        if self.k < 1:
            raise SettingsError(f"scorer.k: expected at least 1 neighbour, got {self.k}")

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """1 - agreement ``[N]``, in [0, 1]; +inf for pairs that were not read, or if there is no other pair."""
        vectors = evidence.array("representations")
        pair, first = np.unique(instances.pair, return_index=True)
        read = ~np.isnan(np.asarray(vectors[first])).any(axis=1)
        row = np.full(len(pair), -1, dtype=np.int64)
        row[read] = np.arange(int(read.sum()))
        row_I = row[np.searchsorted(pair, instances.pair)]
        noise = np.full(len(instances), np.inf, dtype=np.float32)
        shown = np.flatnonzero(row_I >= 0)
        if read.sum() > 1:
            near = self._nearest(np.asarray(vectors[first[read]], dtype=np.float32))
            noise[shown] = 1.0 - _agreement(near, row_I[shown], instances.relation[shown])
        return noise

    def _nearest(self, vectors: Floats) -> csr_matrix:
        """Similarities of each row to its nearest others, its share of their sum ``[pairs, pairs]``."""
        from sklearn.neighbors import NearestNeighbors
        from sklearn.preprocessing import normalize

        count = min(self.k, len(vectors) - 1)
        index = NearestNeighbors(n_neighbors=count, metric="cosine", algorithm="brute").fit(vectors)
        near = index.kneighbors_graph(mode="distance")
        near.data = np.maximum(1.0 - near.data, 1e-6)
        found: csr_matrix = normalize(near, norm="l1")
        return found


def _agreement(near: csr_matrix, row_I: Ints, relation_I: Ints) -> Doubles:
    """The weight of the neighbours of each instance's pair that carry its label."""
    from scipy.sparse import csr_matrix

    shape = (near.shape[0], int(relation_I.max()) + 1)
    carried = csr_matrix((np.ones(len(row_I)), (row_I, relation_I)), shape=shape)
    carried.data[:] = 1.0  # a label that stands twice counts once
    share: Doubles = np.asarray((near @ carried)[row_I, relation_I]).ravel()
    return share
