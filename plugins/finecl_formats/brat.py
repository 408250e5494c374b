"""brat's standoff annotations (Stenetorp et al. 2012): a folder of pairs ``NAME.txt`` and ``NAME.ann``.

These lines of an annotation file are read; others, such as attributes and the arguments of events, are ignored::

    T1<tab>Person 0 5<tab>Marie            a span: type, characters [start, end), text
    T2<tab>Person 0 5;9 14<tab>Marie Curie a span in pieces: read from the first to the last character
    R1<tab>born_in Arg1:T1 Arg2:T3         a relation, its head first; other names of the roles may stand
    E1<tab>Birth:T4 Person:T1              an event: relations to E1 are relations to its trigger, T4
    *<tab>Equiv T1 T2                      spans of one entity
    N1<tab>Reference T1 Wikidata:Q7186<tab>Marie Curie   the entity's id

The roles of a relation are in the order of ``annotation.conf``, if it is in the folder or the one above, else as
written. Without ``.ann`` files, ``NAME.a1`` and ``NAME.a2`` are read together. Each line of the text is a sentence.
Documents are sorted by file name; the file's name is the title.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.annotated import Annotations, MarkedSpan, to_annotations
from finecl_formats.files import replacing_folder
from finecl_formats.folders import checked_titles, has_file, read_text, text_files
from finecl_formats.json_values import Value, shortened
from finecl_formats.lossless import check_lossless, document_place, refusal
from finecl_formats.offsets import Convention, Ends, Offsets
from finecl_formats.records import Records
from finecl_formats.text_lines import read_text_lines

_SPAN = re.compile(r"(T\S+)\t(\S+) (\d+(?: \d+;\d+)* \d+)\t(.*)")
_RELATION = re.compile(r"(R\S+)\t(\S+) ([^\s:]+):(\S+) ([^\s:]+):(\S+)\s*")
_EVENT = re.compile(r"(E\S+)\t[^\s:]+:(\S+)(?: .*)?")
_DECLARED = re.compile(r"([^\s#\[]\S*)\s+([^\s:]+):[^,]+,\s*([^\s:]+):.+")
_REFERENCE = re.compile(r"(N\S+)\tReference (\S+) [^\s:]+:(\S+)(\t.*)?")
_SYNTAX = {"T": "T1<tab>Type 0 5<tab>text", "R": "R1<tab>Type Arg1:T1 Arg2:T2", "*": "*<tab>Equiv T1 T2"}
_SYNTAX["E"] = "E1<tab>Type:T1 Role:T2"
_SYNTAX["N"] = "N1<tab>Reference T1 Wikidata:Q1<tab>name"


@dataclass(frozen=True, kw_only=True)
class Brat(Records):
    """A folder of texts with spans, relations, equivalences and references. ``untyped``: the type that means none.

    ``offsets`` and ``ends``: see ``finecl_formats.offsets``.
    """

    untyped: str = "Entity"
    offsets: Offsets = "auto"
    ends: Ends = "auto"

    def recognises(self, path: Path) -> bool:
        """Returns whether the path is a folder with annotation files."""
        return has_file(path, ".ann") or has_file(path, ".a1")

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the annotation files, sorted by name."""
        for file in text_files(path, ".a1" if has_file(path, ".a1") and not has_file(path, ".ann") else ".ann"):
            yield Value(file, str(file))

    def document(self, record: Value) -> Document:
        """Converts a text and its annotations to a document."""
        file: Path = record.content
        second = file.with_suffix(".a2")
        files = [file, second] if file.suffix == ".a1" and second.is_file() else [file]
        lines = [(place, line) for one in files for place, line in read_text_lines(one) if line]
        roles = _role_order(file.parent)
        document = self._document(file.stem, read_text(file.with_suffix(".txt")), lines, record.place, roles)
        return self.counted(sum(line[0] == "R" for _, line in lines), document)

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes two files per document.

        Raises:
            FormatError: the folder is not empty, or a document has data that brat has no line for.
        """
        placed = ((document_place(path, n, document), document) for n, document in enumerate(documents, start=1))
        with replacing_folder(path) as folder:
            for place, document in checked_titles(placed, "brat"):
                _refuse_spaces(document, place)
                text, lines = self._to_lines(document)
                placed_lines = [(place, line) for line in lines]
                read = partial(self._document, document.title, text, placed_lines, place)
                check_lossless(document, read, place, "brat")
                (folder / f"{document.title}.txt").write_bytes(text.encode())
                (folder / f"{document.title}.ann").write_bytes("".join(f"{line}\n" for line in lines).encode())

    def _document(
        self,
        title: str,
        text: str,
        lines: Iterable[tuple[str, str]],
        place: str,
        roles: Mapping[str, tuple[str, str]] | None = None,
    ) -> Document:
        marked: dict[str, MarkedSpan] = {}
        coreferent: list[tuple[str, str]] = []
        relations: list[tuple[str, str, str]] = []
        triggers: dict[str, str] = {}
        for at, line in lines:
            if line[0] == "T":
                self._mark(line, marked, at)
            elif line[0] == "R":
                relations.append(_relation(line, roles or {}, at))
            elif line[0] == "E":
                event, trigger = _parsed(_EVENT, line, at)
                triggers[event] = trigger
            elif line[0] == "N":
                _, name, identity, _ = _parsed(_REFERENCE, line, at)
                if name not in marked:
                    raise FormatError(
                        f"{at}: expected a reference to a span above, got '{shortened(name)}'; correct the line"
                    )
                marked[name] = replace(marked[name], id=identity)
            elif line.startswith("*\tEquiv "):
                first, *others = line.split()[2:] or [""]
                coreferent.extend((first, other) for other in others)
        relations = [(triggers.get(h, h), triggers.get(t, t), relation) for h, t, relation in relations]
        annotations = Annotations(
            text=text, marked=marked, coreferent=coreferent, relations=relations,
            convention=Convention(self.offsets, self.ends),
        )  # fmt: skip
        return annotations.document(title, place)

    def _mark(self, line: str, marked: dict[str, MarkedSpan], place: str) -> None:
        name, kind, span, covered = _parsed(_SPAN, line, place)
        if name in marked:
            raise FormatError(f"{place}: expected a unique name, got '{name}' again; rename the span")
        numbers = span.replace(";", " ").split()
        if any(len(number) > 9 for number in numbers):
            raise FormatError(f"{place}: expected characters of the text, got '{shortened(span)}'; correct the line")
        start, end = int(numbers[0]), int(numbers[-1])
        told = covered if len(numbers) == 2 and covered.strip() else None
        kind_or_none = None if kind == self.untyped else kind
        marked[name] = MarkedSpan(start=start, end=end, type=kind_or_none, text=told, place=place)

    def _to_lines(self, document: Document) -> tuple[str, list[str]]:
        annotations, names = to_annotations(document)
        text = annotations.text
        lines = [
            f"T{name}\t{self.untyped if m.type is None else m.type} {m.start} {m.end}\t{text[m.start : m.end]}"
            for name, m in annotations.marked.items()
        ]
        lines += [f"*\tEquiv {' '.join(f'T{name}' for name in group)}" for group in names if len(group) > 1]
        with_id = [(e, group) for e, group in zip(document.entities, names, strict=True) if e.id is not None]
        lines += [
            f"N{number}\tReference T{group[0]} Wikidata:{entity.id}\t{entity.mentions[0].name}"
            for number, (entity, group) in enumerate(with_id, start=1)
        ]
        lines += [
            f"R{number}\t{relation} Arg1:T{head} Arg2:T{tail}"
            for number, (head, tail, relation) in enumerate(annotations.relations, start=1)
        ]
        return text, lines


@cache
def _role_order(folder: Path) -> Mapping[str, tuple[str, str]]:
    """Returns the roles of each relation in the order of ``annotation.conf``, in the folder or the one above."""
    found = next((at for at in (folder, folder.parent) if (at / "annotation.conf").is_file()), None)
    if found is None:
        return {}
    section = re.split(r"^\[(\w+)\]\s*$", read_text(found / "annotation.conf"), flags=re.MULTILINE)
    lines = dict(zip(section[1::2], section[2::2], strict=False)).get("relations", "").splitlines()
    matches = [match for match in map(_DECLARED.fullmatch, lines) if match and match[1] != "<OVERLAP>"]
    return {match[1]: (match[2], match[3]) for match in matches}


def _relation(line: str, roles: Mapping[str, tuple[str, str]], place: str) -> tuple[str, str, str]:
    """Returns head, tail and name of a relation; the head is the first role of its declaration, or Arg1."""
    _, relation, first_role, first, second_role, second = _parsed(_RELATION, line, place)
    order = roles.get(relation, ("Arg1", "Arg2"))
    swapped = (second_role, first_role) == order
    return (second, first, relation) if swapped else (first, second, relation)


def _refuse_spaces(document: Document, place: str) -> None:
    kinds = [mention.type for entity in document.entities for mention in entity.mentions]
    ids = [entity.id for entity in document.entities]
    for name in (*kinds, *ids, *(label.relation for label in document.labels)):
        if name is not None and name.split() != [name]:
            raise refusal(place, "brat", f"'{shortened(name)}' as a type, relation or id: these have no white space")


def _parsed(pattern: re.Pattern[str], line: str, place: str) -> tuple[str, ...]:
    match = pattern.fullmatch(line)
    if not match:
        raise FormatError(f"{place}: expected {_SYNTAX[line[0]]}, got '{shortened(line)}'; correct the line")
    return match.groups()
