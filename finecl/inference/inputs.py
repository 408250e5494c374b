"""What an extractor is given, as documents: texts or tokens with entities, rows of a data set, or documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from finecl.corpus.schema import from_row
from finecl.corpus.validation import check_document
from finecl.corpus.words import split_words
from finecl.errors import FormatError
from finecl.types import Document, Entity, Mention

_NAMES, _TYPES = ("name", "text"), ("type", "label", "entity_group")


@dataclass(frozen=True)
class Span:
    """One mention as it was given: ``[start, end)`` in characters or tokens; ``name`` is what should stand there."""

    start: int
    end: int
    name: str | None
    type: str | None


def read_inputs(given: Any, entities: Any, *, split: bool) -> tuple[Iterator[Document], bool]:
    """The documents that were given, and whether it was one alone.

    ``given``: a text (with ``split``: its tokens), a ``Document``, a row with ``text`` or ``tokens`` and ``entities``
    or with DocRED's columns, or a list or ``datasets.Dataset`` of any of these; ``entities`` are those of a text, or
    one list a text.

    Raises:
        FormatError: an entity is not where it should be, or something else was given.
    """
    single = isinstance(given, str | Document | Mapping) or (split and _are_tokens(given))
    if single:
        return _documents([given], [entities]), True
    if not isinstance(given, Iterable):
        raise FormatError(f"expected a text, tokens, a document or a list of them, got {type(given).__name__}")
    return _documents(given, repeat(None) if entities is None else entities), False


def _are_tokens(given: Any) -> bool:
    return isinstance(given, Sequence) and all(isinstance(token, str) for token in given)


def _documents(given: Iterable[Any], entities: Iterable[Any]) -> Iterator[Document]:
    others = iter(entities)
    number = -1
    for number, one in enumerate(given):
        try:
            own = next(others)
        except StopIteration:
            raise FormatError(f"expected entities of every text, got those of {number}; give one list a text") from None
        document = _document(one, own, f"document {number}")
        check_document(document, f"document {number}")
        yield document
    if not isinstance(entities, repeat) and next(others, None) is not None:
        raise FormatError(f"expected entities of {number + 1} texts, got those of more; give one list a text")


def _document(one: Any, entities: Any, place: str) -> Document:
    if isinstance(one, str):
        return from_text(one, entities or (), place)
    if isinstance(one, Mapping):
        return _from_mapping(one, entities, place)
    if isinstance(one, Document):
        if entities is not None:
            raise FormatError(f"{place}: expected no entities beside a Document, which has its own; leave them out")
        return one
    if _are_tokens(one):
        return from_tokens(one, entities or (), place)
    raise FormatError(f"{place}: expected a text, tokens, a Document or a row of a data set, got {type(one).__name__}")


def _from_mapping(row: Mapping[str, Any], entities: Any, place: str) -> Document:
    own = row.get("entities") if entities is None else entities
    if "sents" in row:
        vertices, labels = row.get("vertexSet") or [], row.get("labels") or []
        vertices = [[{"type": None, **mention} for mention in vertex] for vertex in vertices]
        ids = row.get("entity_ids") or [None] * len(vertices)
        labels = [{"evidence": (), "truth": None, **label} for label in labels if "relation" in label]
        columns = {"title": row.get("title") or "", "sents": row["sents"], "vertexSet": vertices}
        return from_row(columns | {"entity_ids": ids, "labels": labels})
    if "tokens" in row:
        return from_tokens(row["tokens"], own or (), place)
    if "text" in row:
        return from_text(row["text"], own or (), place)
    raise FormatError(f"{place}: expected a column 'text', 'tokens' or 'sents', got: {', '.join(map(str, row))}")


def from_text(text: str, entities: Sequence[Any], place: str = "the text", title: str = "") -> Document:
    """A document of a text and entities by character spans; see ``spans_of``.

    Raises:
        FormatError: a span lies outside the text, holds white space only, or another text than its name.
    """
    found = [
        ([_trimmed(text, span, f"{place}, {where}") for span, where in _placed(given, number)], _id(given))
        for number, given in enumerate(entities)
    ]
    words = split_words(text, [(span.start, span.end) for spans, _ in found for span in spans])
    return Document(
        title=title, sentences=words.sentences, entities=tuple(_entity(text, words, *each) for each in found)
    )


def _entity(text: str, words: Any, spans: list[Span], identity: str | None) -> Entity:
    mentions = []
    for span in spans:
        sentence, start, end = words.place(span.start, span.end)
        name = text[span.start : span.end]
        mentions.append(Mention(sentence=sentence, start=start, end=end, name=name, type=span.type))
    return Entity(mentions=tuple(mentions), id=identity)


def from_tokens(tokens: Sequence[str], entities: Sequence[Any], place: str = "the tokens") -> Document:
    """A document of one sentence, its entities by token spans; see ``spans_of``.

    Raises:
        FormatError: a span lies outside the tokens, or holds other ones than its name.
    """
    found = []
    for number, given in enumerate(entities):
        mentions = []
        for span, where in _placed(given, number):
            _within(span, len(tokens), "tokens", f"{place}, {where}")
            name = " ".join(tokens[span.start : span.end])
            _named(span, name, f"{place}, {where}")
            mentions.append(Mention(sentence=0, start=span.start, end=span.end, name=name, type=span.type))
        found.append(Entity(mentions=tuple(mentions), id=_id(given)))
    return Document(title="", sentences=(tuple(tokens),), entities=tuple(found))


def _placed(given: Any, number: int) -> Iterator[tuple[Span, str]]:
    for mention, span in enumerate(spans_of(given, f"entity {number}")):
        yield span, f"entity {number}, mention {mention}"


def spans_of(given: Any, place: str) -> list[Span]:
    """The mentions of one entity: ``(start, end)``; a mapping with ``start``, ``end`` and if known ``name`` (or
    ``text``), ``type`` (or ``label``) and ``id``; a list of these; or a mapping with such a list as ``mentions``.

    Raises:
        FormatError: it is none of these.
    """
    if isinstance(given, Mapping) and "mentions" in given:
        shared = {key: value for key, value in given.items() if key in _TYPES}
        return [_span(m, place, shared) for m in given["mentions"]]
    if isinstance(given, Mapping) or _is_pair(given):
        return [_span(given, place, {})]
    if isinstance(given, Sequence) and not isinstance(given, str) and given:
        return [_span(mention, place, {}) for mention in given]
    raise FormatError(f"{place}: expected (start, end), a mapping with both, or a list of these, got {given!r:.80}")


def _span(given: Any, place: str, shared: Mapping[str, Any]) -> Span:
    if _is_pair(given):
        given = {"start": given[0], "end": given[1]}
    if not isinstance(given, Mapping) or not all(isinstance(given.get(key), int) for key in ("start", "end")):
        raise FormatError(f"{place}: expected whole numbers 'start' and 'end' of a mention, got {given!r:.80}")
    both = {**shared, **given}
    name, kind = (next((both[key] for key in keys if both.get(key)), None) for keys in (_NAMES, _TYPES))
    return Span(int(given["start"]), int(given["end"]), name, kind)


def _is_pair(given: Any) -> bool:
    return isinstance(given, Sequence) and len(given) == 2 and all(isinstance(number, int) for number in given)


def _id(given: Any) -> str | None:
    mentions = given if isinstance(given, list | tuple) else [given]
    return next((str(m["id"]) for m in mentions if isinstance(m, Mapping) and m.get("id") is not None), None)


def _trimmed(text: str, span: Span, place: str) -> Span:
    _within(span, len(text), "characters", place)
    there = text[span.start : span.end]
    _named(span, there, place)
    if not there.strip():
        raise FormatError(f"{place}: expected a span with words, got white space only; remove the mention")
    start = span.start + len(there) - len(there.lstrip())
    return Span(start, start + len(there.strip()), span.name, span.type)


def _within(span: Span, length: int, what: str, place: str) -> None:
    if not 0 <= span.start < span.end <= length:
        expected = f"0 <= start < end <= {length}, the {what} of the text"
        came = f"[{span.start}, {span.end})"
        raise FormatError(f"{place}: expected {expected}, got {came}; count {what} from 0, the end exclusive")


def _named(span: Span, there: str, place: str) -> None:
    if span.name is not None and span.name != there:
        at = f"[{span.start}, {span.end})"
        raise FormatError(f"{place}: expected {span.name!r:.80} at {at}, got {there!r:.80}; correct span or name")
