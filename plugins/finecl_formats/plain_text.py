"""Plain text: a folder of ``NAME.txt``, or one such file; documents without entities, for distant labelling.

Words and sentences are cut by Unicode's rules (``finecl.text.words``): a sentence ends at the end of a line, after the
marks that end sentences, and after ``.``, ``!`` or ``?`` and white space if no lower-case letter follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from finecl.errors import FormatError
from finecl.text.words import joined_text, split_words
from finecl.types import Document
from finecl_formats.files import replacing_folder
from finecl_formats.folders import checked_titles, has_file, read_text, text_files
from finecl_formats.json_values import Value
from finecl_formats.lossless import check_lossless, document_place, refusal
from finecl_formats.records import Records


@dataclass(frozen=True, kw_only=True)
class PlainText(Records):
    """A folder of texts, or one text, without entities."""

    def recognises(self, path: Path) -> bool:
        """Returns whether the path is a folder with texts and no annotations; a single file needs the format's name."""
        return has_file(path, ".txt") and not has_file(path, ".ann")

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the files, sorted by name."""
        for file in text_files(path, ".txt") if path.is_dir() else [path]:
            yield Value(file, str(file))

    def document(self, record: Value) -> Document:
        """Splits a file into sentences and words."""
        return _document(record.content.stem, read_text(record.content))

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes one file per document.

        Raises:
            FormatError: the folder is not empty, or a document has entities or would be split into other words.
        """
        placed = ((document_place(path, n, document), document) for n, document in enumerate(documents, start=1))
        with replacing_folder(path) as folder:
            for place, document in checked_titles(placed, "plain text"):
                if document.entities:
                    raise refusal(place, "plain text", "entities")
                text = "\n".join(joined_text(sentence) for sentence in document.sentences)
                check_lossless(document, partial(_document, document.title, text), place, "plain text")
                (folder / f"{document.title}.txt").write_bytes(text.encode())


def _document(title: str, text: str) -> Document:
    return Document(title=title, sentences=split_words(text).sentences, entities=())
