"""Finds entities in raw text: exact occurrences of the names of a knowledge graph."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from finecl.data.distant.knowledge_graph import Graph
from finecl.text.words import joined_text, words_of
from finecl.types import Document, Entity, Mention

if TYPE_CHECKING:
    import polars as pl

_CHUNK = 1024  # documents per join

NameMatch = tuple[int, int, int, str, str, str | None, str | None]
"""Sentence, start, end, phrase, the graph's name, type and id."""


class Gazetteer:
    """Finds the names of a graph in documents, longest match first; names are compared in NFC, word by word.

    A name of several graph entities gives an entity without id; labelling then considers all of them. ``ignore_case``
    also finds names in other case. ``names`` counts the different names, ``not_found`` those that no text held.
    """

    def __init__(self, graph: Graph, *, ignore_case: bool = False) -> None:
        import polars as pl

        self._ignore_case = ignore_case
        named = graph.names
        words = [self._words(name) for name in named["name"]]
        self._lengths: dict[str, set[int]] = {}
        for phrase in words:
            if phrase:
                self._lengths.setdefault(phrase[0], set()).add(len(phrase))
        phrases = named.with_columns(phrase=pl.Series(list(map(" ".join, words)), dtype=pl.String))
        one = (pl.col("number").min(), pl.col("name").first(), pl.col("type").drop_nulls().first())
        groups = phrases.filter(pl.col("phrase") != "").group_by("phrase", maintain_order=True)
        grouped = groups.agg(*one, entities=pl.col("number").n_unique())
        self._phrases = grouped.with_columns(id=pl.lit(graph.ids).gather(pl.col("number"))).drop("number")
        self._found: set[str] = set()
        self.names = len(grouped)

    @property
    def not_found(self) -> int:
        """Returns the number of names that no text held so far."""
        return self.names - len(self._found)

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents with the entities found; their old entities and labels are dropped."""
        rest = iter(documents)
        while chunk := list(islice(rest, _CHUNK)):
            matches: dict[int, list[NameMatch]] = {}
            for document, *match in self._matches(chunk).iter_rows():
                matches.setdefault(document, []).append(tuple(match))
                self._found.add(match[3])
            for number, document in enumerate(chunk):
                entities = _entities(document, _longest_first(matches.get(number, [])))
                yield replace(document, entities=entities, labels=())

    def _words(self, text: str) -> list[str]:
        return words_of(self._form(text))

    def _form(self, text: str) -> str:
        plain = text if text.isascii() else unicodedata.normalize("NFC", text)
        return plain.casefold() if self._ignore_case else plain

    def _matches(self, documents: Sequence[Document]) -> pl.DataFrame:
        """Returns document, sentence, start, end, phrase, name, type and id of every match, nested matches included."""
        import polars as pl

        rows = [
            (d, s, start, start + length, " ".join(words[start : start + length]))
            for d, document in enumerate(documents)
            for s, sentence in enumerate(document.sentences)
            for words in [[self._form(word) for word in sentence]]
            for start, word in enumerate(words)
            for length in self._lengths.get(word, ())
            if start + length <= len(words)
        ]
        places = ("document", "sentence", "start", "end")
        schema = dict.fromkeys(places, pl.UInt32) | {"phrase": pl.String}
        matches = pl.DataFrame(rows, schema=schema, orient="row").join(self._phrases, on="phrase")
        unique_id = pl.when(pl.col("entities") == 1).then(pl.col("id"))
        return matches.select(*places, "phrase", "name", "type", id=unique_id).sort(
            "document", "sentence", "start", "end"
        )


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
        groups.setdefault(match[6] or match[3], []).append(match)
    return tuple(
        Entity(mentions=tuple(_mention(document, match) for match in group), id=group[0][6])
        for group in groups.values()
    )


def _mention(document: Document, match: NameMatch) -> Mention:
    sentence, start, end, _, name, kind, _ = match
    words = document.sentences[sentence][start:end]
    same = words_of(unicodedata.normalize("NFC", name)) == [unicodedata.normalize("NFC", word) for word in words]
    # The graph knows where its name has spaces ("Jean-Paul"); in other case, the text's words stand.
    shown = name if same else joined_text(words)
    return Mention(sentence=sentence, start=start, end=end, name=shown, type=kind)
