"""Label noise whose truth is known, to measure what finds it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Document, Generator, Label

Kind = Literal["uniform", "type-consistent", "frequency", "entity-swap"]
KINDS: Mapping[Kind, str] = {
    "uniform": "any other relation, each as likely",
    "type-consistent": "another relation that stands between entities of the same types elsewhere",
    "frequency": "any other relation, as likely as it is frequent",
    "entity-swap": "the same relation, of which one end is another entity that no label joins to the other end",
}
"""What becomes of a label that is made wrong."""

Claim = tuple[int, int, str]


@dataclass(frozen=True)
class Noise:
    """Which labels are to be what instead: (document, label), both counted from 0, -> (head, tail, relation)."""

    kind: Kind
    labels: int
    changed: Mapping[tuple[int, int], Claim]
    no_relation: str

    @classmethod
    def plan(
        cls, documents: Iterable[Document], *, rate: float, kind: Kind, seed: int, no_relation: str = "no_relation"
    ) -> Noise:
        """Draws round(rate * labels) labels and what they become; the same for the same seed.

        Labels of ``no_relation`` are neither counted nor changed. No pair gets a relation that it has already.

        Raises:
            SettingsError: the rate is not from 0 to 1, the kind is unknown, or fewer labels can be changed.
        """
        if not 0 <= rate <= 1:
            raise SettingsError(f"--rate: expected a number from 0 to 1, got {rate}")
        if kind not in get_args(Kind):
            raise SettingsError(f"--kind: expected one of {', '.join(get_args(Kind))}, got '{kind}'")
        seen = _Seen.of(documents, no_relation)
        return cls(kind, len(seen.claims), seen.draw(kind, round(rate * len(seen.claims)), seed), no_relation)

    def apply(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The same documents as were planned on, with noise; every label keeps what it was as ``truth``."""
        for number, document in enumerate(documents):
            labels = (self._label(label, (number, n)) for n, label in enumerate(document.labels))
            yield replace(document, labels=tuple(labels))

    def _label(self, label: Label, place: tuple[int, int]) -> Label:
        truth = label.truth or label.relation
        if place not in self.changed:
            return replace(label, truth=truth)
        head, tail, relation = self.changed[place]
        same_pair = (head, tail) == (label.head, label.tail)
        return replace(label, head=head, tail=tail, relation=relation, truth=truth if same_pair else self.no_relation)


@dataclass
class _Seen:
    """Of all documents what a draw needs to know: types of entities, and what is claimed of each pair."""

    types: list[tuple[str, ...]] = field(default_factory=list)
    claims: list[tuple[int, int, Claim]] = field(default_factory=list)
    """(document, label, claim) of every label."""
    taken: dict[tuple[int, int, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    """What is claimed of (document, head, tail), before and after."""
    labelled: dict[int, set[tuple[int, int]]] = field(default_factory=lambda: defaultdict(set))
    by_types: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    frequency: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, documents: Iterable[Document], no_relation: str) -> _Seen:
        """Reads all documents once."""
        seen = cls()
        for number, document in enumerate(documents):
            seen.types.append(tuple(entity.type or "" for entity in document.entities))
            for n, label in enumerate(document.labels):
                seen.labelled[number].add((label.head, label.tail))
                seen.taken[number, label.head, label.tail].add(label.relation)
                if label.relation != no_relation:
                    seen._count(number, n, label)
        return seen

    def _count(self, number: int, n: int, label: Label) -> None:
        types = self.types[number]
        self.claims.append((number, n, (label.head, label.tail, label.relation)))
        self.by_types[types[label.head], types[label.tail]].add(label.relation)
        self.frequency[label.relation] += 1

    def draw(self, kind: Kind, wanted: int, seed: int) -> dict[tuple[int, int], Claim]:
        """Labels in random order, until enough of them have become something else."""
        generator = np.random.default_rng(seed)
        relations = sorted(self.frequency)
        changed: dict[tuple[int, int], Claim] = {}
        for at in generator.permutation(len(self.claims)):
            if len(changed) == wanted:
                break
            number, n, claim = self.claims[at]
            found = self._swapped(number, claim, generator) if kind == "entity-swap" else None
            if kind != "entity-swap":
                found = self._renamed(number, claim, kind, relations, generator)
            if found:
                changed[number, n] = found
                self.taken[number, found[0], found[1]].add(found[2])
        if len(changed) < wanted:
            most = len(changed) / len(self.claims)
            raise SettingsError(f"--rate: expected at most {most:.3f}, since no more labels can be changed by '{kind}'")
        return changed

    def _renamed(
        self, number: int, claim: Claim, kind: Kind, relations: Sequence[str], generator: Generator
    ) -> Claim | None:
        head, tail, _ = claim
        types = self.types[number]
        known = sorted(self.by_types[types[head], types[tail]]) if kind == "type-consistent" else relations
        free = [relation for relation in known if relation not in self.taken[number, head, tail]]
        if not free:
            return None
        weight = np.array([self.frequency[relation] if kind == "frequency" else 1 for relation in free], dtype=float)
        return head, tail, free[int(generator.choice(len(free), p=weight / weight.sum()))]

    def _swapped(self, number: int, claim: Claim, generator: Generator) -> Claim | None:
        head, tail, relation = claim
        types = self.types[number]
        others = [entity for entity in range(len(types)) if entity not in (head, tail)]
        pairs = [(head, other, types[other] == types[tail]) for other in others]
        pairs += [(other, tail, types[other] == types[head]) for other in others]
        free = [
            (a, b, alike)
            for a, b, alike in pairs
            if (a, b) not in self.labelled[number] and relation not in self.taken[number, a, b]
        ]
        alike = [pair for pair in free if pair[2]] or free  # of the same type, where there is one
        if not alike:
            return None
        a, b, _ = alike[int(generator.integers(len(alike)))]
        return a, b, relation
