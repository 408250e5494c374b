"""SemEval-2010 Task 8's official text (Hendrickx et al. 2010).

Each sentence is a block of lines::

    8001<tab>"The most common <e1>audits</e1> were about <e2>waste</e2> and recycling."
    Message-Topic(e1,e2)
    Comment: Assuming an audit = an audit document.

The markers become the entities, e1 the head and e2 the tail; the direction remains part of the relation's name, as in
the official scorer. White space and markers separate words. Comments are ignored; a test file without relations yields
documents without labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from finecl.errors import FormatError
from finecl.types import Document, Entity
from finecl_formats.characters import document_to_text, text_to_words
from finecl_formats.files import first_bytes, replacing_lines
from finecl_formats.json_values import Value, shortened
from finecl_formats.lossless import check_lossless, document_place, refusal
from finecl_formats.records import Records
from finecl_formats.sentences import check_sentence, sentence_document
from finecl_formats.text_lines import read_text_lines

_MARKER = re.compile(r"</?e[12]>")
_MARKERS = ("<e1>", "</e1>", "<e2>", "</e2>")
_NUMBERED = re.compile(r'(\d+)\t"?(.*?)"?\s*')
_RELATION = re.compile(r"[^\s()]+(\(e[12],e[12]\))?")


@dataclass(frozen=True, kw_only=True)
class SemEval(Records):
    """Blocks of a numbered sentence with <e1> and <e2>, its directed relation, and a comment."""

    unique: ClassVar[bool] = True
    one_label: ClassVar[bool] = True

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with a numbered sentence that has markers."""
        line = first_bytes(path).partition(b"\n")[0]
        return bool(re.match(rb"\d+\t", line)) and b"<e1>" in line and b"<e2>" in line

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the blocks."""
        block: dict[str, str] = {}
        first_line = ""
        for place, line in read_text_lines(path):
            numbered = _NUMBERED.fullmatch(line)
            if numbered and block:
                yield Value(block, first_line)
            if numbered:
                block, first_line = {"id": numbered[1], "text": numbered[2]}, place
            elif not line.strip() or line.startswith("Comment"):
                continue
            elif not block or "relation" in block:
                actual = shortened(line)
                yield FormatError(f"{place}: expected a numbered sentence, got '{actual}'; correct the line")
            else:
                block["relation"] = line.strip()
        if block:
            yield Value(block, first_line)

    def document(self, record: Value) -> Document:
        """Converts a block to a document of one sentence."""
        text, spans = _unmarked(record.field("text"))
        words = text_to_words(text, spans, f"{record.place}, e1 and e2")
        head, tail = (Entity(mentions=(words.mention(number),)) for number in (0, 1))
        relation = record.optional("relation")
        if relation and not _RELATION.fullmatch(relation.text()):
            raise relation.error("a relation like Cause-Effect(e1,e2) or Other")
        name = relation.text() if relation else ""
        document = sentence_document(record.field("id").text(), words.sentences, head, tail, name)
        return document if relation else replace(document, labels=())

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the sentences.

        Raises:
            FormatError: a document is not one sentence with one label, its title is not a number, or it has data that
                the format cannot store.
        """
        with replacing_lines(path) as add:
            for number, document in enumerate(documents, start=1):
                place = document_place(path, number, document)
                check_sentence(document, place, "SemEval")
                if not re.fullmatch(r"\d+", document.title):
                    raise refusal(place, "SemEval", f"the title '{shortened(document.title)}', which is not a number")
                text, relation = _marked(document, place), document.labels[0].relation
                row = {"id": document.title, "text": text, "relation": relation}
                check_lossless(document, partial(self.document, Value(row, place)), place, "SemEval")
                add(f'{document.title}\t"{text}"\n{relation}\nComment:\n'.encode())


def _unmarked(value: Value) -> tuple[str, list[tuple[int, int]]]:
    """Returns the text without markers, and the character spans of e1 and e2."""
    marked, text, at = value.text(), "", 0
    positions: dict[str, int] = {}
    for match in _MARKER.finditer(marked):
        text += marked[at : match.start()]
        if match[0] in positions:
            raise value.error(f"{match[0]} once")
        positions[match[0]], at = len(text), match.end()
    for marker in _MARKERS:
        if marker not in positions:
            raise value.error(f"the marker {marker}")
    spans = [(positions["<e1>"], positions["</e1>"]), (positions["<e2>"], positions["</e2>"])]
    return text + marked[at:], spans


def _marked(document: Document, place: str) -> str:
    text, spans = document_to_text(document)
    (e1, *_), (e2, *_) = spans
    if max(e1[0], e2[0]) < min(e1[1], e2[1]):
        raise refusal(place, "SemEval", "entities that overlap")
    for number, (start, end) in sorted(((1, e1), (2, e2)), key=lambda item: item[1], reverse=True):
        text = f"{text[:start]}<e{number}>{text[start:end]}</e{number}>{text[end:]}"
    return text
