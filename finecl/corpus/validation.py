"""Validates documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from finecl.errors import FormatError
from finecl.types import Document, Entity, Label


def check_document(document: Document, where: str) -> None:
    """Checks that a document is valid; ``where`` names file and document in the message.

    Raises:
        FormatError: there are no words, a text is not Unicode, a mention or evidence is outside the text, or a label
            has an unknown entity or is repeated.
    """
    for fault in document_faults(document, where):
        raise fault


def document_faults(document: Document, where: str) -> Iterator[FormatError]:
    """Yields all faults of a document; see ``check_document``."""
    if not any(document.sentences):
        yield _fault(where, "sentences", "at least one with words", "none", "remove the document")
    yield from _unicode_faults(document, where)
    for number, entity in enumerate(document.entities):
        yield from _entity_faults(document, entity, f"{where}, entity {number}")
    counts = Counter((label.head, label.tail, label.relation) for label in document.labels)
    for number, label in enumerate(document.labels):
        place = f"{where}, label {number}"
        yield from _label_faults(document, label, place)
        if counts[label.head, label.tail, label.relation] > 1:
            came = f"it again for entities {label.head} and {label.tail}"
            yield _fault(place, "relation", f"'{label.relation}' once a pair", came, "remove the repeated label")


def _unicode_faults(document: Document, where: str) -> Iterator[FormatError]:
    """Yields a fault for half a surrogate pair, which JSON can hold but files and tokenizers cannot."""
    texts: list[str | None] = [document.title]
    for sentence in document.sentences:
        texts += sentence
    for entity in document.entities:
        texts.append(entity.id)
        for mention in entity.mentions:
            texts += (mention.name, mention.type)
    for label in document.labels:
        texts += (label.relation, label.truth)
    try:
        "\n".join(filter(None, texts)).encode()
    except UnicodeEncodeError as error:
        came = ascii(error.object[error.start])
        yield FormatError(f"{_short(where)}: expected Unicode text, got {came}; remove that character")


def _entity_faults(document: Document, entity: Entity, place: str) -> Iterator[FormatError]:
    if not entity.mentions:
        yield _fault(place, "mentions", "at least one", "none", "remove the entity or give it a mention")
    for mention in entity.mentions:
        where = f"{place} ('{mention.name}')"
        if not 0 <= mention.sentence < len(document.sentences):
            expected = f"a sentence from 0 to {len(document.sentences) - 1}"
            yield _fault(where, "sentence", expected, mention.sentence, "correct the sentence number (they start at 0)")
            continue
        words = len(document.sentences[mention.sentence])
        if not 0 <= mention.start < mention.end <= words:
            expected = f"0 <= start < end <= {words}, the words of sentence {mention.sentence}"
            came = f"[{mention.start}, {mention.end})"
            yield _fault(where, "words", expected, came, "count words from 0, the end exclusive")


def _label_faults(document: Document, label: Label, place: str) -> Iterator[FormatError]:
    entities, sentences = len(document.entities), len(document.sentences)
    for field, value in (("head", label.head), ("tail", label.tail)):
        if not 0 <= value < entities:
            expected = f"one of the {entities} entities, counted from 0"
            yield _fault(place, field, expected, value, "correct the number or add the entity")
    if label.head == label.tail:
        cure = "remove the label or correct its tail"
        yield _fault(place, "tail", "another entity than the head", f"{label.tail} for both", cure)
    if not label.relation.strip():
        yield _fault(place, "relation", "the name of a relation", repr(label.relation), "name it or remove the label")
    for sentence in label.evidence:
        if not 0 <= sentence < sentences:
            expected = f"sentences from 0 to {sentences - 1}"
            yield _fault(place, "evidence", expected, sentence, "correct the sentence number (they start at 0)")


def _fault(place: str, field: str, expected: str, came: object, cure: str) -> FormatError:
    return FormatError(f"{_short(place)}, {field}: expected {expected}, got {_short(str(came), 80)}; {cure}")


def _short(text: str, limit: int = 400) -> str:
    """Shortens a long text for a message."""
    return text if len(text) <= limit else f"{text[: limit // 2]}...{text[-limit // 2 :]}"
