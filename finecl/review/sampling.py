"""Selects labels to judge: a random sample, which estimates the accuracy, and the noisiest other labels."""

from __future__ import annotations

import numpy as np

from finecl.numerics.ragged import rank_within
from finecl.types import Bools, Floats, Ints, Uids

DRAWN = ("", "random", "noisiest")
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
) -> Ints:
    """Selects labels to judge; returns why each was selected ``[N]``: an index into ``DRAWN``, 0 if it was not.

    The ``random`` labels with the smallest uids are a simple random sample, because uids are hashes; a report and an
    export therefore select the same labels. Among the others that are not ``judged`` yet, the ``top`` noisiest are
    selected, at most ``most`` per relation.

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
    return reason
