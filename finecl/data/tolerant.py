"""Leaves out faulty documents, counts them and writes what was left out and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from finecl.artifacts.files import write_text
from finecl.corpus.validation import document_faults
from finecl.data.formats import notes_of
from finecl.data.validate import scanned
from finecl.errors import FormatError
from finecl.types import Document, Format


@dataclass(frozen=True)
class TolerantFormat(Format):
    """Reads the valid documents of another format, without their faulty labels.

    What is left out is written to ``report``, one JSON object a line: ``place`` and ``fault``. ``note`` receives the
    counts.
    """

    format: Format
    report: Path = field(repr=False)
    note: Callable[[str], None] = field(repr=False)

    def recognises(self, path: Path) -> bool:
        """Returns whether the other format recognises the file."""
        return self.format.recognises(path)

    def notes(self) -> tuple[str, ...]:
        """Returns what the other format says of its last reading."""
        return notes_of(self.format)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes in the other format."""
        self.format.write(documents, path)

    def read(self, path: Path) -> Iterator[Document]:
        """Yields the valid documents, without their faulty labels.

        Raises:
            FormatError: no document is valid.
        """
        skipped: list[dict[str, str]] = []
        valid = labels = documents = 0
        for place, result in scanned(path, self.format):
            faults = [result] if isinstance(result, FormatError) else list(document_faults(result, place))
            skipped += [{"place": place, "fault": str(fault)} for fault in faults]
            document = None if isinstance(result, FormatError) else _without_faulty_labels(result) if faults else result
            if document is not None:
                valid += 1
                labels += 0 if isinstance(result, FormatError) else len(result.labels) - len(document.labels)
                yield document
            else:
                documents += 1
        if not skipped:
            self.report.unlink(missing_ok=True)
            return
        if not valid:
            cure = f"--skip-faulty leaves out all {documents}"
            raise FormatError(f"{path}: expected a valid document, got none ({cure}); the first: {skipped[0]['fault']}")
        self.report.parent.mkdir(parents=True, exist_ok=True)
        write_text(self.report, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in skipped))
        told = f"left out {documents:,} faulty documents and {labels:,} faulty labels, kept {valid:,} documents"
        self.note(f"{path}: {told}; all faults: {self.report}")


def _without_faulty_labels(document: Document) -> Document | None:
    """Returns a document without repeated and self-relations, or labels of unknown entities; None if faults remain."""
    entities = range(len(document.entities))
    labels = {
        (label.head, label.tail, label.relation): label
        for label in reversed(document.labels)
        if label.head != label.tail and label.head in entities and label.tail in entities and label.relation.strip()
    }
    mended = replace(document, labels=tuple(reversed(labels.values())))
    return None if next(document_faults(mended, ""), None) else mended
