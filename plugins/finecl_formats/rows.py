"""Conversion between documents and DocRED-like nested objects, with DocRED's or finecl's label keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from finecl.types import Document, Entity, Label, Mention
from finecl_formats.json_values import Value, shortened


@dataclass(frozen=True, kw_only=True)
class LabelKeys:
    """Names of the fields of a label."""

    head: str = "head"
    tail: str = "tail"
    relation: str = "relation"


def read_document(value: Value, keys: LabelKeys) -> Document:
    """Converts an object to a document; ignores unknown fields.

    Raises:
        FormatError: a field is missing or of the wrong type.
    """
    title = value.field("title").text()
    value = Value(value.content, f"{value.place} ('{shortened(title)}')")
    sentences = tuple(sentence.texts() for sentence in value.field("sents").items())
    vertices = [_mentions(vertex) for vertex in value.field("vertexSet").items("entity")]
    ids = _entity_ids(value, len(vertices))
    labels = value.optional("labels")
    return Document(
        title=title,
        sentences=sentences,
        entities=tuple(Entity(mentions=group, id=identity) for group, identity in zip(vertices, ids, strict=True)),
        labels=tuple(_label(label, keys) for label in labels.items("label")) if labels else (),
    )


def _mentions(vertex: Value) -> tuple[Mention, ...]:
    return tuple(_mention(mention) for mention in vertex.items("mention"))


def _mention(value: Value) -> Mention:
    start, end = value.field("pos").span()
    kind = value.optional("type")
    return Mention(
        sentence=value.field("sent_id").number(),
        start=start,
        end=end,
        name=value.field("name").text(),
        type=kind.text() if kind else None,
    )


def _entity_ids(value: Value, entities: int) -> list[str | None]:
    column = value.optional("entity_ids")
    if column is None:
        return [None] * entities
    ids = [None if item.content is None else item.text() for item in column.items()]
    if len(ids) != entities:
        raise column.error(f"an id or null for each of the {entities} entities")
    return ids


def _label(value: Value, keys: LabelKeys) -> Label:
    evidence, truth = value.optional("evidence"), value.optional("truth")
    return Label(
        head=value.field(keys.head).number(),
        tail=value.field(keys.tail).number(),
        relation=value.field(keys.relation).text(),
        evidence=evidence.numbers() if evidence else (),
        truth=truth.text() if truth else None,
    )


def to_row(document: Document) -> dict[str, Any]:
    """Converts a document to an object with finecl's keys; writes every field, null if unknown."""
    return {
        "title": document.title,
        "sents": [list(sentence) for sentence in document.sentences],
        "vertexSet": [[_mention_row(m) for m in entity.mentions] for entity in document.entities],
        "labels": [_label_row(label) for label in document.labels],
        "entity_ids": [entity.id for entity in document.entities],
    }


def _mention_row(mention: Mention) -> dict[str, Any]:
    span = [mention.start, mention.end]
    return {"name": mention.name, "sent_id": mention.sentence, "pos": span, "type": mention.type}


def _label_row(label: Label) -> dict[str, Any]:
    return {
        "head": label.head,
        "tail": label.tail,
        "relation": label.relation,
        "evidence": list(label.evidence),
        "truth": label.truth,
    }
