"""Labelled instances of a corpus as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finecl.types.arrays import Bools, Ints, Uids


@dataclass(frozen=True, kw_only=True)
class Instances:
    """Every (document, head, tail, relation) label of a corpus as columns of length N.

    ``relation`` holds ids into ``relations``; ``uid`` is a hash of the content, so it survives shuffling,
    filtering and sharding; ``pair`` numbers the distinct (document, head, tail), 0 .. pairs - 1.
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

    def part(self, kept: Bools, *, document: Ints) -> Instances:
        """Some of the instances, with these numbers for their documents; ``kept`` and ``document`` are [N]."""
        _, pair = np.unique(self.pair[kept], return_inverse=True)
        return Instances(
            uid=self.uid[kept],
            document=document[kept],
            head=self.head[kept],
            tail=self.tail[kept],
            relation=self.relation[kept],
            pair=pair.ravel().astype(np.int64),
            relations=self.relations,
        )
