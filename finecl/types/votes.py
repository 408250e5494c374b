"""Votes of several sources on the relations of entity pairs, and the protocols of sources and label models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from finecl.types.arrays import Floats, Ints

if TYPE_CHECKING:
    from finecl.types.documents import Document


@dataclass(frozen=True, kw_only=True)
class Vote:
    """What a source says about an ordered pair of a document's entities: indices of head and tail, and a relation.

    ``relation`` None: the text states no relation between them. A source abstains from a pair by giving no vote.
    ``confidence`` is within 0..1; ``provenance`` says what the vote rests on, such as a rule or a fact.
    """

    head: int
    tail: int
    relation: str | None
    confidence: float = 1.0
    provenance: str = ""


@dataclass(frozen=True, kw_only=True)
class PairText:
    """A sentence that mentions both entities of a pair, as a labeling function reads it.

    ``head`` and ``tail`` are the words [start, end) of their mentions in ``words``.
    """

    words: tuple[str, ...]
    head: tuple[int, int]
    tail: tuple[int, int]
    head_type: str | None = None
    tail_type: str | None = None

    @property
    def between(self) -> tuple[str, ...]:
        """Returns the words between the two mentions."""
        first, second = sorted((self.head, self.tail))
        return self.words[first[1] : second[0]]

    @property
    def marked(self) -> str:
        """Returns the sentence with ``<head>`` and ``<tail>`` in place of the mentions, words separated by spaces."""
        ends = sorted([(self.head, "<head>"), (self.tail, "<tail>")])
        (first, one), (second, other) = ends
        parts = (self.words[: first[0]], (one,), self.words[first[1] : second[0]], (other,), self.words[second[1] :])
        return " ".join(word for part in parts for word in part)


def labeling_function(function: LabelingFunction) -> LabelingFunction:
    """Marks a function of a Python file for the labeler ``rules``.

    It takes a ``PairText`` and returns the name of a relation, ``finecl.types.NONE`` if the sentence states no relation
    between the two, or None to abstain.
    """
    function.is_labeling_function = True  # type: ignore[attr-defined]
    return function


NONE = ""
"""What a labeling function returns if a sentence states no relation between its two entities."""
LabelingFunction: TypeAlias = "Callable[[PairText], str | None]"


class Labeler(Protocol):
    """A source of labels, built by ``factory(source, **settings)``.

    ``source`` is what stands after the colon of ``finecl data label --with NAME:SOURCE``, such as a file; "" if nothing
    does.
    """

    def votes(self, documents: Iterable[Document]) -> Iterator[Sequence[Vote]]:
        """Yields the votes on each document, in order; reads texts and entities, and never labels."""
        ...


@runtime_checkable
class PaidLabeler(Labeler, Protocol):
    """A labeler whose votes cost something; both mappings are printed, and kept with the numbers of the source."""

    def estimate(self, documents: Iterable[Document]) -> Mapping[str, Any]:
        """Returns what the votes on the documents would cost, without asking for them: ``--dry-run`` prints it."""
        ...

    def numbers(self) -> Mapping[str, Any]:
        """Returns what the votes so far have cost."""
        ...


@dataclass(frozen=True, kw_only=True)
class Votes:
    """All votes as columns [V]: the number of the pair, of the source and of the relation, and the confidence.

    The number of ``relations`` means "no relation". A source may vote for several relations of a pair. ``pairs`` is
    the number of pairs with a vote.
    """

    pair: Ints
    source: Ints
    relation: Ints
    confidence: Floats
    pairs: int
    sources: tuple[str, ...]
    relations: tuple[str, ...]


class LabelModel(Protocol):
    """Combines the votes of sources that agree and disagree."""

    def probabilities(self, votes: Votes) -> Floats:
        """Returns the probability of each relation, and of no relation as the last column, for each pair.

        *Shape:* [P, R + 1], rows sum to 1.
        """
        ...


Labelers: TypeAlias = Mapping[str, Callable[..., Labeler]]
LabelModels: TypeAlias = Mapping[str, Callable[..., LabelModel]]


def vote_fault(votes: Sequence[Vote], document: Document) -> str | None:
    """Returns why a labeler may not give these votes on a document; None if it may."""
    entities, seen = len(document.entities), set()
    for vote in votes:
        if not (0 <= vote.head < entities and 0 <= vote.tail < entities) or vote.head == vote.tail:
            return f"expected two of {entities} entities, from 0, got head {vote.head} and tail {vote.tail}"
        if vote.relation == "" or not 0 <= vote.confidence <= 1:
            got = f"'{vote.relation}' with {vote.confidence}"
            return f"expected a relation, or None for no relation, and a confidence from 0 to 1, got {got}"
        claim = (vote.head, vote.tail, vote.relation)
        if claim in seen:
            return f"expected one vote on a pair and relation, got head, tail and relation {claim} twice"
        seen.add(claim)
    return None
