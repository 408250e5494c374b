"""SemEval-2010 Task 8's official text (Hendrickx et al. 2010).

Every sentence is a block of lines::

    8001<tab>"The most common <e1>audits</e1> were about <e2>waste</e2> and recycling."
    Message-Topic(e1,e2)
    Comment: Assuming an audit = an audit document.

The markers become the entities, e1 the head and e2 the tail; the direction stays part of the relation's name, which
is what the official scorer compares. Words are what white space and markers separate. Comments are passed over; a
test file without relations gives documents without labels.
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
from finecl_formats.characters import to_characters, to_words
from finecl_formats.files import beginning, replacing_lines
from finecl_formats.held import check_held, place_of, refusal
from finecl_formats.lines import read_text_lines
from finecl_formats.records import Records
from finecl_formats.sentences import check_sentence, sentence_document
from finecl_formats.values import Value, shown

_MARKER = re.compile(r"</?e[12]>")
_MARKERS = ("<e1>", "</e1>", "<e2>", "</e2>")
_NUMBERED = re.compile(r'(\d+)\t"?(.*?)"?\s*')
_RELATION = re.compile(r"[^\s()]+(\(e[12],e[12]\))?")


@dataclass(frozen=True, kw_only=True)
class SemEval(Records):
    """Blocks of a numbered sentence with <e1> and <e2>, its directed relation, and a comment."""

    unique: ClassVar[bool] = True

    def recognises(self, path: Path) -> bool:
        """Whether the file begins with a numbered sentence that has markers."""
        line = beginning(path).partition(b"\n")[0]
        return bool(re.match(rb"\d+\t", line)) and b"<e1>" in line and b"<e2>" in line

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """The blocks."""
        block: dict[str, str] = {}
        begun = ""
        for place, line in read_text_lines(path):
            numbered = _NUMBERED.fullmatch(line)
            if numbered and block:
                yield Value(block, begun)
            if numbered:
                block, begun = {"id": numbered[1], "text": numbered[2]}, place
            elif not line.strip() or line.startswith("Comment"):
                continue
            elif not block or "relation" in block:
                came = shown(line)
                yield FormatError(f"{place}: expected a numbered sentence, got '{came}'; correct the line")
            else:
                block["relation"] = line.strip()
        if block:
            yield Value(block, begun)

    def document(self, record: Value) -> Document:
        """The sentence of a block."""
        text, spans = _unmarked(record.field("text"))
        words = to_words(text, spans, f"{record.place}, e1 and e2")
        head, tail = (Entity(mentions=(words.mention(number),)) for number in (0, 1))
        relation = record.optional("relation")
        if relation and not _RELATION.fullmatch(relation.text()):
            raise relation.fault("a relation like Cause-Effect(e1,e2) or Other")
        name = relation.text() if relation else ""
        made = sentence_document(record.field("id").text(), words.sentences, head, tail, name)
        return made if relation else replace(made, labels=())

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes the sentences.

        Raises:
            FormatError: a document is no sentence with one label, its title is no number, or it has what the format
                has no place for.
        """
        with replacing_lines(path) as add:
            for number, document in enumerate(documents, start=1):
                place = place_of(path, number, document)
                check_sentence(document, place, "SemEval")
                if not re.fullmatch(r"\d+", document.title):
                    raise refusal(place, "SemEval", f"the title '{shown(document.title)}', which is no number")
                text, relation = _marked(document, place), document.labels[0].relation
                row = {"id": document.title, "text": text, "relation": relation}
                check_held(document, partial(self.document, Value(row, place)), place, "SemEval")
                add(f'{document.title}\t"{text}"\n{relation}\nComment:\n'.encode())


def _unmarked(value: Value) -> tuple[str, list[tuple[int, int]]]:
    """The text without markers, and the character spans of e1 and e2."""
    marked, text, at = value.text(), "", 0
    found: dict[str, int] = {}
    for match in _MARKER.finditer(marked):
        text += marked[at : match.start()]
        if match[0] in found:
            raise value.fault(f"{match[0]} once")
        found[match[0]], at = len(text), match.end()
    for marker in _MARKERS:
        if marker not in found:
            raise value.fault(f"the marker {marker}")
    return text + marked[at:], [(found["<e1>"], found["</e1>"]), (found["<e2>"], found["</e2>"])]


def _marked(document: Document, place: str) -> str:
    text, spans = to_characters(document)
    (e1, *_), (e2, *_) = spans
    if max(e1[0], e2[0]) < min(e1[1], e2[1]):
        raise refusal(place, "SemEval", "entities that overlap")
    for number, (start, end) in sorted(((1, e1), (2, e2)), key=lambda item: item[1], reverse=True):
        text = f"{text[:start]}<e{number}>{text[start:end]}</e{number}>{text[end:]}"
    return text
