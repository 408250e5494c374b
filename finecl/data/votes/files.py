"""Writes documents labelled by the votes of several sources, all votes, and the confidence in each label."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from finecl.corpus.corpus import Corpus
from finecl.corpus.schema import LabelUids
from finecl.data.distant.labelling import stated_relation
from finecl.data.rows import RowWriter
from finecl.data.votes.combining import Combined, Table, combine
from finecl.data.votes.gathering import gather
from finecl.data.votes.statistics import source_statistics
from finecl.errors import FormatError
from finecl.types import Document, Format, Label, Labeler, LabelModel, PaidLabeler, Vote, Votes


@dataclass(kw_only=True)
class VoteCounts:
    """Counts of documents that were labelled by votes; ``skipped`` documents have no entities and are not written.

    ``pairs`` have a vote, ``labels`` name a relation, ``no_relation`` are labels that name none. ``accuracy`` is the
    share of the labels that are right, where the truth is known. ``sources``: see ``source_statistics``.
    """

    documents: int = 0
    skipped: int = 0
    pairs: int = 0
    labels: int = 0
    no_relation: int = 0
    accuracy: float | None = None
    sources: Mapping[str, Any] = field(default_factory=dict)
    relations: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers for JSON."""
        numbers = {name: value for name, value in vars(self).items() if isinstance(value, int | float)}
        return numbers | {"sources": dict(self.sources), "labels_by_relation": dict(self.relations.most_common())}


@dataclass(frozen=True, kw_only=True)
class VoteLabelling:
    """Labels documents by the votes of ``sources`` that ``model``, called ``name``, combines.

    ``stated``: the documents' labels are complete and true, and become the truth of the new labels; otherwise they are
    replaced, and no truth is known.
    """

    sources: Mapping[str, Labeler]
    model: LabelModel
    name: str
    no_relation: str = "no_relation"
    stated: bool = False

    def write(self, documents: Iterable[Document], format: Format, path: Path) -> VoteCounts:
        """Writes the labelled documents to ``path``, and tables of votes and labels beside it.

        They are called ``<name>.votes.parquet`` and ``<name>.labels.parquet``.

        Columns of the votes: ``document`` (from 0) and its ``title``, ``head`` and ``tail`` (entities, from 0),
        ``relation`` (null: none), ``source``, ``confidence`` and ``provenance``. Columns of the labels: ``uid`` (of the
        label in a corpus of these documents), ``document``, ``title``, ``head``, ``tail``, ``relation``, ``confidence``
        (its probability by the label model), ``noise`` (1 - confidence, which the scorer ``file`` reads) and
        ``sources`` (those that voted for it).

        Raises:
            FormatError: a document is invalid, or none has entities; no file is written.
            PluginError: a labeler or the label model breaks its contract; no file is written.
        """
        counts = VoteCounts()
        table = Table(tuple(self.sources))
        votes_path, labels_path = (path.with_name(f"{path.stem}.{what}.parquet") for what in ("votes", "labels"))
        with tempfile.TemporaryDirectory() as directory, RowWriter(votes_path, _vote_columns()) as rows:
            gathered = self._gathered(documents, table, rows, counts)
            corpus = Corpus.from_documents(gathered, Path(directory) / "documents.arrow")
            votes = table.votes()
            combined = combine(votes, self.model, self.name)
            self._count(counts, table, votes, combined)
            with RowWriter(labels_path, _label_columns()) as label_rows:
                format.write(self._labelled(corpus, table, votes, combined, label_rows, counts), path)
        return counts

    def _gathered(
        self, documents: Iterable[Document], table: Table, rows: RowWriter, counts: VoteCounts
    ) -> Iterator[Document]:
        """Yields the documents that have entities, and keeps the votes on them."""
        number = 0
        for document, given_votes in gather(_with_entities(documents, counts), self.sources):
            votes = [[self._named(vote) for vote in given] for given in given_votes]
            true = {(x.head, x.tail, x.relation) for x in document.labels} if self.stated else None
            table.add(number, votes, true)
            for name, given in zip(self.sources, votes, strict=True):
                for vote in given:
                    place = (number, document.title, vote.head, vote.tail)
                    rows.add(*place, vote.relation, name, vote.confidence, vote.provenance)
            number += 1
            yield document
        if not number:
            what = f"expected entities in them, got none in {counts.skipped} documents"
            raise FormatError(f"documents to be labelled: {what}; find entities with --find")

    def _named(self, vote: Vote) -> Vote:
        """Returns a vote for the name of no relation as one for no relation."""
        return replace(vote, relation=None) if vote.relation == self.no_relation else vote

    def _count(self, counts: VoteCounts, table: Table, votes: Votes, combined: Combined) -> None:
        counts.pairs = votes.pairs
        counts.no_relation = int((combined.relation == len(votes.relations)).sum())
        counts.labels = len(combined.relation) - counts.no_relation
        right = np.array(table.right, dtype=np.bool_) if self.stated else None
        statistics = source_statistics(votes, right)
        for name, labeler in self.sources.items():
            statistics[name] |= labeler.numbers() if isinstance(labeler, PaidLabeler) else {}
        counts.sources = statistics

    def _labelled(
        self,
        corpus: Corpus,
        table: Table,
        votes: Votes,
        combined: Combined,
        rows: RowWriter,
        counts: VoteCounts,
    ) -> Iterator[Document]:
        """Yields the documents with their labels, and writes a row for each label."""
        uids, right = LabelUids(), 0
        given = _by_document(table, votes, combined, self.no_relation)
        for number, document in enumerate(corpus.documents()):
            claims = given.get(number, [])
            labels = tuple(self._label(document, *claim[:3]) for claim in claims)
            labelled = replace(document, labels=labels)
            for uid, claim in zip(uids.of(labelled), claims, strict=True):
                head, tail, relation, probability, sources = claim
                rows.add(uid, number, document.title, head, tail, relation, probability, 1 - probability, sources)
            named = [label for label in labels if label.relation != self.no_relation]
            counts.documents += 1
            counts.relations.update(label.relation for label in named)
            right += sum(label.truth == label.relation for label in named)
            yield labelled
        if self.stated and counts.labels:
            counts.accuracy = right / counts.labels

    def _label(self, document: Document, head: int, tail: int, relation: str) -> Label:
        truth = stated_relation(document, head, tail, relation, no_relation=self.no_relation) if self.stated else None
        return Label(head=head, tail=tail, relation=relation, truth=truth)


Claim = tuple[int, int, str, float, str]
"""A label: head, tail, relation, probability, and the sources that voted for it."""


def _by_document(table: Table, votes: Votes, combined: Combined, no_relation: str) -> dict[int, list[Claim]]:
    """Returns the labels of each document, sorted by head, tail and relation."""
    names = (*votes.relations, no_relation)
    sources: dict[tuple[int, int], list[str]] = {}
    for pair, relation, source in zip(votes.pair.tolist(), votes.relation.tolist(), votes.source.tolist(), strict=True):
        sources.setdefault((pair, relation), []).append(votes.sources[source])
    places = list(table.pairs)
    claims: dict[int, list[Claim]] = {}
    for pair, relation, probability in zip(
        combined.pair.tolist(), combined.relation.tolist(), combined.probability.tolist(), strict=True
    ):
        document, head, tail = places[pair]
        voters = ",".join(sources.get((pair, relation), ()))
        claims.setdefault(document, []).append((head, tail, names[relation], probability, voters))
    return {document: sorted(each) for document, each in claims.items()}


def _with_entities(documents: Iterable[Document], counts: VoteCounts) -> Iterator[Document]:
    for document in documents:
        counts.skipped += not document.entities
        if document.entities:
            yield document


def _vote_columns() -> dict[str, Any]:
    import pyarrow as pa

    pair = {"document": pa.int64(), "title": pa.string(), "head": pa.int32(), "tail": pa.int32()}
    return pair | {
        "relation": pa.string(),
        "source": pa.string(),
        "confidence": pa.float32(),
        "provenance": pa.string(),
    }


def _label_columns() -> dict[str, Any]:
    import pyarrow as pa

    pair = {"document": pa.int64(), "title": pa.string(), "head": pa.int32(), "tail": pa.int32()}
    numbers = {"confidence": pa.float32(), "noise": pa.float32()}
    return {"uid": pa.string()} | pair | {"relation": pa.string()} | numbers | {"sources": pa.string()}
