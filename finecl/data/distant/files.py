"""Writes distantly labelled documents, and the fact behind each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finecl.artifacts.files import read_json, write_json
from finecl.corpus.schema import LabelUids
from finecl.data.distant.gazetteer import Gazetteer
from finecl.data.distant.labelling import GraphFact, Labelling
from finecl.data.rows import RowWriter
from finecl.errors import FormatError
from finecl.types import Document, Format

_COLUMNS = ("uid", "document", "title", "head", "tail", "relation", "head_id", "tail_id", "matcher")


@dataclass
class LabellingCounts:
    """Counts of labelled documents; ``skipped`` documents have no entities and are not written.

    ``names_not_found``: names of the graph that no text holds, where names were searched for.
    """

    documents: int = 0
    skipped: int = 0
    entities: int = 0
    labels: int = 0
    candidates: int = 0
    names: int | None = None
    names_not_found: int | None = None
    matchers: Counter[str] = field(default_factory=Counter)
    relations: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers for JSON."""
        counts = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        return counts | {
            "labels_by_matcher": dict(self.matchers.most_common()),
            "labels_by_relation": dict(self.relations.most_common()),
        }


def label(
    documents: Iterable[Document],
    labelling: Labelling,
    format: Format,
    path: Path,
    *,
    facts: Path | None = None,
    found_by: Gazetteer | str | None = None,
) -> LabellingCounts:
    """Writes documents with silver labels to ``path``, and one row per label to the Parquet file ``facts``.

    Columns: ``uid`` (of the label in a corpus of these documents), ``document`` (from 0) and its ``title``, ``head``
    and ``tail`` (entities, from 0), ``relation``, ``head_id``, ``tail_id`` and ``matcher`` (null for a no-relation
    candidate). ``found_by`` is what recognised the entities, if not the file's own are used.

    Raises:
        FormatError: a document is invalid or cannot be labelled or written; no file is written.
    """
    counts = LabellingCounts()
    with RowWriter(facts, _columns()) as rows:
        format.write(_labelled(documents, labelling, counts, rows, found_by), path)
    if isinstance(found_by, Gazetteer):
        counts.names, counts.names_not_found = found_by.names, found_by.not_found
    return counts


def _labelled(
    documents: Iterable[Document],
    labelling: Labelling,
    counts: LabellingCounts,
    rows: RowWriter,
    found_by: Gazetteer | str | None,
) -> Iterator[Document]:
    uids = LabelUids()
    for document, facts in labelling.label(documents):
        if not document.entities:
            counts.skipped += 1
            continue
        if rows.enabled:
            _add_facts(rows, document, facts, uids.of(document), counts.documents)
        counts.documents += 1
        counts.entities += len(document.entities)
        counts.candidates += facts.count(None)
        counts.labels += len(facts) - facts.count(None)
        counts.matchers.update(fact.matcher for fact in facts if fact)
        counts.relations.update(x.relation for x, fact in zip(document.labels, facts, strict=True) if fact)
        yield document
    if not counts.documents:
        raise _nothing_found(counts.skipped, found_by)


def _nothing_found(documents: int, found_by: Gazetteer | str | None) -> FormatError:
    what = f"documents to be labelled: expected entities in them, got none in {documents} documents"
    if isinstance(found_by, Gazetteer):
        cure = (
            f"none of the graph's {found_by.names} names stands in the texts: check language and case (--ignore-case)"
        )
    elif found_by:
        cure = f"the recogniser '{found_by}' finds none: check its language, or choose another"
    else:
        cure = "provide documents with entities, or find entities with --find"
    return FormatError(f"{what}; {cure}")


def _columns() -> Mapping[str, Any]:
    import pyarrow as pa

    numbers = {"document": pa.int64(), "head": pa.int32(), "tail": pa.int32()}
    return {name: numbers.get(name, pa.string()) for name in _COLUMNS}


def _add_facts(
    rows: RowWriter, document: Document, facts: list[GraphFact | None], uids: list[str], number: int
) -> None:
    """Adds one row per label."""
    for uid, label, fact in zip(uids, document.labels, facts, strict=True):
        why = (fact.head_id, fact.tail_id, fact.matcher) if fact else (None, None, None)
        rows.add(uid, number, document.title, label.head, label.tail, label.relation, *why)


def add_names(path: Path, names: Mapping[str, str]) -> None:
    """Adds readable names of relations to a ``rel_info.json``, which training reads next to its documents.

    Raises:
        FormatError: the file exists and is not a JSON object.
    """
    write_json(path, {**read_json(path), **names})
