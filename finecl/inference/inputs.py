"""Converts inputs of an extractor into documents: texts or tokens with entities, rows of a data set, or documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from finecl.corpus.schema import from_row
from finecl.corpus.validation import check_document
from finecl.errors import FormatError
from finecl.text.words import split_words
from finecl.types import Document, Entity, Mention

_NAMES, _TYPES = ("name", "text"), ("type", "label", "entity_group")


@dataclass(frozen=True)
class Span:
    """One mention: ``[start, end)`` in characters or tokens; ``name`` is the expected text, if known."""

    start: int
    end: int
    name: str | None
    type: str | None


def read_inputs(inputs: Any, entities: Any, *, split: bool) -> tuple[Iterator[Document], bool]:
    """Returns the inputs as documents, and whether there is a single one.

    ``inputs``: a text (with ``split``: its tokens), a ``Document``, a row with ``text`` or ``tokens`` and ``entities``
    or with DocRED's columns, or a list or ``datasets.Dataset`` of any of these; ``entities`` are those of a text, or
    one list per text.

    Raises:
        FormatError: an entity is invalid, or an input has another type.
    """
    single = isinstance(inputs, str | Document | Mapping) or (split and _are_tokens(inputs))
    if single:
        return _documents([inputs], [entities]), True
    if not isinstance(inputs, Iterable):
        raise FormatError(f"expected a text, tokens, a document or a list of them, got {type(inputs).__name__}")
    return _documents(inputs, repeat(None) if entities is None else entities), False


def _are_tokens(tokens: Any) -> bool:
    return isinstance(tokens, Sequence) and all(isinstance(token, str) for token in tokens)


def _documents(inputs: Iterable[Any], entities: Iterable[Any]) -> Iterator[Document]:
    entity_lists = iter(entities)
    number = -1
    for number, item in enumerate(inputs):
        try:
            of_item = next(entity_lists)
        except StopIteration:
            raise FormatError(
                f"expected entities of every text, got those of {number}; give one list per text"
            ) from None
        document = _document(item, of_item, f"document {number}")
        if any(document.sentences) or document.entities:  # an empty text has no triples
            check_document(document, f"document {number}")
        yield document
    if not isinstance(entities, repeat) and next(entity_lists, None) is not None:
        raise FormatError(f"expected entities of {number + 1} texts, got those of more; give one list per text")


def _document(item: Any, entities: Any, place: str) -> Document:
    if isinstance(item, str):
        return from_text(item, entities or (), place)
    if isinstance(item, Mapping):
        return _from_mapping(item, entities, place)
    if isinstance(item, Document):
        if entities is not None:
            raise FormatError(f"{place}: expected no entities beside a Document, which has its own; leave them out")
        return item
    if _are_tokens(item):
        return from_tokens(item, entities or (), place)
    raise FormatError(f"{place}: expected a text, tokens, a Document or a row of a data set, got {type(item).__name__}")


def _from_mapping(row: Mapping[str, Any], entities: Any, place: str) -> Document:
    spans = row.get("entities") if entities is None else entities
    if "sents" in row:
        vertices, labels = row.get("vertexSet") or [], row.get("labels") or []
        vertices = [[{"type": None, **mention} for mention in vertex] for vertex in vertices]
        ids = row.get("entity_ids") or [None] * len(vertices)
        labels = [{"evidence": (), "truth": None, **label} for label in labels if "relation" in label]
        columns = {"title": row.get("title") or "", "sents": row["sents"], "vertexSet": vertices}
        return from_row(columns | {"entity_ids": ids, "labels": labels})
    if "tokens" in row:
        return from_tokens(row["tokens"], spans or (), place)
    if "text" in row:
        return from_text(row["text"], spans or (), place)
    raise FormatError(f"{place}: expected a column 'text', 'tokens' or 'sents', got: {', '.join(map(str, row))}")


def from_text(text: str, entities: Sequence[Any], place: str = "the text", title: str = "") -> Document:
    """A document of a text and entities by character spans; see ``spans_of``.

    Raises:
        FormatError: a span lies outside the text, holds white space only, or another text than its name.
    """
    placed = [
        ([_trimmed(text, span, f"{place}, {where}") for span, where in _placed(entity, number)], _id(entity))
        for number, entity in enumerate(entities)
    ]
    words = split_words(text, [(span.start, span.end) for spans, _ in placed for span in spans])
    return Document(
        title=title, sentences=words.sentences, entities=tuple(_entity(text, words, *each) for each in placed)
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
    placed = []
    for number, entity in enumerate(entities):
        mentions = []
        for span, where in _placed(entity, number):
            _within(span, len(tokens), "tokens", f"{place}, {where}")
            name = " ".join(tokens[span.start : span.end])
            _named(span, name, f"{place}, {where}")
            mentions.append(Mention(sentence=0, start=span.start, end=span.end, name=name, type=span.type))
        placed.append(Entity(mentions=tuple(mentions), id=_id(entity)))
    return Document(title="", sentences=(tuple(tokens),), entities=tuple(placed))


def _placed(entity: Any, number: int) -> Iterator[tuple[Span, str]]:
    for mention, span in enumerate(spans_of(entity, f"entity {number}")):
        yield span, f"entity {number}, mention {mention}"


def spans_of(entity: Any, place: str) -> list[Span]:
    """The mentions of one entity: ``(start, end)``; a mapping with ``start``, ``end`` and if known ``name`` (or
    ``text``), ``type`` (or ``label``) and ``id``; a list of these; or a mapping with such a list as ``mentions``.

    Raises:
        FormatError: it is none of these.
    """
    if isinstance(entity, Mapping) and "mentions" in entity:
        shared = {key: value for key, value in entity.items() if key in _TYPES}
        return [_span(m, place, shared) for m in entity["mentions"]]
    if isinstance(entity, Mapping) or _is_pair(entity):
        return [_span(entity, place, {})]
    if isinstance(entity, Sequence) and not isinstance(entity, str) and entity:
        return [_span(mention, place, {}) for mention in entity]
    raise FormatError(f"{place}: expected (start, end), a mapping with both, or a list of these, got {entity!r:.80}")


def _span(mention: Any, place: str, shared: Mapping[str, Any]) -> Span:
    if _is_pair(mention):
        mention = {"start": mention[0], "end": mention[1]}
    if not isinstance(mention, Mapping) or not all(isinstance(mention.get(key), int) for key in ("start", "end")):
        raise FormatError(f"{place}: expected whole numbers 'start' and 'end' of a mention, got {mention!r:.80}")
    fields = {**shared, **mention}
    name, kind = (next((fields[key] for key in keys if fields.get(key)), None) for keys in (_NAMES, _TYPES))
    return Span(int(mention["start"]), int(mention["end"]), name, kind)


def _is_pair(value: Any) -> bool:
    return isinstance(value, Sequence) and len(value) == 2 and all(isinstance(number, int) for number in value)


def _id(entity: Any) -> str | None:
    mentions = entity if isinstance(entity, list | tuple) else [entity]
    return next((str(m["id"]) for m in mentions if isinstance(m, Mapping) and m.get("id") is not None), None)


def _trimmed(text: str, span: Span, place: str) -> Span:
    _within(span, len(text), "characters", place)
    content = text[span.start : span.end]
    _named(span, content, place)
    if not content.strip():
        raise FormatError(f"{place}: expected a span with words, got white space only; remove the mention")
    start = span.start + len(content) - len(content.lstrip())
    return Span(start, start + len(content.strip()), span.name, span.type)


def _within(span: Span, length: int, what: str, place: str) -> None:
    if not 0 <= span.start < span.end <= length:
        expected = f"0 <= start < end <= {length}, the {what} of the text"
        span_text = f"[{span.start}, {span.end})"
        raise FormatError(f"{place}: expected {expected}, got {span_text}; count {what} from 0, the end exclusive")


def _named(span: Span, content: str, place: str) -> None:
    if span.name is not None and span.name != content:
        at = f"[{span.start}, {span.end})"
        raise FormatError(f"{place}: expected {span.name!r:.80} at {at}, got {content!r:.80}; correct span or name")
