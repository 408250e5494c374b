"""What a format cannot hold is refused in one line, rather than lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from finecl.errors import FormatError
from finecl.types import Document, Entity, Label, Mention
from finecl_formats.values import shown

CURE = "drop it with --drop, or write jsonl or parquet"


def refusal(place: str, format: str, what: str) -> FormatError:
    """The complaint that a format has no place for something."""
    return FormatError(f"{place}: {format} cannot hold {what}; {CURE}")


def check_held(document: Document, read: Callable[[], Document], place: str, format: str) -> None:
    """Passes a document that ``read``, which reads what is about to be written, gives back as it is.

    Raises:
        FormatError: names the first thing that would come back differently.
    """
    try:
        back = read()
    except FormatError as error:
        what = str(error).removeprefix(f"{place}, ").removeprefix(f"{place}: ").rpartition("; ")[0] or str(error)
        raise refusal(place, format, f"this document: {shown(what, 200)}") from None
    if document != back:
        raise refusal(place, format, next(_losses(document, back), "this document as it is"))


def place_of(path: object, number: int, document: Document) -> str:
    """How messages name a document that is written."""
    return f"{path}: document {number} ('{shown(document.title)}')"


def _losses(document: Document, back: Document) -> Iterator[str]:
    if document.sentences != back.sentences:
        yield from _text_losses(document, back)
    if len(document.entities) != len(back.entities):
        yield f"these {len(document.entities)} entities"
    for number, (entity, other) in enumerate(zip(document.entities, back.entities, strict=False)):
        yield from (f"entity {number}'s {what}" for what in _entity_losses(entity, other))
    if len(document.labels) != len(back.labels):
        yield f"these {len(document.labels)} labels"
    for number, (label, found) in enumerate(zip(document.labels, back.labels, strict=False)):
        yield from (f"label {number}'s {what}" for what in _label_losses(label, found))
    if document.title != back.title:
        yield f"the title '{shown(document.title)}'"


def _text_losses(document: Document, back: Document) -> Iterator[str]:
    if not all(document.sentences):
        yield "a sentence without words"
    for word in (word for sentence in document.sentences for word in sentence):
        if word.split() != [word]:
            yield f"a word with white space or nothing in it, {shown(repr(word))}"
    if len(document.sentences) != len(back.sentences):
        yield f"these {len(document.sentences)} sentences"
    yield "these words as they are"


def _entity_losses(entity: Entity, other: Entity) -> Iterator[str]:
    if entity.id != other.id:
        yield f"id '{shown(str(entity.id))}'"
    if len(entity.mentions) != len(other.mentions):
        yield f"{len(entity.mentions)} mentions"
    for mention, found in zip(entity.mentions, other.mentions, strict=False):
        yield from _mention_losses(mention, found)


def _mention_losses(mention: Mention, found: Mention) -> Iterator[str]:
    if mention.name != found.name:
        yield f"name '{shown(mention.name)}', which is not its words"
    if mention.type != found.type:
        yield f"type '{shown(str(mention.type))}'"
    if mention != found:
        yield f"mention at words [{mention.start}, {mention.end}) of sentence {mention.sentence}"


def _label_losses(label: Label, found: Label) -> Iterator[str]:
    if label.evidence != found.evidence:
        yield "evidence"
    if label.truth != found.truth:
        yield f"truth '{shown(str(label.truth))}'"
    if label != found:
        yield f"relation '{shown(label.relation)}' between entities {label.head} and {label.tail}"
