"""The entities of a corpus as columns: who they are, and of which type."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from finecl.types import Bools, Instances, Ints

UNTYPED = -1


@dataclass(frozen=True, kw_only=True)
class Entities:
    """One number an entity, document after document; ``first`` says where each document's begin [D].

    ``key`` is the same for the same entity: of the same id in the knowledge graph or, without one, of the same name
    (of the first mention) in small letters. ``type`` is a number into ``types``, ``UNTYPED`` where none is given.
    """

    first: Ints
    key: Ints
    type: Ints
    types: tuple[str, ...]

    @classmethod
    def of(cls, dataset: Any) -> Entities:
        """The entities of a data set with a corpus's columns."""
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
        """One number for the types of head and tail; ``UNTYPED`` where one has none."""
        of_head, of_tail = (self.type[self.first[document] + entity] for entity in (head, tail))
        both = (of_head >= 0) & (of_tail >= 0)
        return np.where(both, of_head * max(1, len(self.types)) + of_tail, UNTYPED)


def _key(name: str) -> int:
    """A positive number of 62 bits."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 2) | 1


@dataclass(frozen=True)
class TypeMatched:
    """Which pairs may stand for no-relation: those of types that some labelled pair of the corpus has, too.

    Of other pairs the types alone say that they have no relation, and a proxy need not read.
    """

    entities: Entities
    labelled: Ints

    @classmethod
    def of(cls, entities: Entities, instances: Instances) -> TypeMatched:
        """By the types of these instances' pairs."""
        return cls(entities, np.unique(entities.pair_types(instances.document, instances.head, instances.tail)))

    def __call__(self, document: Ints, head: Ints, tail: Ints) -> Bools:
        """Whether these pairs may."""
        found: Bools = np.isin(self.entities.pair_types(document, head, tail), self.labelled)
        return found


def type_only_accuracy(entities: Entities, instances: Instances) -> float | None:
    """How many silver labels the types of head and tail tell by themselves: the share of instances whose relation is
    the most frequent one of all *other* instances of these types. None if no pair has both types.
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
