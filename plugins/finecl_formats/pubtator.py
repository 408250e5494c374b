"""PubTator (CDR, BioRED): title and abstract, spans by characters of both, relations between concept ids.

Blocks of lines, separated by empty lines::

    100|t|Drug X causes rash
    100|a|We saw rash after Drug X.
    100<tab>0<tab>6<tab>Drug X<tab>Chemical<tab>C1
    100<tab>CID<tab>C1<tab>D1

Spans of one id are one entity; a span of several ids ("C1,C2" or "C1|C2") is a mention of each, and a relation of
several ids is one of each. Relations of ids that no span has are faults. A span without an id ("-", "-1" or none) is an
entity of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.annotated import Annotations, MarkedSpan
from finecl_formats.files import first_bytes
from finecl_formats.json_values import Value, shortened
from finecl_formats.offsets import Convention, Ends, Offsets
from finecl_formats.records import Records
from finecl_formats.text_lines import read_text_lines

_TEXT = re.compile(r"([^|\t]+)\|([ta])\|(.*)")
_IDS = re.compile(r"[,;]")
_COMPOSITE = re.compile(r"[A-Z]\d+(\|[A-Z]\d+)+")  # of MeSH ids; a variant's id, "c|SUB|G|308|C", is one id


@dataclass(frozen=True, kw_only=True)
class PubTator(Records):
    """Title, abstract, spans and relations of concepts."""

    offsets: Offsets = "auto"
    ends: Ends = "auto"

    def recognises(self, path: Path) -> bool:
        """Returns whether the file begins with a title line."""
        return bool(re.match(rb"[^|\t\n{\[]+\|t\|", first_bytes(path).partition(b"\n")[0]))

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the blocks."""
        block: list[tuple[str, str]] = []
        for place, line in read_text_lines(path):
            if line.strip():
                block.append((place, line))
            elif block:
                yield Value(block, block[0][0])
                block = []
        if block:
            yield Value(block, block[0][0])

    def document(self, record: Value) -> Document:
        """Converts a block to a document of two or more sentences: its title, and its abstract."""
        block = _Block()
        for place, line in record.content:
            block.add(line, place)
        relations = [(block.span(h, at), block.span(t, at), relation) for relation, h, t, at in block.links]
        annotations = Annotations(
            text=f"{block.texts.get('t', '')}\n{block.texts.get('a', '')}", marked=block.marked,
            coreferent=block.coreferent, relations=relations, convention=Convention(self.offsets, self.ends),
        )  # fmt: skip
        return self.counted(len(relations), annotations.document(block.title, record.place))

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Refuses to write.

        Raises:
            FormatError: always.
        """
        raise FormatError(
            f"{path}: expected a format that finecl writes, got PubTator, which it only reads; write jsonl"
        )


class _Block:
    """The lines of one document."""

    def __init__(self) -> None:
        self.title = ""
        self.texts: dict[str, str] = {}
        self.marked: dict[str, MarkedSpan] = {}
        self.coreferent: list[tuple[str, str]] = []
        self.links: list[tuple[str, str, str, str]] = []
        self._first_of: dict[str, str] = {}  # the first span of each concept

    def add(self, line: str, place: str) -> None:
        """Adds a line of text, a span or a relation."""
        text, fields = _TEXT.fullmatch(line), line.split("\t")
        if text:
            self.title, self.texts[text[2]] = text[1], text[3]
        elif len(fields) >= 5 and fields[1].isdigit() and fields[2].isdigit():
            self._mark(fields, place)
        elif len(fields) >= 4 and not fields[1].isdigit():
            pairs = product(_concepts(fields[2]), _concepts(fields[3]))
            self.links.extend((fields[1], head, tail, place) for head, tail in pairs)
        else:
            expected = "a span (id, start, end, text, type, concept) or a relation (id, type, concept, concept)"
            raise FormatError(f"{place}: expected {expected}, got '{shortened(line)}'; correct the line")

    def _mark(self, fields: list[str], place: str) -> None:
        concepts: list[str] | list[None] = _concepts(fields[5] if len(fields) > 5 else "") or [None]
        for concept in concepts:
            name = str(len(self.marked))
            self.marked[name] = MarkedSpan(
                start=int(fields[1]), end=int(fields[2]), text=fields[3], place=place, type=fields[4], id=concept
            )
            if concept is not None and self._first_of.setdefault(concept, name) != name:
                self.coreferent.append((self._first_of[concept], name))

    def span(self, concept: str, place: str) -> str:
        """Returns the first span of a concept."""
        if concept not in self._first_of:
            expected = f"expected concepts of spans above, got '{shortened(concept)}'"
            raise FormatError(f"{place}: {expected}; remove the relation or mark it")
        return self._first_of[concept]


def _concepts(text: str) -> list[str]:
    """Returns the different ids of a field, without "-" and "-1"."""
    listed = [] if text in ("-", "-1", "") else _IDS.split(text)
    ids = (one for several in listed for one in (several.split("|") if _COMPOSITE.fullmatch(several) else [several]))
    return list(dict.fromkeys(ids))
