"""Rank normalisation of noise, over all instances or within each relation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from finecl.types import Floats, Ints

Doubles = npt.NDArray[np.float64]


def rank_shares(noise: Floats) -> Doubles:
    """Computes the share of instances that are cleaner than each, equally clean ones counting half ``[N]``, in (0, 1).

    Equal noise has equal shares; +inf ranks highest. The mean over all instances is 1/2.
    """
    _, inverse, counts = np.unique(noise, return_inverse=True, return_counts=True)
    shares: Doubles = ((np.cumsum(counts) - counts / 2) / max(1, len(noise)))[inverse]
    return shares


def fair_shares(noise: Floats, relation: Ints) -> Doubles:
    """Computes rank shares among the instances of the same relation ``[N]``; 1/2 for a relation's only instance."""
    shares = np.empty(len(noise), dtype=np.float64)
    order = np.argsort(relation, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(relation[order])) + 1):
        shares[members] = rank_shares(noise[members])
    return shares
