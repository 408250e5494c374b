"""All that is wrong with a file, not only the first of it."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from finecl.corpus.schema import to_row
from finecl.corpus.validation import document_faults
from finecl.data.formats import watched
from finecl.errors import FormatError
from finecl.progress import Listener
from finecl.types import Document, Format

Scanned = tuple[str, Document | FormatError]


@runtime_checkable
class Scans(Protocol):
    """A format that can go on after a fault: as ``read``, with a fault in the place of what cannot be read."""

    def scan(self, path: Path) -> Iterator[Scanned]:
        """Places, and the document or the fault that is found there."""
        ...


@dataclass
class ValidationReport:
    """Counts of a file and its errors, one line each, at most ``max_errors`` of them."""

    documents: int = 0
    sentences: int = 0
    entities: int = 0
    mentions: int = 0
    labels: int = 0
    relations: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    complete: bool = True

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def to_dict(self) -> dict[str, Any]:
        """The numbers and the faults, for JSON."""
        counts = ("documents", "sentences", "entities", "mentions", "labels")
        return {
            "clean": self.clean,
            **{name: getattr(self, name) for name in counts},
            "relations": len(self.relations),
            "faults": self.faults,
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
    """Reads the whole file, or up to ``max_errors`` faults; ``relations`` are the ones that labels may have.

    Faults are what ``check_document`` raises; text that is not Unicode; two documents that are the same, or have the
    same title; relations that are not known. Never raises for what the file holds.
    """
    report = ValidationReport()
    scanned = watched(_scan(path, format), listener or Listener(), "checking")
    for fault in _faults(path, scanned, report, relations):
        report.faults.append(" ".join(str(fault).encode("utf-8", "backslashreplace").decode().split()))
        if len(report.faults) == max_errors:
            report.complete = False
            break
    return report


def _faults(
    path: Path, scanned: Iterator[Scanned], report: ValidationReport, relations: Collection[str] | None
) -> Iterator[FormatError]:
    seen: dict[bytes, str] = {}
    known = sorted(relations or ())
    for where, found in scanned:
        if isinstance(found, FormatError):
            yield found
            continue
        report.documents += 1
        report.sentences += len(found.sentences)
        report.entities += len(found.entities)
        report.mentions += sum(len(entity.mentions) for entity in found.entities)
        report.labels += len(found.labels)
        report.relations.update(label.relation for label in found.labels)
        yield from document_faults(found, where)
        yield from _unicode(found, where)
        yield from _repeated(found, where, seen)
        if relations is not None:
            yield from _unknown(found, where, known)
    if not report.documents and not report.faults:
        yield FormatError(f"{path}: expected documents, got none; check file and format")


def _scan(path: Path, format: Format) -> Iterator[Scanned]:
    if isinstance(format, Scans):
        yield from format.scan(path)
        return
    number = 0
    try:
        for number, document in enumerate(format.read(path), start=1):
            yield f"{path}: document {number} ('{document.title}')", document
    except FormatError as error:
        yield str(path), error


def _unicode(document: Document, where: str) -> Iterator[FormatError]:
    """JSON can spell half a surrogate pair, files of other formats cannot hold it."""
    try:
        json.dumps(to_row(document, [""] * len(document.labels)), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        came = ascii(error.object[error.start])
        yield FormatError(f"{where}: expected Unicode text, got {came}; remove that character")


def _repeated(document: Document, where: str, seen: dict[bytes, str]) -> Iterator[FormatError]:
    """Predictions are told apart by the title, so it must be its document's own."""
    title = hashlib.blake2b(document.title.encode("utf-8", "replace"), digest_size=16).digest()
    content = hashlib.blake2b(repr(document).encode("utf-8", "replace"), digest_size=16).digest()
    place = where.rpartition(" ('")[0] or where
    if content in seen:
        yield FormatError(f"{where}: expected a document of its own, got that of {seen[content]} again; remove it")
    elif title in seen:
        yield FormatError(f"{where}, title: expected one of its own, got that of {seen[title]}; rename the document")
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
