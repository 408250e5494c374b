"""Documents with entities and labels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Mention:
    """One mention of an entity: words ``[start, end)`` of sentence ``sentence``."""

    sentence: int
    start: int
    end: int
    name: str
    type: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entity:
    """An entity of a document with its mentions; ``id`` identifies it in a knowledge graph, if known."""

    mentions: tuple[Mention, ...]
    id: str | None = None

    @property
    def type(self) -> str | None:
        """Returns the type of the first mention that has one."""
        return next((mention.type for mention in self.mentions if mention.type), None)


@dataclass(frozen=True, kw_only=True)
class Label:
    """A labelled relation from entity ``head`` to entity ``tail`` (indices into the document's entities).

    ``truth`` is the true relation (or the corpus's no-relation name), where it is known. Training never reads it; only
    the evaluation of noise scorers does.
    """

    head: int
    tail: int
    relation: str
    evidence: tuple[int, ...] = ()
    truth: str | None = None


@dataclass(frozen=True, kw_only=True)
class Document:
    """Sentences of words, the entities they mention and the labelled relations between these entities.

    In a sentence-level data set each document has one sentence, two entities and one label.
    """

    title: str
    sentences: tuple[tuple[str, ...], ...]
    entities: tuple[Entity, ...]
    labels: tuple[Label, ...] = ()
