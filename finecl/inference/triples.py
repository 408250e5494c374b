"""Scores of pairs become triples: what is predicted, what types allow, and the best of several windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from finecl.extraction.calibration import Calibration
from finecl.numerics.ragged import pair_key
from finecl.types import Bools, Document, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class Triple:
    """One predicted relation. ``head`` and ``tail`` are the entities' numbers in their document, from 0.

    ``head_text`` is the entity's first mention and ``head_id`` its id where one was given; likewise for the tail.
    ``name`` is a readable name of ``relation``. ``score`` is the extractor's own number, comparable between pairs, and
    ``probability`` the calibrated one, 0 .. 1.
    """

    head: int
    tail: int
    head_text: str
    tail_text: str
    head_id: str | None
    tail_id: str | None
    relation: str
    name: str
    score: float
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """The fields by their names, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class PredictedColumns:
    """Predicted relations as columns ``[N]``; ``document`` counts within the documents that were asked about."""

    document: Ints
    head: Ints
    tail: Ints
    relation: Ints
    score: Floats
    probability: Floats

    @classmethod
    def join(cls, parts: Sequence[PredictedColumns]) -> PredictedColumns:
        """All parts, each (document, head, tail, relation) once, with its highest score; see ``ordered``."""
        empty: dict[str, Any] = dict.fromkeys(("document", "head", "tail", "relation"), np.zeros(0, dtype=np.int64))
        none = cls(**empty, score=np.zeros(0, dtype=np.float32), probability=np.zeros(0, dtype=np.float32))
        names = tuple(vars(none))
        columns = {name: np.concatenate([getattr(part, name) for part in (none, *parts)]) for name in names}
        pair = pair_key(columns["document"], columns["head"], columns["tail"])
        order = np.lexsort((-columns["score"], columns["relation"], pair))
        same = (np.diff(pair[order]) == 0) & (np.diff(columns["relation"][order]) == 0)
        order = order[np.concatenate([[True], ~same])] if len(order) else order
        return cls(**{name: column[order] for name, column in columns.items()})

    def ordered(self, documents: Sequence[Document], relations: Sequence[str], names: Mapping[str, str]) -> Iterator[
        list[Triple]
    ]:  # fmt: skip
        """The triples of each document, most certain first."""
        order = np.lexsort((self.relation, self.tail, self.head, -self.score, self.document))
        ends = np.searchsorted(self.document[order], np.arange(len(documents) + 1))
        rows = [getattr(self, name)[order].tolist() for name in ("head", "tail", "relation", "score", "probability")]
        for number, document in enumerate(documents):
            part = slice(int(ends[number]), int(ends[number + 1]))
            yield [
                _triple(document, head, tail, relations[relation], names, score, probability)
                for head, tail, relation, score, probability in zip(*(row[part] for row in rows), strict=True)
            ]


def _triple(
    document: Document, head: int, tail: int, relation: str, names: Mapping[str, str], score: float, probability: float
) -> Triple:
    first, second = document.entities[head], document.entities[tail]
    return Triple(
        head=head,
        tail=tail,
        head_text=first.mentions[0].name,
        tail_text=second.mentions[0].name,
        head_id=first.id,
        tail_id=second.id,
        relation=relation,
        name=names.get(relation, relation),
        score=score,
        probability=probability,
    )


@dataclass(frozen=True, kw_only=True)
class DecisionRule:
    """Which relations are predicted: those that score at least the threshold that dev chose, or that have at least
    ``probability``; of a marked sentence the best one alone, if it scores above 0 or has that probability.

    *Shape:* ``threshold_R`` [relations].
    """

    threshold_R: Floats
    calibration: Calibration
    marked: bool
    probability: float | None = None

    def chosen(self, scores_PR: Floats, allowed_PR: Bools | None) -> tuple[Ints, Ints, Floats]:
        """Pair, relation and probability of what is predicted; what is not ``allowed_PR`` never is.

        *Shape:* ``scores_PR``, ``allowed_PR`` [P, relations].
        """
        open_PR = np.ones(scores_PR.shape, dtype=np.bool_) if allowed_PR is None else allowed_PR
        if self.marked:
            best = np.where(open_PR, scores_PR, -np.inf).argmax(axis=1)
            rows = np.arange(len(best))
            is_best = np.zeros_like(open_PR)
            is_best[rows, best] = open_PR[rows, best]
            open_PR = is_best
        if self.probability is not None:
            pair, relation = np.nonzero(open_PR)
        else:
            enough = scores_PR > 0 if self.marked else scores_PR >= self.threshold_R
            pair, relation = np.nonzero(open_PR & enough)
        probability = self.calibration.at(scores_PR, pair, relation)
        kept = probability >= (self.probability or 0.0)
        return pair[kept], relation[kept], probability[kept]
