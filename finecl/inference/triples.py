"""Triples: predicted relations with the names and ids of their entities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from finecl.extraction.decision import Predictions
from finecl.types import Document

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Triple:
    """One predicted relation. ``head`` and ``tail`` are the entities' numbers in their document, from 0.

    ``head_text`` is the entity's first mention and ``head_id`` its id, if known; likewise for the tail.
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


class TripleLists(list[list[Triple]]):
    """The triples of several texts: one list a text, highest score first."""

    def to_pandas(self) -> pd.DataFrame:
        """Returns a table with one row a triple: the number of its text as ``text``, and the fields of ``Triple``."""
        import pandas as pd

        rows = [{"text": number, **triple.to_dict()} for number, triples in enumerate(self) for triple in triples]
        return pd.DataFrame(rows, columns=["text", *(field.name for field in fields(Triple))])


def triples_by_document(
    predictions: Predictions, documents: Sequence[Document], relations: Sequence[str], names: Mapping[str, str]
) -> Iterator[list[Triple]]:
    """Yields the triples of each document, highest score first."""
    keys = (predictions.relation, predictions.tail, predictions.head, -predictions.score, predictions.document)
    order = np.lexsort(keys)
    ends = np.searchsorted(predictions.document[order], np.arange(len(documents) + 1))
    fields = ("head", "tail", "relation", "score", "probability")
    columns = [getattr(predictions, name)[order].tolist() for name in fields]
    for number, document in enumerate(documents):
        part = slice(int(ends[number]), int(ends[number + 1]))
        yield [
            _triple(document, head, tail, relations[relation], names, score, probability)
            for head, tail, relation, score, probability in zip(*(column[part] for column in columns), strict=True)
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
