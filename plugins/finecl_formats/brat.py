"""brat's standoff annotations (Stenetorp et al. 2012): a folder of ``NAME.txt`` with ``NAME.ann`` beside it.

Of an annotation file these lines are read; others, such as events and attributes, are passed over::

    T1<tab>Person 0 5<tab>Marie            a span: type, characters [start, end), text
    T2<tab>Person 0 5;9 14<tab>Marie Curie a span in pieces: from the first to the last character
    R1<tab>born_in Arg1:T1 Arg2:T3         a relation, its head first
    *<tab>Equiv T1 T2                      spans that name one entity
    N1<tab>Reference T1 Wikidata:Q7186<tab>Marie Curie   the entity's id

A line of the text is a sentence. Documents come in the order of the files' names, which are their titles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.annotated import Annotations, Marked, annotations_of
from finecl_formats.files import replacing_folder
from finecl_formats.folders import holds, read_text, text_files, titles
from finecl_formats.held import check_held, place_of, refusal
from finecl_formats.lines import read_text_lines
from finecl_formats.records import Records
from finecl_formats.values import Value, shown

_SPAN = re.compile(r"(T\S+)\t(\S+) (\d+(?: \d+;\d+)* \d+)\t(.*)")
_RELATION = re.compile(r"(R\S+)\t(\S+) Arg1:(\S+) Arg2:(\S+)\s*")
_REFERENCE = re.compile(r"(N\S+)\tReference (\S+) [^\s:]+:(\S+)(\t.*)?")
_KNOWN = {"T": "T1<tab>Type 0 5<tab>text", "R": "R1<tab>Type Arg1:T1 Arg2:T2", "*": "*<tab>Equiv T1 T2"}
_KNOWN["N"] = "N1<tab>Reference T1 Wikidata:Q1<tab>name"


@dataclass(frozen=True, kw_only=True)
class Brat(Records):
    """A folder of texts with spans, relations, equivalences and references; the type ``untyped`` stands for none."""

    untyped: str = "Entity"

    def recognises(self, path: Path) -> bool:
        """Whether it is a folder with annotation files."""
        return holds(path, ".ann")

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """The texts, by name."""
        for file in text_files(path, ".ann"):
            yield Value(file, str(file))

    def document(self, record: Value) -> Document:
        """A text and its annotations."""
        file: Path = record.content
        lines = [(place, line) for place, line in read_text_lines(file) if line]
        return self._document(file.stem, read_text(file.with_suffix(".txt")), lines, record.place)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes two files a document.

        Raises:
            FormatError: the folder is in use, or a document has what brat has no lines for.
        """
        placed = ((place_of(path, number, document), document) for number, document in enumerate(documents, start=1))
        with replacing_folder(path) as folder:
            for place, document in titles(placed, "brat"):
                _refuse_spaces(document, place)
                text, lines = self._to_lines(document)
                placed_lines = [(place, line) for line in lines]
                check_held(document, partial(self._document, document.title, text, placed_lines, place), place, "brat")
                (folder / f"{document.title}.txt").write_bytes(text.encode())
                (folder / f"{document.title}.ann").write_bytes("".join(f"{line}\n" for line in lines).encode())

    def _document(self, title: str, text: str, lines: Iterable[tuple[str, str]], place: str) -> Document:
        marked: dict[str, Marked] = {}
        same: list[tuple[str, str]] = []
        relations: list[tuple[str, str, str]] = []
        for at, line in lines:
            if line[0] == "T":
                self._mark(line, text, marked, at)
            elif line[0] == "R":
                _, relation, head, tail = _parsed(_RELATION, line, at)
                relations.append((head, tail, relation))
            elif line[0] == "N":
                _, name, identity, _ = _parsed(_REFERENCE, line, at)
                if name not in marked:
                    raise FormatError(
                        f"{at}: expected a reference of a span above, got '{shown(name)}'; correct the line"
                    )
                marked[name] = replace(marked[name], id=identity)
            elif line.startswith("*\tEquiv "):
                first, *others = line.split()[2:] or [""]
                same.extend((first, other) for other in others)
        return Annotations(text=text, marked=marked, same=same, relations=relations).document(title, place)

    def _mark(self, line: str, text: str, marked: dict[str, Marked], place: str) -> None:
        name, kind, span, covered = _parsed(_SPAN, line, place)
        if name in marked:
            raise FormatError(f"{place}: expected a name of its own, got '{name}' again; rename the span")
        numbers = span.replace(";", " ").split()
        if any(len(number) > 9 for number in numbers):
            raise FormatError(f"{place}: expected characters of the text, got '{shown(span)}'; correct the line")
        start, end = int(numbers[0]), int(numbers[-1])
        in_text = text[start:end].replace("\r", " ").replace("\n", " ")
        if len(numbers) == 2 and start < end <= len(text) and covered.strip() != in_text.strip():
            came = f"'{shown(covered)}'; was the text changed?"
            raise FormatError(f"{place}: expected '{shown(in_text)}', the characters [{start}, {end}), got {came}")
        marked[name] = Marked(start=start, end=end, type=None if kind == self.untyped else kind)

    def _to_lines(self, document: Document) -> tuple[str, list[str]]:
        annotations, names = annotations_of(document)
        text = annotations.text
        lines = [
            f"T{name}\t{self.untyped if m.type is None else m.type} {m.start} {m.end}\t{text[m.start : m.end]}"
            for name, m in annotations.marked.items()
        ]
        lines += [f"*\tEquiv {' '.join(f'T{name}' for name in group)}" for group in names if len(group) > 1]
        known = [(e, group) for e, group in zip(document.entities, names, strict=True) if e.id is not None]
        lines += [
            f"N{number}\tReference T{group[0]} Wikidata:{entity.id}\t{entity.mentions[0].name}"
            for number, (entity, group) in enumerate(known, start=1)
        ]
        lines += [
            f"R{number}\t{relation} Arg1:T{head} Arg2:T{tail}"
            for number, (head, tail, relation) in enumerate(annotations.relations, start=1)
        ]
        return text, lines


def _refuse_spaces(document: Document, place: str) -> None:
    kinds = [mention.type for entity in document.entities for mention in entity.mentions]
    ids = [entity.id for entity in document.entities]
    for name in (*kinds, *ids, *(label.relation for label in document.labels)):
        if name is not None and name.split() != [name]:
            raise refusal(place, "brat", f"'{shown(name)}' as a type, relation or id: these have no white space")


def _parsed(pattern: re.Pattern[str], line: str, place: str) -> tuple[str, ...]:
    found = pattern.fullmatch(line)
    if not found:
        raise FormatError(f"{place}: expected {_KNOWN[line[0]]}, got '{shown(line)}'; correct the line")
    return found.groups()
