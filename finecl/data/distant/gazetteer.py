"""Finds entities in raw text: exact occurrences of the names of a knowledge graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from finecl.data.distant.knowledge_graph import Graph
from finecl.types import Document, Entity, Mention

if TYPE_CHECKING:
    import polars as pl

_WORD = r"\w+(?:[-'’.]\w+)*|[^\w\s]"  # as the format "text" splits words
_LONGEST = 8  # maximum number of words of a name
_CHUNK = 1024  # documents per join

NameMatch = tuple[int, int, int, str, str | None, str | None]
"""Sentence, start, end, phrase, type and id."""


class Gazetteer:
    """Finds the names of a graph in documents: case-sensitive, longest match first.

    A name of several graph entities gives an entity without id; labelling then considers all of them.
    """

    def __init__(self, graph: Graph) -> None:
        import polars as pl

        words = graph.names.with_columns(words=pl.col("name").str.extract_all(_WORD))
        short = words.filter(pl.col("words").list.len().is_between(1, _LONGEST))
        phrases = short.with_columns(phrase=pl.col("words").list.join(" "), length=pl.col("words").list.len())
        grouped = phrases.group_by("phrase").agg(
            pl.col("number").min(), pl.col("type").drop_nulls().first(), entities=pl.col("number").n_unique()
        )
        self._phrases = grouped.with_columns(id=pl.lit(graph.ids).gather(pl.col("number"))).drop("number")
        self._longest = max(phrases["length"].to_list(), default=0)

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents with the entities found; their old entities and labels are dropped."""
        rest = iter(documents)
        while chunk := list(islice(rest, _CHUNK)):
            matches: dict[int, list[NameMatch]] = {}
            for document, *match in self._matches(chunk).iter_rows():
                matches.setdefault(document, []).append(tuple(match))
            for number, document in enumerate(chunk):
                entities = _entities(document, _longest_first(matches.get(number, [])))
                yield replace(document, entities=entities, labels=())

    def _matches(self, documents: Sequence[Document]) -> pl.DataFrame:
        """Returns document, sentence, start, end, phrase, type and id of every match, nested matches included."""
        import polars as pl

        rows = [
            (d, s, start, end, " ".join(words[start:end]))
            for d, document in enumerate(documents)
            for s, words in enumerate(document.sentences)
            for start in range(len(words))
            for end in range(start + 1, min(start + self._longest, len(words)) + 1)
        ]
        places = ("document", "sentence", "start", "end")
        schema = dict.fromkeys(places, pl.UInt32) | {"phrase": pl.String}
        matches = pl.DataFrame(rows, schema=schema, orient="row").join(self._phrases, on="phrase")
        unique_id = pl.when(pl.col("entities") == 1).then(pl.col("id"))
        return matches.select(*places, "phrase", "type", id=unique_id).sort("document", "sentence", "start", "end")


def _longest_first(matches: Sequence[NameMatch]) -> Iterator[NameMatch]:
    """Yields non-overlapping matches from left to right; of those with the same start the longest."""
    free = (0, 0)  # sentence and word after the last match
    for match in sorted(matches, key=lambda m: (m[0], m[1], -m[2])):
        if (match[0], match[1]) >= free:
            free = (match[0], match[2])
            yield match


def _entities(document: Document, matches: Iterable[NameMatch]) -> tuple[Entity, ...]:
    groups: dict[str, list[NameMatch]] = {}
    for match in matches:
        groups.setdefault(match[5] or match[3], []).append(match)
    return tuple(
        Entity(mentions=tuple(_mention(document, match) for match in group), id=group[0][5])
        for group in groups.values()
    )


def _mention(document: Document, match: NameMatch) -> Mention:
    sentence, start, end, _, kind, _ = match
    words = document.sentences[sentence][start:end]
    return Mention(sentence=sentence, start=start, end=end, name=" ".join(words), type=kind)
