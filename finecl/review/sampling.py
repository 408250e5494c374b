"""Which labels to judge: some drawn at random, which tell how many are right, and the noisiest of the others."""

from __future__ import annotations

import numpy as np

from finecl.numerics.ragged import rank_within
from finecl.types import Bools, Floats, Ints, Uids

DRAWN = ("", "random", "noisiest")
"""Why a label is to be judged, by the number that ``drawn`` gives."""


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
    """Why each label is to be judged ``[N]``, a number into ``DRAWN``; 0 for no reason.

    ``random`` labels are a simple random sample of all: those of the smallest uids, which are hashes. A report and an
    export therefore draw the same. Of the others that are not ``judged`` yet the ``top`` noisiest are drawn, of each
    relation at most ``most``.

    *Shape:* uids, noise, relation and judged are [N].
    """
    found = np.zeros(len(uids), dtype=np.int64)
    # By hash, so that ties of noise are in no order of documents.
    order = np.argsort(uids, kind="stable")
    found[order[:random]] = 1
    rest = order[random:]
    rest = rest[~judged[rest]]
    rest = rest[np.argsort(-noise[rest], kind="stable")]
    if most is not None:
        rest = rest[rank_within(relation[rest]) < most]
    found[rest[:top]] = 2
    return found
