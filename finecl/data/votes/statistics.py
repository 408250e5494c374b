"""How much each source of votes covers, how often sources agree, and how often they are right where truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from finecl.types import Bools, Votes


def source_statistics(votes: Votes, is_right: Bools | None = None) -> dict[str, dict[str, Any]]:
    """Returns numbers of each source: votes, and shares within 0..1.

    ``coverage``: of all pairs with a vote, those that it votes on. ``overlap``: of its pairs, those that another source
    votes on, too. ``conflict``: of these pairs, those on which another source has no vote in common with it.
    ``accuracy``: of its votes that name a relation, the right ones, by ``is_right`` [V].
    """
    codes = votes.pair * (len(votes.relations) + 1) + votes.relation
    numbers: dict[str, dict[str, Any]] = {}
    for source, name in enumerate(votes.sources):
        own = votes.source == source
        pairs = np.unique(votes.pair[own])
        shared, conflicts = np.zeros(len(pairs), dtype=np.bool_), np.zeros(len(pairs), dtype=np.bool_)
        for other in set(range(len(votes.sources))) - {source}:
            theirs = votes.source == other
            both = np.isin(pairs, votes.pair[theirs])
            common = np.unique(votes.pair[own][np.isin(codes[own], codes[theirs])])
            shared |= both
            conflicts |= both & ~np.isin(pairs, common)
        named = own & (votes.relation < len(votes.relations))
        numbers[name] = {
            "votes": int(own.sum()),
            "coverage": len(pairs) / votes.pairs if votes.pairs else 0.0,
            "overlap": _share(shared),
            "conflict": _share(conflicts[shared]),
        }
        if is_right is not None:
            numbers[name]["accuracy"] = _share(is_right[named])
    return numbers


def _share(chosen: Bools) -> float | None:
    """Returns the share of true values; None without any value."""
    return float(chosen.mean()) if len(chosen) else None
