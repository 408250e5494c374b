"""Validates a file and reports all its faults, not only the first."""

from __future__ import annotations

import difflib
import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from finecl.corpus.validation import document_faults
from finecl.data.formats import notes_of, watched
from finecl.errors import FormatError
from finecl.progress import Listener
from finecl.types import Document, Format

Scanned = tuple[str, Document | FormatError]


@runtime_checkable
class Scans(Protocol):
    """A format that can continue after a fault: ``scan`` is like ``read``, but yields faults instead of raising."""

    def scan(self, path: Path) -> Iterator[Scanned]:
        """Yields places, with the document or the fault at each."""
        ...


@dataclass
class ValidationReport:
    """Counts of a file and its faults, one line per fault; ``complete`` is False if the maximum was reached.

    ``notes`` is what the format says of its reading, such as labels that it merged.
    """

    documents: int = 0
    sentences: int = 0
    entities: int = 0
    mentions: int = 0
    labels: int = 0
    relations: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    complete: bool = True

    @property
    def clean(self) -> bool:
        """Returns whether there are no faults."""
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers and the faults for JSON."""
        counts = ("documents", "sentences", "entities", "mentions", "labels")
        return {
            "clean": self.clean,
            **{name: getattr(self, name) for name in counts},
            "relations": len(self.relations),
            "faults": self.faults,
            "notes": self.notes,
            "complete": self.complete,
        }


def validate(
    path: Path,
    format: Format,
    *,
    max_errors: int = 20,
    relations: Collection[str] | None = None,
    listener: Listener | None = None,
) -> ValidationReport:
    """Validates a file, up to ``max_errors`` faults; ``relations`` are the allowed relations of labels.

    Faults are invalid documents (see ``check_document``), text that is not Unicode, repeated documents or titles, and
    unknown relations. Does not raise errors for the content of the file.
    """
    report = ValidationReport()
    items = watched(scanned(path, format), listener or Listener(), "checking")
    for fault in _faults(path, items, report, relations):
        report.faults.append(" ".join(str(fault).encode("utf-8", "backslashreplace").decode().split()))
        if len(report.faults) == max_errors:
            report.complete = False
            break
    report.notes = list(notes_of(format))
    return report


def _faults(
    path: Path, items: Iterator[Scanned], report: ValidationReport, relations: Collection[str] | None
) -> Iterator[FormatError]:
    seen: dict[bytes, str] = {}
    known = sorted(relations or ())
    for where, document in items:
        if isinstance(document, FormatError):
            yield document
            continue
        report.documents += 1
        report.sentences += len(document.sentences)
        report.entities += len(document.entities)
        report.mentions += sum(len(entity.mentions) for entity in document.entities)
        report.labels += len(document.labels)
        report.relations.update(label.relation for label in document.labels)
        yield from document_faults(document, where)
        yield from _repeated(document, where, seen)
        if relations is not None:
            yield from _unknown(document, where, known)
    if not report.documents and not report.faults:
        yield FormatError(f"{path}: expected documents, got none; check file and format")


def scanned(path: Path, format: Format) -> Iterator[Scanned]:
    """Yields the place of each document with the document or its fault; goes on after a fault if the format can."""
    if isinstance(format, Scans):
        yield from format.scan(path)
        return
    number = 0
    try:
        for number, document in enumerate(format.read(path), start=1):
            yield f"{path}: document {number} ('{document.title}')", document
    except FormatError as error:
        yield str(path), error


def _repeated(document: Document, where: str, seen: dict[bytes, str]) -> Iterator[FormatError]:
    """Yields faults for repeated documents and titles; titles must be unique, because predictions refer to them."""
    title = hashlib.blake2b(document.title.encode("utf-8", "replace"), digest_size=16).digest()
    content = hashlib.blake2b(repr(document).encode("utf-8", "replace"), digest_size=16).digest()
    place = where.rpartition(" ('")[0] or where
    if content in seen:
        yield FormatError(f"{where}: expected a new document, got that of {seen[content]} again; remove it")
    elif title in seen:
        yield FormatError(f"{where}, title: expected a unique title, got that of {seen[title]}; rename the document")
    seen.setdefault(content, place.rpartition(": ")[2])
    seen.setdefault(title, place.rpartition(": ")[2])


def _unknown(document: Document, where: str, known: Sequence[str]) -> Iterator[FormatError]:
    for number, label in enumerate(document.labels):
        if label.relation not in known:
            near = difflib.get_close_matches(label.relation, known, n=1, cutoff=0.0)
            hint = f"the nearest is '{near[0]}'" if near else "no relation is known"
            yield FormatError(
                f"{where}, label {number}, relation: expected one of {len(known)} known relations, got "
                f"'{label.relation}'; {hint}"
            )
