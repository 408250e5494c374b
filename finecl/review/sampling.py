"""Selects labels to judge: a random sample, which estimates the accuracy, the noisiest, and some of each relation."""

from __future__ import annotations

import numpy as np

from finecl.numerics.ragged import rank_within
from finecl.types import Bools, Floats, Ints, Uids

DRAWN = ("", "random", "noisiest", "spread")
"""Why a label was selected, by the codes that ``drawn`` returns."""


def drawn(
    uids: Uids,
    noise: Floats,
    relation: Ints,
    judged: Bools,
    *,
    top: int = 200,
    random: int = 100,
    most: int | None = None,
    spread: int = 0,
) -> Ints:
    """Selects labels to judge; returns why each was selected ``[N]``: an index into ``DRAWN``, 0 if it was not.

    The ``random`` labels with the smallest uids are a simple random sample, because uids are hashes; a report and an
    export therefore select the same labels. Among the others that are not ``judged`` yet, the ``top`` noisiest are
    selected, at most ``most`` per relation; then ``spread`` more by ``spread_over_relations``.

    *Shape:* uids, noise, relation and judged are [N].
    """
    reason = np.zeros(len(uids), dtype=np.int64)
    # Sorted by hash, so that ties of noise do not follow the order of documents.
    order = np.argsort(uids, kind="stable")
    reason[order[:random]] = 1
    rest = order[random:]
    rest = rest[~judged[rest]]
    rest = rest[np.argsort(-noise[rest], kind="stable")]
    if most is not None:
        rest = rest[rank_within(relation[rest]) < most]
    reason[rest[:top]] = 2
    reason[spread_over_relations(uids, relation, judged | (reason > 0), spread)] = 3
    return reason


def spread_over_relations(uids: Uids, relation: Ints, judged: Bools, count: int) -> Ints:
    """Selects labels from which a regression on verdicts learns most about relations, most useful first ``[count]``.

    The next label is of the relation in which the square root of the number of labels, divided by the number of judged
    ones plus 1, is largest: so rare relations have some verdicts and frequent ones more. Within a relation the labels
    are a random sample, by uid. ``judged`` labels are not selected.

    *Shape:* uids, relation and judged are [N].
    """
    order = np.argsort(uids, kind="stable")
    order = order[~judged[order]]
    have = np.bincount(relation[judged], minlength=int(relation.max(initial=0)) + 1)
    root = np.sqrt(np.bincount(relation, minlength=len(have)))
    use = root[relation[order]] / (have[relation[order]] + rank_within(relation[order]) + 1)
    selected: Ints = order[np.argsort(-use, kind="stable")[:count]]
    return selected
