"""A corpus: documents in a memory-mapped Arrow file with DocRED's columns, and their labels as instances."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from finecl.artifacts.cache import open_arrow, read_cached, write_arrow, write_cached
from finecl.artifacts.files import read_json, write_text
from finecl.artifacts.provenance import digest, fingerprint
from finecl.corpus.entity_table import Entities
from finecl.corpus.relation_names import read_relation_names
from finecl.corpus.schema import DocumentRows, LabelColumns, OnEmpty, columns, from_row
from finecl.corpus.validation import check_document
from finecl.errors import FormatError, SettingsError
from finecl.types import Bools, Document, Format, Instances

__all__ = ["Corpus", "check_document", "rare_relations", "read_relation_names", "split_documents"]
_SCHEMA = 1  # increase when columns or uids change, so that cached files of another schema are not read


class Corpus:
    """Documents on disk, read by number; labels of the relation ``no_relation`` are not instances."""

    def __init__(self, dataset: Any, content: str, *, no_relation: str, names: Mapping[str, str] | None = None) -> None:
        self._dataset = dataset
        self._content = content
        self._names = dict(names or {})
        self.no_relation = no_relation

    @classmethod
    def from_documents(
        cls,
        documents: Iterable[Document],
        path: Path,
        *,
        source: str = "documents",
        no_relation: str = "no_relation",
        names: Mapping[str, str] | None = None,
        on_empty: OnEmpty = "error",
    ) -> Corpus:
        """Writes a corpus to the Arrow file ``path``, chunk by chunk, and opens it.

        ``source`` names the documents in messages; ``names`` are readable names of relations; ``on_empty`` decides
        whether a document without entities is an error or is skipped.

        Raises:
            FormatError: a document is invalid, or there are no documents.
        """
        rows = DocumentRows(documents, source, on_empty)
        note = _note(path)

        def write(temporary: Path) -> None:
            write_arrow(temporary, rows.chunks(), columns())
            note.unlink(missing_ok=True)  # so that new documents never get the old fingerprint

        write_cached(path, write)
        content = rows.content.hexdigest()
        write_text(note, json.dumps({"content": content}))
        return cls(open_arrow(path), content, no_relation=no_relation, names=names)

    @classmethod
    def read(
        cls,
        file: Path,
        format: Format,
        cache: Path,
        *,
        no_relation: str = "no_relation",
        names: Mapping[str, str] | None = None,
        on_empty: OnEmpty = "error",
    ) -> Corpus:
        """Reads a file as a corpus; it is converted once and cached by the file's content and its format.

        Raises:
            FormatError: the file cannot be read, or a document is invalid.
        """
        # A format is a frozen dataclass, so its repr lists its settings.
        format_key = f"{type(format).__module__}.{format!r}"
        path = cache / "corpus" / f"{fingerprint(digest(file), format_key, on_empty, _SCHEMA)}.arrow"
        content = _read_note(path)
        dataset = read_cached(path, open_arrow) if content else None
        if content and dataset is not None:
            return cls(dataset, content, no_relation=no_relation, names=names)
        return cls.from_documents(
            format.read(file), path, source=str(file), no_relation=no_relation, names=names, on_empty=on_empty
        )

    def __len__(self) -> int:
        return len(self._dataset)

    def document(self, index: int) -> Document:
        """Returns the document with this number."""
        return from_row(self._dataset[index])

    def documents(self) -> Iterator[Document]:
        """Iterates over all documents, in order."""
        return map(from_row, self._dataset)

    def select(self, indices: Iterable[int]) -> Corpus:
        """Returns a corpus of the documents with these numbers, in this order; nothing is copied."""
        selected = [int(index) for index in indices]
        content = fingerprint(self._content, selected)
        return Corpus(self._dataset.select(selected), content, no_relation=self.no_relation, names=self._names)

    @cached_property
    def fingerprint(self) -> str:
        """Returns a hash of the documents, their labels and the names of relations."""
        return fingerprint(self._content, self.no_relation, self._names)

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """Returns the relations of the labels, sorted, without ``no_relation``."""
        relations = set(self._labels.relation.unique().to_pylist())
        return tuple(sorted(relations - {self.no_relation}))

    @cached_property
    def names(self) -> Mapping[str, str]:
        """Returns readable names of the relations; the default is the relation itself."""
        return {relation: relation for relation in self.relations} | self._names

    def instances(self, relations: Sequence[str]) -> Instances:
        """Returns all labels as instances, with relations as indices into ``relations``.

        Raises:
            FormatError: a label's relation is not among ``relations``.
        """
        labels = self._labels
        relation = labels.relation_ids(relations, self.no_relation)
        labelled = relation >= 0
        document, head, tail = labels.document[labelled], labels.head[labelled], labels.tail[labelled]
        width = int(max(head.max(initial=0), tail.max(initial=0))) + 1
        _, pair = np.unique((document * width + head) * width + tail, return_inverse=True)
        return Instances(
            uid=labels.uid[labelled],
            document=document,
            head=head,
            tail=tail,
            relation=relation[labelled],
            pair=pair.astype(np.int64),
            relations=tuple(relations),
        )

    @cached_property
    def titles(self) -> list[str]:
        """Returns the documents' titles."""
        titles: list[str] = self._dataset.select_columns("title")["title"][:]
        return titles

    def true_relations(self, relations: Sequence[str]) -> list[str] | None:
        """Returns the true relation of each instance's pair ``[N]``; None if any is unknown."""
        labelled = np.flatnonzero(self._labels.relation_ids(relations, self.no_relation) >= 0)
        truth = self._labels.truth.to_pylist()
        true_relations = [truth[i] for i in labelled.tolist()]
        return None if None in true_relations else true_relations

    def truths(self, relations: Sequence[str]) -> Bools | None:
        """Returns whether each instance's label is true ``[N]``; None if any truth is unknown."""
        truth = self.true_relations(relations)
        if truth is None:
            return None
        label = np.array(relations, dtype=object)[self.instances(relations).relation]
        return np.asarray(np.array(truth, dtype=object) == label, dtype=np.bool_)

    @cached_property
    def entities(self) -> Entities:
        """Returns the entities of all documents as columns."""
        return Entities.of(self._dataset)

    @cached_property
    def _labels(self) -> LabelColumns:
        return LabelColumns.of(self._dataset)


def _note(path: Path) -> Path:
    """Returns the path of the file with the hash of an Arrow file's content."""
    return path.with_suffix(".json")


def _read_note(path: Path) -> str | None:
    """Returns the hash of an Arrow file's content; None while another process is writing it, or if it is damaged."""
    try:
        content = read_json(_note(path)).get("content")
    except FormatError:
        return None
    return content if isinstance(content, str) else None


def split_documents(corpus: Corpus, shares: Sequence[float], seed: int) -> list[Corpus]:
    """Splits a corpus by document into parts of these shares; deterministic for a seed.

    Raises:
        SettingsError: the shares are not positive or do not add up to 1, or a part would be empty.
    """
    if min(shares, default=0) <= 0 or not np.isclose(sum(shares), 1):
        raise SettingsError(f"gold_split: expected positive shares that add up to 1, got {list(shares)}")
    order = np.random.default_rng(seed).permutation(len(corpus))
    ends = np.round(np.cumsum(shares[:-1]) * len(corpus)).astype(np.int64)
    parts = [np.sort(part) for part in np.split(order, ends)]
    if not all(len(part) for part in parts):
        raise SettingsError(
            f"gold_split: expected a document for each share of {list(shares)}, got {len(corpus)} in all"
        )
    return [corpus.select(part) for part in parts]


def rare_relations(instances: Instances, below: int = 2) -> list[str]:
    """Returns relations that have instances, but fewer than ``below``: too few for a positive pair."""
    counts = np.bincount(instances.relation, minlength=len(instances.relations))
    return [name for name, count in zip(instances.relations, counts, strict=True) if 0 < count < below]
