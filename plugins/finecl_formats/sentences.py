"""Documents of one sentence, two entities and one label, which the sentence-level formats hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from finecl.types import Document, Entity, Label, Mention
from finecl_formats.held import refusal
from finecl_formats.values import Value


def sentence_document(
    title: str, sentences: Sequence[Sequence[str]], head: Entity, tail: Entity, relation: str
) -> Document:
    """The document; its title is a hash of its content where the file gives none, so it survives shuffling."""
    labels = (Label(head=0, tail=1, relation=relation),)
    return Document(
        title=title or content_title(sentences, [head, tail], labels),
        sentences=tuple(map(tuple, sentences)),
        entities=(head, tail),
        labels=labels,
    )


def content_title(sentences: Sequence[Sequence[str]], entities: Sequence[Entity], labels: Sequence[Label]) -> str:
    """16 hexadecimal digits that depend on the words, on the entities' places, names and ids, and on the labels."""
    spans = [[entity.id, *((m.sentence, m.start, m.end, m.name) for m in entity.mentions)] for entity in entities]
    claims = [(label.head, label.tail, label.relation) for label in labels]
    content = json.dumps([list(map(list, sentences)), spans, claims]).encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def given_title(document: Document) -> dict[str, str]:
    """The field ``id`` that is to be written, if the title is not the hash of the content."""
    made = content_title(document.sentences, document.entities, document.labels)
    return {} if document.title == made else {"id": document.title}


def words_mention(words: Sequence[str], start: int, end: int, type: str | None = None) -> Mention:
    """Words ``[start, end)`` of the only sentence, named by themselves."""
    return Mention(sentence=0, start=start, end=end, name=" ".join(words[start:end]), type=type)


def check_words(span: Value, start: int, end: int, words: Sequence[str], inclusive: bool = False) -> None:
    """Passes words of the sentence; the message counts as the file does.

    Raises:
        FormatError: the span is reversed, empty or outside.
    """
    if not 0 <= start < end <= len(words):
        sign, last = ("<=", len(words) - 1) if inclusive else ("<", len(words))
        raise span.fault(f"0 <= start {sign} end <= {last}, the sentence having {len(words)} words")


def check_sentence(document: Document, place: str, format: str) -> None:
    """Passes a document of one sentence, two entities and one label from the first to the second.

    Raises:
        FormatError: says what else the document holds.
    """
    for what, found, most in (
        ("sentences", len(document.sentences), 1),
        ("entities", len(document.entities), 2),
        ("labels", len(document.labels), 1),
    ):
        if found != most:
            raise refusal(place, format, f"{found} {what} (it holds {most})")
    label = document.labels[0]
    if (label.head, label.tail) != (0, 1):
        raise refusal(place, format, "a label whose head is not the first entity")
