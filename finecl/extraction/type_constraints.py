"""Type constraints: which relations are allowed between which entity types, read from training data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from finecl.errors import SettingsError
from finecl.extraction.pair_scores import PairScores
from finecl.types import Bools, Document, Ints

TypeTriples: TypeAlias = Iterable[Sequence[str]]
"""Allowed (head type, relation, tail type) triples."""


@dataclass(frozen=True)
class TypeConstraints:
    """``allowed_TTR``: whether a relation is allowed between two types; the last type stands for all unknown types.

    Every relation is allowed for an entity without a type, or with a type that no constraint names.
    """

    types: Mapping[str, int]
    allowed_TTR: Bools

    @classmethod
    def of(cls, triples: TypeTriples, relations: Sequence[str]) -> TypeConstraints:
        """Builds constraints from the allowed triples; ignores triples of other relations.

        Raises:
            SettingsError: an item is not a triple of strings.
        """
        type_triples = [tuple(triple) for triple in triples]
        for triple in type_triples:
            if len(triple) != 3 or not all(isinstance(text, str) for text in triple):
                expected = "(head type, relation, tail type)"
                raise SettingsError(f"type_constraints: expected {expected}, got {triple!r:.80}")
        types = {
            name: number for number, name in enumerate(sorted({t for h, _, tail in type_triples for t in (h, tail)}))
        }
        number = {name: at for at, name in enumerate(relations)}
        allowed = np.zeros((len(types) + 1, len(types) + 1, len(relations)), dtype=np.bool_)
        allowed[-1], allowed[:, -1] = True, True
        for head, relation, tail in type_triples:
            if relation in number:
                allowed[types[head], types[tail], number[relation]] = True
        return cls(types, allowed)

    @classmethod
    def of_mapping(cls, allowed: Mapping[str, TypeTriples], relations: Sequence[str]) -> TypeConstraints:
        """Builds constraints from ``{relation: [(head type, tail type), ...]}``.

        A relation that the mapping does not name is not allowed between any two named types.
        """
        triples = [(pair[0], relation, pair[1]) for relation, pairs in allowed.items() for pair in pairs]
        return cls.of(triples, relations)

    def allowed(self, documents: Sequence[Document], scores: PairScores) -> Bools:
        """Returns which relations are allowed for each scored pair ``[P, relations]``."""
        types = [self.numbers(document) for document in documents]
        first = np.cumsum([0, *(len(numbers) for numbers in types)])[scores.document]
        flat = np.concatenate([np.zeros(0, dtype=np.int64), *types])
        allowed: Bools = self.allowed_TTR[flat[first + scores.head], flat[first + scores.tail]]
        return allowed

    def numbers(self, document: Document) -> Ints:
        """Returns the type numbers of the entities of a document."""
        known = [self.types.get(entity.type or "", len(self.types)) for entity in document.entities]
        return np.array(known, dtype=np.int64)


def type_triples(documents: Iterable[Document], no_relation: str) -> list[list[str]]:
    """Returns every (head type, relation, tail type) of labelled documents, sorted; skips untyped entities."""
    triples: set[tuple[str, str, str]] = set()
    for document in documents:
        types = [entity.type for entity in document.entities]
        for label in document.labels:
            head, tail = types[label.head], types[label.tail]
            if head and tail and label.relation != no_relation:
                triples.add((head, label.relation, tail))
    return sorted(map(list, triples))
