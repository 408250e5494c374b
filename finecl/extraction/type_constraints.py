"""Which relations may hold between entities of which types, as the training data have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from finecl.errors import SettingsError
from finecl.extraction.pair_scores import PairScores
from finecl.types import Bools, Document, Ints

TypeTriples: TypeAlias = Iterable[Sequence[str]]
"""(head type, relation, tail type) of what may hold."""


@dataclass(frozen=True)
class TypeConstraints:
    """``allowed_TTR``: whether a relation may hold between two types; the last type stands for all unknown ones.

    An entity without a type, or with one that the constraints never name, may have any relation.
    """

    types: Mapping[str, int]
    allowed_TTR: Bools

    @classmethod
    def of(cls, triples: TypeTriples, relations: Sequence[str]) -> TypeConstraints:
        """Constraints from what may hold; triples of other relations are passed over.

        Raises:
            SettingsError: something is not a triple of texts.
        """
        found = [tuple(triple) for triple in triples]
        for triple in found:
            if len(triple) != 3 or not all(isinstance(text, str) for text in triple):
                expected = "(head type, relation, tail type)"
                raise SettingsError(f"type_constraints: expected {expected}, got {triple!r:.80}")
        types = {name: number for number, name in enumerate(sorted({t for h, _, tail in found for t in (h, tail)}))}
        number = {name: at for at, name in enumerate(relations)}
        allowed = np.zeros((len(types) + 1, len(types) + 1, len(relations)), dtype=np.bool_)
        allowed[-1], allowed[:, -1] = True, True
        for head, relation, tail in found:
            if relation in number:
                allowed[types[head], types[tail], number[relation]] = True
        return cls(types, allowed)

    @classmethod
    def of_mapping(cls, allowed: Mapping[str, TypeTriples], relations: Sequence[str]) -> TypeConstraints:
        """Constraints from ``{relation: [(head type, tail type), ...]}``; a relation that is not named may hold between
        no two types that are.
        """
        triples = [(pair[0], relation, pair[1]) for relation, pairs in allowed.items() for pair in pairs]
        return cls.of(triples, relations)

    def allowed(self, documents: Sequence[Document], scores: PairScores) -> Bools:
        """Returns which relations may hold for each scored pair ``[P, relations]``."""
        types = [self.numbers(document) for document in documents]
        first = np.cumsum([0, *(len(numbers) for numbers in types)])[scores.document]
        flat = np.concatenate([np.zeros(0, dtype=np.int64), *types])
        allowed: Bools = self.allowed_TTR[flat[first + scores.head], flat[first + scores.tail]]
        return allowed

    def numbers(self, document: Document) -> Ints:
        """The numbers of the types of a document's entities."""
        known = [self.types.get(entity.type or "", len(self.types)) for entity in document.entities]
        return np.array(known, dtype=np.int64)


def type_triples(documents: Iterable[Document], no_relation: str) -> list[list[str]]:
    """Every (head type, relation, tail type) of labelled documents, sorted; labels of untyped entities are left out."""
    found: set[tuple[str, str, str]] = set()
    for document in documents:
        types = [entity.type for entity in document.entities]
        for label in document.labels:
            head, tail = types[label.head], types[label.tail]
            if head and tail and label.relation != no_relation:
                found.add((head, label.relation, tail))
    return sorted(map(list, found))
