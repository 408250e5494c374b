"""Documents as the nested objects that DocRED made customary, under its label names or finecl's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from finecl.types import Document, Entity, Label, Mention
from finecl_formats.values import Value, shown


@dataclass(frozen=True, kw_only=True)
class LabelKeys:
    """What the fields of a label are called."""

    head: str = "head"
    tail: str = "tail"
    relation: str = "relation"


def read_document(value: Value, keys: LabelKeys) -> Document:
    """The document in an object; fields that are not known are passed over.

    Raises:
        FormatError: a field is missing or of the wrong type.
    """
    title = value.field("title").text()
    value = Value(value.content, f"{value.place} ('{shown(title)}')")
    sentences = tuple(sentence.texts() for sentence in value.field("sents").items())
    vertices = [_mentions(vertex) for vertex in value.field("vertexSet").items("entity")]
    ids = _entity_ids(value, len(vertices))
    labels = value.optional("labels")
    return Document(
        title=title,
        sentences=sentences,
        entities=tuple(Entity(mentions=found, id=identity) for found, identity in zip(vertices, ids, strict=True)),
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
    ids = value.optional("entity_ids")
    if ids is None:
        return [None] * entities
    found = [None if item.content is None else item.text() for item in ids.items()]
    if len(found) != entities:
        raise ids.fault(f"an id or null for each of the {entities} entities")
    return found


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
    """The document under finecl's names; every field is there, null where it is not known."""
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
