"""The votes on all documents as columns, and the labels that a label model makes of them."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

import numpy as np

from finecl.errors import PluginError
from finecl.types import Floats, Ints, LabelModel, Vote, Votes

_TIE = 1e-6  # probabilities that differ by less are equal


@dataclass
class Table:
    """Collects votes, document by document.

    ``pairs`` are their pairs as (document, head, tail), with their numbers; ``right`` says whether each vote is true,
    if the truth is known.
    """

    sources: tuple[str, ...]
    pairs: dict[tuple[int, int, int], int] = field(default_factory=dict)
    relations: dict[str, int] = field(default_factory=dict)
    right: list[bool] = field(default_factory=list)
    _rows: list[tuple[int, int, int, float]] = field(default_factory=list)

    def add(
        self, document: int, votes: Sequence[Sequence[Vote]], true: Set[tuple[int, int, str]] | None = None
    ) -> None:
        """Adds the votes of each source on a document, whose true labels are (head, tail, relation)."""
        for source, given in enumerate(votes):
            for vote in given:
                pair = self.pairs.setdefault((document, vote.head, vote.tail), len(self.pairs))
                relation = -1 if vote.relation is None else self._relation(vote.relation)
                self._rows.append((pair, source, relation, vote.confidence))
                if true is not None:
                    self.right.append((vote.head, vote.tail, vote.relation) in true)

    def _relation(self, name: str) -> int:
        return self.relations.setdefault(name, len(self.relations))

    def votes(self) -> Votes:
        """Returns all votes as columns, with the relations sorted by name."""
        names = sorted(self.relations)
        number = np.zeros(len(names) + 1, dtype=np.int64)
        number[[self.relations[name] for name in names]] = np.arange(len(names))
        number[-1] = len(names)  # also what "no relation", -1, refers to
        pair, source, relation, confidence = zip(*self._rows, strict=True) if self._rows else ((), (), (), ())
        return Votes(
            pair=np.array(pair, dtype=np.int64),
            source=np.array(source, dtype=np.int64),
            relation=number[np.array(relation, dtype=np.int64)],
            confidence=np.array(confidence, dtype=np.float32),
            pairs=len(self.pairs),
            sources=self.sources,
            relations=tuple(names),
        )


@dataclass(frozen=True, kw_only=True)
class Combined:
    """Labels made of votes: for each of L labels the pair, the relation (R: no relation) and its probability."""

    pair: Ints
    relation: Ints
    probability: Floats


def combine(votes: Votes, model: LabelModel, name: str) -> Combined:
    """Gives each pair the most probable relation; relations that are equally probable are all given.

    A pair whose most probable answer is "no relation" gets no other.

    Raises:
        PluginError: the label model's probabilities have another shape, or do not sum to 1.
    """
    shape = (votes.pairs, len(votes.relations) + 1)
    probability_PR = np.asarray(model.probabilities(votes), dtype=np.float32)
    if probability_PR.shape != shape or not np.allclose(probability_PR.sum(axis=1), 1, atol=1e-3):
        what = "finite probabilities that sum to 1 for each pair"
        raise PluginError(f"label model '{name}': expected {what}, shape {shape}, got shape {probability_PR.shape}")
    best_P = probability_PR.max(axis=1, initial=0.0)
    is_given_PR = probability_PR >= best_P[:, None] - _TIE
    none = len(votes.relations)
    is_given_PR[is_given_PR[:, none], :none] = False
    pair, relation = np.nonzero(is_given_PR)
    return Combined(pair=pair, relation=relation, probability=probability_PR[pair, relation])
