"""Plain text: a folder of ``NAME.txt``, or one such file; documents without entities, to be labelled.

Words are runs of letters and digits (with the points, hyphens and apostrophes inside them) and single other
characters. A sentence ends at a line's end, and after ``.``, ``!`` or ``?`` where white space and no small letter
follows.
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
from finecl_formats.folders import holds, read_text, text_files, titles
from finecl_formats.held import check_held, place_of, refusal
from finecl_formats.records import Records
from finecl_formats.values import Value

_WORD = re.compile(r"\w+(?:[-'’.]\w+)*|[^\w\s]")
_ENDS = (".", "!", "?", "。", "！", "？")
_TITLES = frozenset({"Dr", "Mr", "Mrs", "Ms", "Prof", "St", "Sr", "Jr", "No", "vs"})


@dataclass(frozen=True, kw_only=True)
class PlainText(Records):
    """A folder of texts, or one text, without entities."""

    def recognises(self, path: Path) -> bool:
        """Whether it is a folder with texts and without annotations; a single file must be named ``text``."""
        return holds(path, ".txt") and not holds(path, ".ann")

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """The files, by name."""
        for file in text_files(path, ".txt") if path.is_dir() else [path]:
            yield Value(file, str(file))

    def document(self, record: Value) -> Document:
        """The words of a file."""
        return _document(record.content.stem, read_text(record.content))

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes one file a document.

        Raises:
            FormatError: the folder is in use, or a document has entities or words of another kind.
        """
        placed = ((place_of(path, number, document), document) for number, document in enumerate(documents, start=1))
        with replacing_folder(path) as folder:
            for place, document in titles(placed, "plain text"):
                if document.entities:
                    raise refusal(place, "plain text", "entities")
                text = "\n".join(" ".join(sentence) for sentence in document.sentences)
                check_held(document, partial(_document, document.title, text), place, "plain text")
                (folder / f"{document.title}.txt").write_bytes(text.encode())


def _document(title: str, text: str) -> Document:
    sentences = tuple(tuple(sentence) for line in text.splitlines() for sentence in _sentences(line))
    return Document(title=title, sentences=sentences, entities=())


def _sentences(line: str) -> Iterator[list[str]]:
    words: list[str] = []
    found = list(_WORD.finditer(line))
    for number, match in enumerate(found):
        words.append(match[0])
        if number + 1 < len(found) and match[0] in _ENDS and _ends_here(line, words, match.end()):
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
