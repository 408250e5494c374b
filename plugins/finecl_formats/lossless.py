"""Refuses documents that a format cannot represent without loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from finecl.errors import FormatError
from finecl.types import Document, Entity, Label, Mention
from finecl_formats.json_values import shortened

ADVICE = "drop it with --drop, or write jsonl or parquet"


def refusal(place: str, format: str, what: str) -> FormatError:
    """Returns the FormatError that a format cannot store something."""
    return FormatError(f"{place}: {format} cannot store {what}; {ADVICE}")


def check_lossless(document: Document, read: Callable[[], Document], place: str, format: str) -> None:
    """Checks that a document survives a round trip; ``read`` parses the data that is about to be written.

    Raises:
        FormatError: the document would change; names the first difference.
    """
    try:
        back = read()
    except FormatError as error:
        what = str(error).removeprefix(f"{place}, ").removeprefix(f"{place}: ").rpartition("; ")[0] or str(error)
        raise refusal(place, format, f"this document: {shortened(what, 200)}") from None
    if document != back:
        raise refusal(place, format, next(_losses(document, back), "this document unchanged"))


def document_place(path: object, number: int, document: Document) -> str:
    """Returns the location of a written document for messages."""
    return f"{path}: document {number} ('{shortened(document.title)}')"


def _losses(document: Document, back: Document) -> Iterator[str]:
    if document.sentences != back.sentences:
        yield from _text_losses(document, back)
    if len(document.entities) != len(back.entities):
        yield f"these {len(document.entities)} entities"
    for number, (entity, other) in enumerate(zip(document.entities, back.entities, strict=False)):
        yield from (f"entity {number}'s {what}" for what in _entity_losses(entity, other))
    if len(document.labels) != len(back.labels):
        yield f"these {len(document.labels)} labels"
    for number, (label, other_label) in enumerate(zip(document.labels, back.labels, strict=False)):
        yield from (f"label {number}'s {what}" for what in _label_losses(label, other_label))
    if document.title != back.title:
        yield f"the title '{shortened(document.title)}'"


def _text_losses(document: Document, back: Document) -> Iterator[str]:
    if not all(document.sentences):
        yield "a sentence without words"
    for word in (word for sentence in document.sentences for word in sentence):
        if word.split() != [word]:
            yield f"a word that is empty or contains white space, {shortened(repr(word))}"
    if len(document.sentences) != len(back.sentences):
        yield f"these {len(document.sentences)} sentences"
    yield "these words unchanged"


def _entity_losses(entity: Entity, other: Entity) -> Iterator[str]:
    if entity.id != other.id:
        yield f"id '{shortened(str(entity.id))}'"
    if len(entity.mentions) != len(other.mentions):
        yield f"{len(entity.mentions)} mentions"
    for mention, other_mention in zip(entity.mentions, other.mentions, strict=False):
        yield from _mention_losses(mention, other_mention)


def _mention_losses(mention: Mention, other: Mention) -> Iterator[str]:
    if mention.name != other.name:
        yield f"name '{shortened(mention.name)}', which differs from its words"
    if mention.type != other.type:
        yield f"type '{shortened(str(mention.type))}'"
    if mention != other:
        yield f"mention at words [{mention.start}, {mention.end}) of sentence {mention.sentence}"


def _label_losses(label: Label, other: Label) -> Iterator[str]:
    if label.evidence != other.evidence:
        yield "evidence"
    if label.truth != other.truth:
        yield f"truth '{shortened(str(label.truth))}'"
    if label != other:
        yield f"relation '{shortened(label.relation)}' between entities {label.head} and {label.tail}"
