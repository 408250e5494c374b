"""Distant supervision: labels from a knowledge graph instead of from reading.

Documents are labelled some at a time: their entities become a table, which is joined to the graph's columns.
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
"""Whether an entity is looked up by its id, by its names, or by its names where it has no id."""

MATCHERS = ("id", "exact-name", "normalised-name")
_CHUNK = 4096  # documents that are joined together
_TOO_MANY = 1 << 24  # entity pairs that are joined together


@dataclass(frozen=True, kw_only=True)
class GraphFact:
    """Why a pair has a silver label: ids in the graph, and the weaker of the two matchers that found them."""

    head_id: str
    tail_id: str
    matcher: str


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """How documents are labelled.

    ``candidates``: no-relation pairs a document at most, drawn from those whose entities are in the graph and which no
    fact links in either direction. ``stated``: the labels that a document comes with are all that its text says, and
    become the ``truth`` of the silver ones; otherwise they are replaced, and no truth is known.
    """

    graph: Graph
    match: Matcher = "either"
    no_relation: str = "no_relation"
    candidates: int = 0
    stated: bool = False
    seed: int = 42

    def label(self, documents: Iterable[Document]) -> Iterator[tuple[Document, list[GraphFact | None]]]:
        """Every document with its silver labels, and the fact of each label; None for a no-relation candidate.

        Raises:
            FormatError: entities are looked up by id, and one has none.
        """
        rest = iter(documents)
        done = 0
        while chunk := list(_some(rest)):
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
        if not self.stated:
            return Label(head=head, tail=tail, relation=relation)
        said = {x.relation for x in document.labels if (x.head, x.tail) == (head, tail)} - {self.no_relation}
        truth = relation if relation in said else min(said, default=self.no_relation)
        return Label(head=head, tail=tail, relation=relation, truth=truth)

    def _pairs(self, documents: Sequence[Document], done: int) -> pl.DataFrame:
        """Ordered pairs of linked entities of one document, with the key of a fact between them."""
        import polars as pl

        linked = self._linked(documents, done).lazy()
        both = linked.join(linked, on="document", suffix="_tail").filter(pl.col("entity") != pl.col("entity_tail"))
        key = pl.col("number").cast(pl.UInt64) * (1 << 32) + pl.col("number_tail")
        return both.with_columns(key=key).collect()

    def _linked(self, documents: Sequence[Document], done: int) -> pl.DataFrame:
        """Entities with their numbers in the graph, of which an ambiguous name has several, and what found them."""
        import polars as pl

        entities = [
            (d, e, entity) for d, document in enumerate(documents) for e, entity in enumerate(document.entities)
        ]
        if self.match == "id":
            _refuse_unlinked(documents, done)
        by_id = [(d, e, entity.id) for d, e, entity in entities if entity.id is not None and self.match != "name"]
        schema = {"document": pl.UInt32, "entity": pl.UInt32}
        frame = pl.DataFrame(by_id, schema=schema | {"id": pl.String}, orient="row")
        found = frame.join(self.graph.numbers, on="id").with_columns(matcher=pl.lit(0, dtype=pl.UInt8)).drop("id")
        named = [
            (d, e, mention.name)
            for d, e, entity in entities
            if self.match == "name" or (self.match == "either" and entity.id is None)
            for mention in entity.mentions
        ]
        columns = ("document", "entity", "number", "matcher")
        parts = [found.select(columns)]
        if named:
            names = pl.DataFrame(named, schema=schema | {"called": pl.String}, orient="row")
            keyed = names.with_columns(key=normalised_column(pl.col("called"))).join(
                self.graph.normalised_names, on="key"
            )
            exact = pl.when(pl.col("called") == pl.col("name")).then(1).otherwise(2).cast(pl.UInt8)
            parts.append(keyed.with_columns(matcher=exact).select(columns))
        return pl.concat(parts).group_by("document", "entity", "number").agg(pl.col("matcher").min())

    def _facts(self, pairs: pl.DataFrame, documents: Sequence[Document]) -> pl.DataFrame:
        """Pairs that a fact links, once a relation, in the order of documents, entities and relations."""
        import polars as pl

        found = pairs.join(self.graph.facts, on="key").with_columns(
            pl.col("relation").cast(pl.String), matcher=pl.max_horizontal("matcher", "matcher_tail")
        )
        if self.graph.allowed is not None:
            found = _of_allowed_types(found, documents, self.graph.allowed)
        claim = ["document", "entity", "entity_tail", "relation"]
        # Where several ids of a name have the fact, the surest matcher tells which, and then the order of ids.
        ordered = found.sort([*claim, "matcher", "number", "number_tail"])
        return ordered.unique(claim, keep="first", maintain_order=True)

    def _candidates(self, pairs: pl.DataFrame, facts: pl.DataFrame, done: int) -> Iterator[tuple[int, int, int]]:
        """Some pairs that no fact links, for every document."""
        if not self.candidates:
            return
        import polars as pl

        ends = ["document", "entity", "entity_tail"]
        linked = facts.select(ends)
        turned = linked.select("document", entity="entity_tail", entity_tail="entity")
        free = pairs.select(ends).unique().join(pl.concat([linked, turned]).unique(), on=ends, how="anti").sort(ends)
        draw = np.random.default_rng([self.seed, done]).random(len(free))
        drawn = free.with_columns(draw=draw).sort("document", "draw")
        kept = drawn.group_by("document", maintain_order=True).head(self.candidates).sort(ends)
        yield from kept.select(ends).iter_rows()


def label_silver(
    documents: Iterable[Document], triples: Iterable[tuple[str, str, str]], *, no_relation: str = "no_relation"
) -> Iterator[Document]:
    """Labels every ordered pair of a document's entities that a triple (head id, relation, tail id) links.

    The labels that a document comes with are taken as what its text says; see ``Labelling.stated``.

    Raises:
        FormatError: an entity has no id.
    """
    labelling = Labelling(graph=Graph.of(triples), match="id", no_relation=no_relation, stated=True)
    return (document for document, _ in labelling.label(documents))


def _some(documents: Iterator[Document]) -> Iterator[Document]:
    """The next documents: a chunk of them, fewer if they have many entities."""
    pairs = 0
    for document in islice(documents, _CHUNK):
        yield document
        pairs += len(document.entities) ** 2
        if pairs > _TOO_MANY:
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


def _of_allowed_types(found: pl.DataFrame, documents: Sequence[Document], allowed: pl.DataFrame) -> pl.DataFrame:
    """Facts whose types of head and tail go together, or are not known, or whose relation is not constrained."""
    import polars as pl

    types: Mapping[str, list[object]] = {
        "document": [d for d, document in enumerate(documents) for _ in document.entities],
        "entity": [e for document in documents for e in range(len(document.entities))],
        "type": [entity.type for document in documents for entity in document.entities],
    }
    frame = pl.DataFrame(types, schema={"document": pl.UInt32, "entity": pl.UInt32, "type": pl.String})
    typed = found
    for end in ("", "_tail"):
        named = frame.rename({"entity": f"entity{end}", "type": f"type{end}"})
        typed = typed.join(named, on=["document", f"entity{end}"], how="left")
    rules = allowed.rename({"head_type": "type", "tail_type": "type_tail"}).with_columns(fits=pl.lit(True))
    judged = typed.join(rules, on=["relation", "type", "type_tail"], how="left")
    free = ~pl.col("relation").is_in(allowed["relation"].unique().implode()) | pl.any_horizontal(
        pl.col("type", "type_tail").is_null()
    )
    return judged.filter(free | pl.col("fits"))
