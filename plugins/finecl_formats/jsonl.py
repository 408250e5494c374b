"""finecl's own columns, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.files import beginning, opened, replacing
from finecl_formats.rows import LabelKeys, read_document, to_row
from finecl_formats.values import Value


@dataclass(frozen=True, kw_only=True)
class JSONLines:
    """One document a line: title, sents, vertexSet, and if known labels (head, tail, relation) and entity_ids."""

    def recognises(self, path: Path) -> bool:
        """Whether the file begins with an object that has sentences."""
        start = beginning(path)
        return start.startswith(b"{") and b'"sents"' in start

    def read(self, path: Path) -> Iterator[Document]:
        """The documents, line by line; empty lines are passed over.

        Raises:
            FormatError: a line is not JSON, or a field is missing or of the wrong type.
        """
        with opened(path) as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    yield read_document(_parse(line, f"{path}: line {number}"), LabelKeys())

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes every field of every document.

        Raises:
            FormatError: the file cannot be written.
        """
        with replacing(path) as unfinished, unfinished.open("wb") as stream:
            for document in documents:
                stream.write(json.dumps(to_row(document), ensure_ascii=False).encode() + b"\n")


def _parse(line: bytes, place: str) -> Value:
    try:
        return Value(json.loads(line.decode("utf-8-sig")), place)
    except UnicodeDecodeError as error:
        came = f"byte {line[error.start]:#04x}"
        message = f"{place}, column {error.start + 1}: expected UTF-8, got {came}; save the file as UTF-8"
    except json.JSONDecodeError as error:
        message = f"{place}, column {error.pos + 1}: expected a JSON object, got '{error.msg}'; is the file truncated?"
    except RecursionError:
        message = f"{place}: expected a document, got brackets nested too deeply; correct the line"
    raise FormatError(message)
