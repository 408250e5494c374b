"""Helpers of the sentence-level formats, whose documents have one sentence, two entities and one label."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from finecl.types import Document, Entity, Label, Mention
from finecl_formats.json_values import Value
from finecl_formats.lossless import refusal


def sentence_document(
    title: str, sentences: Sequence[Sequence[str]], head: Entity, tail: Entity, relation: str | None
) -> Document:
    """Builds the document, without a label if there is no relation; an empty title becomes a hash of the content,
    which does not depend on the file's order.
    """
    labels = () if relation is None else (Label(head=0, tail=1, relation=relation),)
    return Document(
        title=title or content_title(sentences, [head, tail], labels),
        sentences=tuple(map(tuple, sentences)),
        entities=(head, tail),
        labels=labels,
    )


def content_title(sentences: Sequence[Sequence[str]], entities: Sequence[Entity], labels: Sequence[Label]) -> str:
    """Hashes the words, the entities' spans, names and ids, and the labels to 16 hexadecimal digits."""
    spans = [[entity.id, *((m.sentence, m.start, m.end, m.name) for m in entity.mentions)] for entity in entities]
    claims = [(label.head, label.tail, label.relation) for label in labels]
    content = json.dumps([list(map(list, sentences)), spans, claims]).encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def id_field(document: Document) -> dict[str, str]:
    """Returns the field ``id`` to write; nothing if the title is the hash of the content."""
    default = content_title(document.sentences, document.entities, document.labels)
    return {} if document.title == default else {"id": document.title}


def words_mention(words: Sequence[str], start: int, end: int, type: str | None = None) -> Mention:
    """Returns the mention of words ``[start, end)`` of the only sentence; its name is these words."""
    return Mention(sentence=0, start=start, end=end, name=" ".join(words[start:end]), type=type)


def check_words(span: Value, start: int, end: int, words: Sequence[str], inclusive: bool = False) -> None:
    """Checks that a span lies within the sentence; the message counts inclusively if the file does.

    Raises:
        FormatError: the span is reversed, empty or outside.
    """
    if not 0 <= start < end <= len(words):
        sign, last = ("<=", len(words) - 1) if inclusive else ("<", len(words))
        raise span.error(f"0 <= start {sign} end <= {last}, the sentence having {len(words)} words")


def check_sentence(document: Document, place: str, format: str) -> None:
    """Checks that a document has one sentence, two entities and one label from the first to the second.

    Raises:
        FormatError: the document has another shape.
    """
    for what, count, expected in (
        ("sentences", len(document.sentences), 1),
        ("entities", len(document.entities), 2),
        ("labels", len(document.labels), 1),
    ):
        if count != expected:
            raise refusal(place, format, f"{count} {what} (it needs {expected})")
    label = document.labels[0]
    if (label.head, label.tail) != (0, 1):
        raise refusal(place, format, "a label whose head is not the first entity")
