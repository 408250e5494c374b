"""The entities of a corpus as columns: their keys and types."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from finecl.types import Bools, Instances, Ints

UNTYPED = -1


@dataclass(frozen=True, kw_only=True)
class Entities:
    """Columns with one row per entity, document after document; ``first`` [D] is the row of each document's first.

    ``key`` identifies an entity across documents: by its id in the knowledge graph or, without one, by the lower-case
    name of its first mention. ``type`` holds indices into ``types``, ``UNTYPED`` for an entity without a type.
    """

    first: Ints
    key: Ints
    type: Ints
    types: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Any) -> Entities:
        """Reads the entities of a data set with a corpus's columns."""
        counts: list[int] = []
        keys: list[int] = []
        codes: list[int] = []
        known: dict[str, int] = {}
        for rows in dataset.select_columns(["vertexSet", "entity_ids"]).iter(batch_size=256):
            for vertices, ids in zip(rows["vertexSet"], rows["entity_ids"], strict=True):
                counts.append(len(vertices))
                keys += [_key(i or v[0]["name"].lower()) for v, i in zip(vertices, ids, strict=True)]
                named = (next((m["type"] for m in v if m["type"]), None) for v in vertices)
                codes += [UNTYPED if name is None else known.setdefault(name, len(known)) for name in named]
        lengths = np.array(counts, dtype=np.int64)
        return cls(
            first=np.cumsum(lengths) - lengths,
            key=np.array(keys, dtype=np.int64),
            type=np.array(codes, dtype=np.int64),
            types=tuple(known),
        )

    def pair_types(self, document: Ints, head: Ints, tail: Ints) -> Ints:
        """Returns one integer for the types of head and tail; ``UNTYPED`` if either has none."""
        of_head, of_tail = (self.type[self.first[document] + entity] for entity in (head, tail))
        both = (of_head >= 0) & (of_tail >= 0)
        return np.where(both, of_head * max(1, len(self.types)) + of_tail, UNTYPED)


def _key(name: str) -> int:
    """Returns a hash of a name as a positive integer of 62 bits."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 2) | 1


@dataclass(frozen=True)
class TypeMatched:
    """Filter of no-relation pairs: allows the pairs whose types occur among the labelled pairs of the corpus.

    For other pairs, the types alone would show that they have no relation, so a proxy would not learn from the text.
    """

    entities: Entities
    labelled: Ints

    @classmethod
    def of(cls, entities: Entities, instances: Instances) -> TypeMatched:
        """Returns the filter for the types of these instances' pairs."""
        return cls(entities, np.unique(entities.pair_types(instances.document, instances.head, instances.tail)))

    def __call__(self, document: Ints, head: Ints, tail: Ints) -> Bools:
        """Returns which of these pairs are allowed."""
        allowed: Bools = np.isin(self.entities.pair_types(document, head, tail), self.labelled)
        return allowed


def type_only_accuracy(entities: Entities, instances: Instances) -> float | None:
    """Returns the accuracy of predicting silver labels from the types of head and tail alone.

    This is the share of instances whose relation is the most frequent one among all *other* instances of the same
    types. None if no pair has both types.
    """
    pair = entities.pair_types(instances.document, instances.head, instances.tail)
    typed = pair >= 0
    if not typed.any():
        return None
    _, pair_I = np.unique(pair[typed], return_inverse=True)
    relation_I = instances.relation[typed]
    counts = np.zeros((pair_I.max() + 1, relation_I.max() + 1), dtype=np.int64)
    np.add.at(counts, (pair_I.ravel(), relation_I), 1)
    others = counts[pair_I.ravel()]
    others[np.arange(len(others)), relation_I] -= 1
    right = others[np.arange(len(others)), relation_I] == others.max(axis=1)
    return float((right & (others.max(axis=1) > 0)).mean())
