"""NYT's JSON: sentences with relations between names, without offsets (CoType's and its copies, CasRel's triples).

A record a line, or a JSON list::

    {"sentText": "...", "relationMentions": [{"em1Text": "...", "em2Text": "...", "label": "..."}],
     "entityMentions": [{"text": "...", "label": "PERSON", "start": 1}]}
    {"sentext": "...", "relations": [{"em1": "...", "em2": "...", "rtext": "..."}]}
    {"text": "...", "triple_list": [["head", "relation", "tail"]]}

A name is an entity; its mentions are its occurrences in the text as whole words by Unicode's rules, or, where it stands
only within words, anywhere. Occurrences within those of a longer name do not count unless there are no others.
``start`` is not read: it does not count characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from finecl.errors import FormatError
from finecl.types import Document
from finecl_formats.annotated import Annotations, MarkedSpan
from finecl_formats.characters import whole_word_spans
from finecl_formats.files import first_bytes
from finecl_formats.json_array import read_array
from finecl_formats.json_values import Value, shortened
from finecl_formats.records import Records
from finecl_formats.text_lines import read_json_lines


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The names of the fields: of the text, of the relations, and of a relation's head, tail and type."""

    text: str
    relations: str
    head: str | int
    tail: str | int
    type: str | int


VARIANTS = (
    Variant(text="sentText", relations="relationMentions", head="em1Text", tail="em2Text", type="label"),
    Variant(text="sentext", relations="relations", head="em1", tail="em2", type="rtext"),
    Variant(text="text", relations="triple_list", head=0, tail=2, type=1),
)


@dataclass(frozen=True, kw_only=True)
class NYT(Records):
    """Sentences with relations between names: CoType's NYT and WebNLG, CasRel's triples."""

    def recognises(self, path: Path) -> bool:
        """Returns whether the first record has the fields of a variant."""
        if first_bytes(path)[:1] not in (b"{", b"["):
            return False
        try:
            first = next(self.records(path), None)
        except FormatError:
            return False
        return isinstance(first, Value) and _variant(first) is not None

    def records(self, path: Path) -> Iterator[Value | FormatError]:
        """Yields the records of the lines or of the list."""
        return read_array(path) if first_bytes(path).startswith(b"[") else iter(read_json_lines(path))

    def document(self, record: Value) -> Document:
        """Converts a record to a document of a text; a relation that is listed twice counts once."""
        variant = _variant(record)
        if variant is None:
            expected = " or ".join(f"{each.text} and {each.relations}" for each in VARIANTS)
            raise record.error(f"the fields {expected}")
        text = record.field(variant.text).text()
        names: dict[str, str | None] = {}  # and their types
        relations: list[tuple[str, str, str]] = []
        listed = record.optional("entityMentions")
        for item in listed.items("entity") if listed else ():
            kind = item.optional("label")
            names.setdefault(item.field("text").text().strip(), kind.text() if kind else None)
        for item in record.field(variant.relations).items("relation"):
            head, tail, kind_of = (_at(item, key).text().strip() for key in (variant.head, variant.tail, variant.type))
            relations.append((head, tail, kind_of))
            names |= {name: None for name in (head, tail) if name not in names}
        marked, first = _marked(text, names, record.place)
        coreferent = [(first[m.text or ""], name) for name, m in marked.items() if name != first[m.text or ""]]
        links = [(first[head], first[tail], relation) for head, tail, relation in relations]
        annotations = Annotations(text=text, marked=marked, coreferent=coreferent, relations=links)
        return self.counted(len(links), annotations.document(record.place.rpartition(" ")[2], record.place))

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Refuses to write.

        Raises:
            FormatError: always.
        """
        raise FormatError(f"{path}: expected a format that finecl writes, got NYT's, which it only reads; write jsonl")


def _variant(record: Value) -> Variant | None:
    fields = record.content if isinstance(record.content, dict) else {}
    return next((each for each in VARIANTS if each.text in fields and each.relations in fields), None)


def _at(item: Value, key: str | int) -> Value:
    if isinstance(key, str):
        return item.field(key)
    members = list(item.items())
    if len(members) != 3:
        raise item.error("head, relation and tail")
    return members[key]


def _marked(text: str, names: dict[str, str | None], place: str) -> tuple[dict[str, MarkedSpan], dict[str, str]]:
    """Returns the spans of all names in the order of the text, and the first span of each name."""
    found = {name: _occurrences(text, name, place) for name in names}
    longer = sorted({span for spans in found.values() for span in spans})
    places: list[tuple[int, int, str]] = []
    for name, spans in found.items():
        free = [s for s in spans if not any(o[0] <= s[0] and s[1] <= o[1] and o != s for o in longer)]
        places += [(*span, name) for span in free or spans]
    marked: dict[str, MarkedSpan] = {}
    first: dict[str, str] = {}
    for number, (start, end, name) in enumerate(sorted(places)):
        marked[str(number)] = MarkedSpan(start=start, end=end, text=name, place=place, type=names[name])
        first.setdefault(name, str(number))
    return marked, first


def _occurrences(text: str, name: str, place: str) -> list[tuple[int, int]]:
    anywhere = [match.span() for match in re.finditer(re.escape(name), text)] if name else []
    if not anywhere:
        raise FormatError(
            f"{place}: expected names that stand in the text, got '{shortened(name)}'; correct the record"
        )
    return whole_word_spans(text, name) or anywhere
