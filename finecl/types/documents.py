"""Text with entities and labels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Mention:
    """One place where an entity is named: words ``[start, end)`` of sentence ``sentence``."""

    sentence: int
    start: int
    end: int
    name: str
    type: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A thing that a document speaks of, by its mentions; ``id`` is its name in a knowledge graph, if known."""

    mentions: tuple[Mention, ...]
    id: str | None = None

    @property
    def type(self) -> str | None:
        """The type of the first mention that has one."""
        return next((mention.type for mention in self.mentions if mention.type), None)


@dataclass(frozen=True, kw_only=True)
class Label:
    """A claim that entity ``head`` stands in ``relation`` to entity ``tail`` (indices into the document's entities).

    ``truth`` is what the text really says where that is known (a relation name, or the corpus's no-relation
    name). Training never reads it; only the measurement of a noise scorer does.
    """

    head: int
    tail: int
    relation: str
    evidence: tuple[int, ...] = ()
    truth: str | None = None


@dataclass(frozen=True, kw_only=True)
class Document:
    """Sentences of words, the entities they mention and the labelled relations between those.

    A sentence-level data set is the case of one sentence, two entities and one label.
    """

    title: str
    sentences: tuple[tuple[str, ...], ...]
    entities: tuple[Entity, ...]
    labels: tuple[Label, ...] = ()
