"""Contrast groups: documents that are contrasted with each other, as integers, before anything is encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from finecl.pretraining.queries import draw_instances, query_tokens
from finecl.tokens.candidate_pairs import PairFilter, instances_of, select_pairs
from finecl.tokens.markers import blanked
from finecl.tokens.packing import Packed, pack, with_queries
from finecl.tokens.token_table import TokenizedCorpus
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import NO_RELATION, Bools, Floats, Instances, Ints, RowColumns, Unit


@dataclass(frozen=True, kw_only=True)
class UnitRows:
    """The rows of one view and where their representations come from: one or two entity rows of the pack each."""

    table: RowColumns
    entity_rows: tuple[Ints, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Packed documents and the views that they offer. ``documents`` are their numbers in the corpus."""

    documents: Ints
    packed: Packed
    units: Mapping[Unit, UnitRows]


@dataclass(frozen=True, kw_only=True)
class SilverData:
    """The silver corpus as pre-training meets it; ``weight`` is [N], ``unscored`` that of a pair without a label.

    ``relation_tokens`` are the sub-words of each relation's name; ``askable`` says of which instances [N] head and
    tail are within the encoder's reach and the weight is not 0. ``entity_key`` and ``first_entity`` are what
    ``entity_keys`` gives, where an objective asks for it. ``blanking`` is the share of mentions of
    marked sentences that become a blank. ``pair_filter`` says which pairs without a label may be candidates.
    """

    tokens: TokenizedCorpus
    instances: Instances
    weight: Floats
    unscored: float
    relation_tokens: Sequence[Sequence[int]]
    askable: Bools
    entity_key: Ints | None = None
    first_entity: Ints | None = None
    blanking: float = 0.0
    pair_filter: PairFilter | None = None

    def key(self, document: Ints, entity: Ints) -> Ints:
        """The keys of these entities of the corpus; 0 where nothing has asked for any."""
        if self.entity_key is None or self.first_entity is None:
            return np.zeros(len(document), dtype=np.int64)
        keys: Ints = self.entity_key[self.first_entity[document] + entity]
        return keys


def plain_group(
    silver: SilverData, documents: Ints, tokenizer: DocumentTokenizer, *, no_relation_pairs: int, seed: int, step: int
) -> Group:
    """Documents or marked sentences, with the view "pair"; instances of weight 0 are left out of everything."""
    rows, marked = silver.tokens.rows(documents), silver.tokens.marked
    if marked and silver.blanking and tokenizer.markers:
        rows = blanked(rows, documents, silver.blanking, tokenizer.markers, seed=seed, step=step)
    packed = pack(rows)
    asked = select_pairs(
        packed,
        silver.instances,
        documents,
        marked=marked,
        pair_filter=silver.pair_filter,
        at_most=no_relation_pairs,
        seed=seed,
        epoch=step,
    )
    kept = silver.weight[asked.instance_I] > 0
    instance, labelled = asked.instance_I[kept], asked.pair_I[kept]
    free = np.setdiff1d(np.arange(len(asked)), asked.pair_I)
    pair = np.concatenate([labelled, free])
    blank = np.zeros(len(free))
    table = RowColumns(
        uid=np.concatenate([silver.instances.uid[instance], blank.astype(np.uint64)]),
        document=asked.document_P[pair],
        head=asked.head_P[pair],
        tail=asked.tail_P[pair],
        relation=np.concatenate([silver.instances.relation[instance], np.full(len(free), NO_RELATION)]),
        weight=np.concatenate([silver.weight[instance], blank + silver.unscored]).astype(np.float32),
        head_key=silver.key(documents[asked.document_P[pair]], asked.head_P[pair]),
        tail_key=silver.key(documents[asked.document_P[pair]], asked.tail_P[pair]),
    )
    entity_rows = (asked.head_row_P[pair], asked.tail_row_P[pair])
    return Group(documents=documents, packed=packed, units={"pair": UnitRows(table=table, entity_rows=entity_rows)})


def queried_group(silver: SilverData, documents: Ints, tokenizer: DocumentTokenizer, *, seed: int, step: int) -> Group:
    """Documents with a drawn instance's relation and head in front, with the views "query" and "entity".

    ``documents`` must each have an instance to ask for: see ``askable``.
    """
    instances, documents = silver.instances, np.sort(documents)
    numbers, _ = instances_of(instances, documents)
    drawn = draw_instances(instances, numbers[silver.askable[numbers]], seed=seed, step=step)
    rows = silver.tokens.rows(documents)
    names = [silver.relation_tokens[code] for code in instances.relation[drawn]]
    queries = query_tokens(rows, instances.head[drawn], names)
    packed = pack(with_queries(rows, queries, tokenizer.last, tokenizer.max_length))
    anchor_row = packed.entity_rows(np.arange(len(documents)), instances.head[drawn])
    there = anchor_row >= 0
    query = _query_table(silver, drawn[there], np.flatnonzero(there))
    return Group(
        documents=documents,
        packed=packed,
        units={
            "query": UnitRows(table=query, entity_rows=(anchor_row[there],)),
            "entity": UnitRows(table=_entity_table(silver, packed, drawn), entity_rows=(np.arange(len(packed.key_V)),)),
        },
    )


def _query_table(silver: SilverData, drawn: Ints, document: Ints) -> RowColumns:
    instances = silver.instances
    return RowColumns(
        uid=instances.uid[drawn],
        document=document,
        head=instances.head[drawn],
        tail=instances.tail[drawn],
        relation=instances.relation[drawn],
        weight=silver.weight[drawn],
        head_key=silver.key(instances.document[drawn], instances.head[drawn]),
        tail_key=silver.key(instances.document[drawn], instances.tail[drawn]),
    )


def _entity_table(silver: SilverData, packed: Packed, drawn: Ints) -> RowColumns:
    """The entities of queried documents; those that the labels make a tail of the query carry its relation."""
    instances, count = silver.instances, len(packed.key_V)
    numbers, local = instances_of(instances, instances.document[drawn])
    asked = drawn[local]
    answers = (instances.head[numbers] == instances.head[asked]) & (
        instances.relation[numbers] == instances.relation[asked]
    )
    tail_row = packed.entity_rows(local[answers], instances.tail[numbers[answers]])
    relation = np.full(count, NO_RELATION)
    relation[tail_row[tail_row >= 0]] = instances.relation[asked[answers]][tail_row >= 0]
    return RowColumns(
        uid=np.zeros(count, dtype=np.uint64),
        document=packed.document_V,
        head=packed.entity_V,
        tail=np.full(count, -1),
        relation=relation,
        weight=np.ones(count, dtype=np.float32),
        head_key=silver.key(instances.document[drawn][packed.document_V], packed.entity_V),
        tail_key=np.zeros(count, dtype=np.int64),
    )
