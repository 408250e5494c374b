"""Distant supervision: labels documents with the facts of a knowledge graph.

Documents are labelled in chunks: their entities become a table, which is joined with the columns of the graph.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from finecl.data.distant.knowledge_graph import Graph, normalised_column
from finecl.errors import FormatError
from finecl.types import Document, Label

if TYPE_CHECKING:
    import polars as pl

Matcher = Literal["id", "name", "either"]
"""Whether an entity is linked by its id, by its names, or by its id if it has one and else by its names."""

MATCHERS = ("id", "exact-name", "normalised-name")
_CHUNK = 4096  # documents per join
_MAX_PAIRS = 1 << 24  # entity pairs per join


@dataclass(frozen=True, kw_only=True)
class GraphFact:
    """The fact behind a silver label: ids of head and tail in the graph, and the weaker of their two matchers."""

    head_id: str
    tail_id: str
    matcher: str


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """Labels documents with the facts of a graph.

    ``candidates``: maximum number of no-relation pairs per document, sampled from the pairs whose entities are in the
    graph and that no fact links in either direction. ``stated``: the documents' labels are complete and true, and
    become the ``truth`` of the silver labels; otherwise they are replaced, and no truth is known.
    """

    graph: Graph
    match: Matcher = "either"
    no_relation: str = "no_relation"
    candidates: int = 0
    stated: bool = False
    seed: int = 42

    def label(self, documents: Iterable[Document]) -> Iterator[tuple[Document, list[GraphFact | None]]]:
        """Yields each document with its silver labels, and the fact of each label (None for no-relation candidates).

        Raises:
            FormatError: entities are linked by id, and one has none.
        """
        rest = iter(documents)
        done = 0
        while chunk := list(_next_chunk(rest)):
            yield from self._chunk(chunk, done)
            done += len(chunk)

    def _chunk(self, documents: Sequence[Document], done: int) -> Iterator[tuple[Document, list[GraphFact | None]]]:
        pairs = self._pairs(documents, done)
        facts = self._facts(pairs, documents)
        rows: dict[int, list[tuple[int, int, str, GraphFact | None]]] = defaultdict(list)
        ids = self.graph.ids
        names = zip(ids.gather(facts["number"]), ids.gather(facts["number_tail"]), strict=True)
        claims = zip(
            *(facts[name] for name in ("document", "entity", "entity_tail", "relation", "matcher")), strict=True
        )
        for (document, head, tail, relation, matcher), (head_id, tail_id) in zip(claims, names, strict=True):
            fact = GraphFact(head_id=head_id, tail_id=tail_id, matcher=MATCHERS[matcher])
            rows[document].append((head, tail, relation, fact))
        for document, head, tail in self._candidates(pairs, facts, done):
            rows[document].append((head, tail, self.no_relation, None))
        for number, document in enumerate(documents):
            labels = tuple(self._label(document, row[:3]) for row in rows[number])
            yield replace(document, labels=labels), [row[3] for row in rows[number]]

    def _label(self, document: Document, claim: tuple[int, int, str]) -> Label:
        head, tail, relation = claim
        truth = stated_relation(document, *claim, no_relation=self.no_relation) if self.stated else None
        return Label(head=head, tail=tail, relation=relation, truth=truth)

    def _pairs(self, documents: Sequence[Document], done: int) -> pl.DataFrame:
        """Returns ordered pairs of linked entities of the same document, with the key of a fact between them."""
        import polars as pl

        linked = self._linked(documents, done).lazy()
        both = linked.join(linked, on="document", suffix="_tail").filter(pl.col("entity") != pl.col("entity_tail"))
        key = pl.col("number").cast(pl.UInt64) * (1 << 32) + pl.col("number_tail")
        return both.with_columns(key=key).collect()

    def _linked(self, documents: Sequence[Document], done: int) -> pl.DataFrame:
        """Returns entities with their numbers in the graph (several for an ambiguous name) and their matchers."""
        import polars as pl

        entities = [
            (d, e, entity) for d, document in enumerate(documents) for e, entity in enumerate(document.entities)
        ]
        if self.match == "id":
            _refuse_unlinked(documents, done)
        by_id = [(d, e, entity.id) for d, e, entity in entities if entity.id is not None and self.match != "name"]
        schema = {"document": pl.UInt32, "entity": pl.UInt32}
        frame = pl.DataFrame(by_id, schema=schema | {"id": pl.String}, orient="row")
        by_id_frame = frame.join(self.graph.numbers, on="id").with_columns(matcher=pl.lit(0, dtype=pl.UInt8)).drop("id")
        named = [
            (d, e, mention.name)
            for d, e, entity in entities
            if self.match == "name" or (self.match == "either" and entity.id is None)
            for mention in entity.mentions
        ]
        columns = ("document", "entity", "number", "matcher")
        parts = [by_id_frame.select(columns)]
        if named:
            names = pl.DataFrame(named, schema=schema | {"mention": pl.String}, orient="row")
            keyed = names.with_columns(key=normalised_column(pl.col("mention"))).join(
                self.graph.normalised_names, on="key"
            )
            exact = (
                pl.when(pl.col("mention").str.normalize("NFC") == pl.col("name").str.normalize("NFC"))
                .then(1)
                .otherwise(2)
                .cast(pl.UInt8)
            )
            parts.append(keyed.with_columns(matcher=exact).select(columns))
        return pl.concat(parts).group_by("document", "entity", "number").agg(pl.col("matcher").min())

    def _facts(self, pairs: pl.DataFrame, documents: Sequence[Document]) -> pl.DataFrame:
        """Returns the pairs that a fact links, once per relation, sorted by document, entities and relation."""
        import polars as pl

        linked = pairs.join(self.graph.facts, on="key").with_columns(
            pl.col("relation").cast(pl.String), matcher=pl.max_horizontal("matcher", "matcher_tail")
        )
        if self.graph.allowed is not None:
            linked = _of_allowed_types(linked, documents, self.graph.allowed)
        claim = ["document", "entity", "entity_tail", "relation"]
        # If several ids of a name have the fact, the most reliable matcher wins, and then the first id.
        ordered = linked.sort([*claim, "matcher", "number", "number_tail"])
        return ordered.unique(claim, keep="first", maintain_order=True)

    def _candidates(self, pairs: pl.DataFrame, facts: pl.DataFrame, done: int) -> Iterator[tuple[int, int, int]]:
        """Samples pairs that no fact links, for every document."""
        if not self.candidates:
            return
        import polars as pl

        ends = ["document", "entity", "entity_tail"]
        linked = facts.select(ends)
        reverse = linked.select("document", entity="entity_tail", entity_tail="entity")
        free = pairs.select(ends).unique().join(pl.concat([linked, reverse]).unique(), on=ends, how="anti").sort(ends)
        key = np.random.default_rng([self.seed, done]).random(len(free))
        shuffled = free.with_columns(key=key).sort("document", "key")
        sampled = shuffled.group_by("document", maintain_order=True).head(self.candidates).sort(ends)
        yield from sampled.select(ends).iter_rows()


def label_silver(
    documents: Iterable[Document], triples: Iterable[tuple[str, str, str]], *, no_relation: str = "no_relation"
) -> Iterator[Document]:
    """Labels every ordered pair of a document's entities that a triple (head id, relation, tail id) links.

    The documents' labels are taken as true and complete; see ``Labelling.stated``.

    Raises:
        FormatError: an entity has no id.
    """
    labelling = Labelling(graph=Graph.of(triples), match="id", no_relation=no_relation, stated=True)
    return (document for document, _ in labelling.label(documents))


def stated_relation(document: Document, head: int, tail: int, relation: str, *, no_relation: str) -> str:
    """Returns the true relation of a pair, by labels that are complete: ``relation`` if the document has that label."""
    true = {x.relation for x in document.labels if (x.head, x.tail) == (head, tail)} - {no_relation}
    return relation if relation in true else min(true, default=no_relation)


def _next_chunk(documents: Iterator[Document]) -> Iterator[Document]:
    """Yields the next chunk of documents, fewer if they have many entities."""
    pairs = 0
    for document in islice(documents, _CHUNK):
        yield document
        pairs += len(document.entities) ** 2
        if pairs > _MAX_PAIRS:
            return


def _refuse_unlinked(documents: Sequence[Document], done: int) -> None:
    for number, document in enumerate(documents, start=done + 1):
        for place, entity in enumerate(document.entities):
            if entity.id is None:
                name = entity.mentions[0].name if entity.mentions else ""
                raise FormatError(
                    f"document {number} ('{document.title}'), entity {place} ('{name}'), id: expected its id in the "
                    "knowledge graph, got none; link the entities before labelling them, or match them by name"
                )


def _of_allowed_types(linked: pl.DataFrame, documents: Sequence[Document], allowed: pl.DataFrame) -> pl.DataFrame:
    """Returns the facts with allowed or unknown types of head and tail, or whose relation has no constraint."""
    import polars as pl

    types: Mapping[str, list[object]] = {
        "document": [d for d, document in enumerate(documents) for _ in document.entities],
        "entity": [e for document in documents for e in range(len(document.entities))],
        "type": [entity.type for document in documents for entity in document.entities],
    }
    frame = pl.DataFrame(types, schema={"document": pl.UInt32, "entity": pl.UInt32, "type": pl.String})
    typed = linked
    for end in ("", "_tail"):
        named = frame.rename({"entity": f"entity{end}", "type": f"type{end}"})
        typed = typed.join(named, on=["document", f"entity{end}"], how="left")
    rules = allowed.rename({"head_type": "type", "tail_type": "type_tail"}).with_columns(fits=pl.lit(True))
    checked = typed.join(rules, on=["relation", "type", "type_tail"], how="left")
    free = ~pl.col("relation").is_in(allowed["relation"].unique().implode()) | pl.any_horizontal(
        pl.col("type", "type_tail").is_null()
    )
    return checked.filter(free | pl.col("fits"))
