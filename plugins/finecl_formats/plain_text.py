"""Plain text: a folder of ``NAME.txt``, or one such file; documents without entities, for distant labelling.

A word is a run of letters and digits (with points, hyphens and apostrophes inside it) or one other character. A
sentence ends at the end of a line, and after ``.``, ``!`` or ``?`` and white space if no lower-case letter follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.files import replacing_folder
from finecl_formats.folders import checked_titles, has_file, read_text, text_files
from finecl_formats.json_values import Value
from finecl_formats.lossless import check_lossless, document_place, refusal
from finecl_formats.records import Records

_WORD = re.compile(r"\w+(?:[-'’.]\w+)*|[^\w\s]")
_ENDS = (".", "!", "?", "。", "！", "？")
_TITLES = frozenset({"Dr", "Mr", "Mrs", "Ms", "Prof", "St", "Sr", "Jr", "No", "vs"})


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
                text = "\n".join(" ".join(sentence) for sentence in document.sentences)
                check_lossless(document, partial(_document, document.title, text), place, "plain text")
                (folder / f"{document.title}.txt").write_bytes(text.encode())


def _document(title: str, text: str) -> Document:
    sentences = tuple(tuple(sentence) for line in text.splitlines() for sentence in _sentences(line))
    return Document(title=title, sentences=sentences, entities=())


def _sentences(line: str) -> Iterator[list[str]]:
    words: list[str] = []
    matches = list(_WORD.finditer(line))
    for number, match in enumerate(matches):
        words.append(match[0])
        if number + 1 < len(matches) and match[0] in _ENDS and _ends_here(line, words, match.end()):
            yield words
            words = []
    if words:
        yield words


def _ends_here(line: str, words: list[str], at: int) -> bool:
    rest = line[at:]
    follows = rest.lstrip()
    spaced = rest != follows or words[-1] in _ENDS[3:]
    before = words[-2] if len(words) > 1 else ""
    short = (len(before) == 1 and before.isupper()) or "." in before or before in _TITLES  # M. | U.S. | Dr.
    return spaced and not follows[:1].islower() and not (words[-1] == "." and short)
