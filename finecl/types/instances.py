"""Labelled instances of a corpus as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finecl.types.arrays import Bools, Ints, Uids


@dataclass(frozen=True, kw_only=True)
class Instances:
    """Labels (document, head, tail, relation) of a corpus as columns of length N.

    ``relation`` holds indices into ``relations``; ``uid`` is a hash of the content, so shuffling, filtering and
    sharding do not change it; ``pair`` numbers the distinct (document, head, tail), 0 .. pairs - 1.
    """

    uid: Uids
    document: Ints
    head: Ints
    tail: Ints
    relation: Ints
    pair: Ints
    relations: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.uid)

    def part(self, selected: Bools, *, document: Ints) -> Instances:
        """Returns the instances where ``selected`` [N] is true, with the document numbers ``document`` [N]."""
        _, pair = np.unique(self.pair[selected], return_inverse=True)
        return Instances(
            uid=self.uid[selected],
            document=document[selected],
            head=self.head[selected],
            tail=self.tail[selected],
            relation=self.relation[selected],
            pair=pair.ravel().astype(np.int64),
            relations=self.relations,
        )
