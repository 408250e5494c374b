"""Contrast groups: documents that are contrasted with each other, as integers, before anything is encoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from finecl.pretraining.queries import query_tokens, sample_instances
from finecl.tokens.candidate_pairs import PairFilter, instances_of, select_pairs
from finecl.tokens.markers import blanked
from finecl.tokens.packing import Packed, pack, with_queries
from finecl.tokens.token_table import TokenizedCorpus
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import NO_RELATION, Bools, Floats, Instances, Ints, RowColumns, Unit


@dataclass(frozen=True, kw_only=True)
class UnitRows:
    """The rows of one unit, and the one or two entity rows of the pack that represent each of them."""

    table: RowColumns
    entity_rows: tuple[Ints, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Packed documents and the units that they offer. ``documents`` are their numbers in the corpus."""

    documents: Ints
    packed: Packed
    units: Mapping[Unit, UnitRows]


@dataclass(frozen=True, kw_only=True)
class SilverData:
    """The tokenized silver corpus with its weights [N]; ``unscored`` is the weight of a pair without a label.

    ``relation_tokens`` are the sub-words of each relation's name. ``usable`` [N] are the instances whose head and tail
    the encoder reads and whose weight is not 0. ``entity_key`` and ``first_entity`` come from ``entity_keys``, if an
    objective needs them. ``blanking`` is the share of mentions of marked sentences that are replaced by a blank.
    ``pair_filter`` selects the pairs without a label that may be candidates.
    """

    tokens: TokenizedCorpus
    instances: Instances
    weight: Floats
    unscored: float
    relation_tokens: Sequence[Sequence[int]]
    usable: Bools
    entity_key: Ints | None = None
    first_entity: Ints | None = None
    blanking: float = 0.0
    pair_filter: PairFilter | None = None

    def key(self, document: Ints, entity: Ints) -> Ints:
        """Returns the keys of these entities of the corpus; 0 if no objective needs them."""
        if self.entity_key is None or self.first_entity is None:
            return np.zeros(len(document), dtype=np.int64)
        keys: Ints = self.entity_key[self.first_entity[document] + entity]
        return keys


def plain_group(
    silver: SilverData, documents: Ints, tokenizer: DocumentTokenizer, *, no_relation_pairs: int, seed: int, step: int
) -> Group:
    """Returns documents or marked sentences with the unit "pair"; instances of weight 0 are left out."""
    rows, marked = silver.tokens.rows(documents), silver.tokens.marked
    if marked and silver.blanking and tokenizer.markers:
        rows = blanked(rows, documents, silver.blanking, tokenizer.markers, seed=seed, step=step)
    packed = pack(rows)
    pairs = select_pairs(
        packed,
        silver.instances,
        documents,
        marked=marked,
        pair_filter=silver.pair_filter,
        at_most=no_relation_pairs,
        seed=seed,
        epoch=step,
    )
    weighted = silver.weight[pairs.instance_I] > 0
    instance, labelled = pairs.instance_I[weighted], pairs.pair_I[weighted]
    free = np.setdiff1d(np.arange(len(pairs)), pairs.pair_I)
    pair = np.concatenate([labelled, free])
    none = np.zeros(len(free))
    table = RowColumns(
        uid=np.concatenate([silver.instances.uid[instance], none.astype(np.uint64)]),
        document=pairs.document_P[pair],
        head=pairs.head_P[pair],
        tail=pairs.tail_P[pair],
        relation=np.concatenate([silver.instances.relation[instance], np.full(len(free), NO_RELATION)]),
        weight=np.concatenate([silver.weight[instance], none + silver.unscored]).astype(np.float32),
        head_key=silver.key(documents[pairs.document_P[pair]], pairs.head_P[pair]),
        tail_key=silver.key(documents[pairs.document_P[pair]], pairs.tail_P[pair]),
    )
    entity_rows = (pairs.head_row_P[pair], pairs.tail_row_P[pair])
    return Group(documents=documents, packed=packed, units={"pair": UnitRows(table=table, entity_rows=entity_rows)})


def queried_group(silver: SilverData, documents: Ints, tokenizer: DocumentTokenizer, *, seed: int, step: int) -> Group:
    """Returns documents with a query prepended, relation and head of a sampled instance: units "query" and "entity".

    Each of ``documents`` must have a usable instance.
    """
    instances, documents = silver.instances, np.sort(documents)
    numbers, _ = instances_of(instances, documents)
    sampled = sample_instances(instances, numbers[silver.usable[numbers]], seed=seed, step=step)
    rows = silver.tokens.rows(documents)
    names = [silver.relation_tokens[code] for code in instances.relation[sampled]]
    queries = query_tokens(rows, instances.head[sampled], names)
    packed = pack(with_queries(rows, queries, tokenizer))
    anchor_row = packed.entity_rows(np.arange(len(documents)), instances.head[sampled])
    reached = anchor_row >= 0
    query = _query_table(silver, sampled[reached], np.flatnonzero(reached))
    return Group(
        documents=documents,
        packed=packed,
        units={
            "query": UnitRows(table=query, entity_rows=(anchor_row[reached],)),
            "entity": UnitRows(
                table=_entity_table(silver, packed, sampled), entity_rows=(np.arange(len(packed.key_V)),)
            ),
        },
    )


def _query_table(silver: SilverData, sampled: Ints, document: Ints) -> RowColumns:
    instances = silver.instances
    return RowColumns(
        uid=instances.uid[sampled],
        document=document,
        head=instances.head[sampled],
        tail=instances.tail[sampled],
        relation=instances.relation[sampled],
        weight=silver.weight[sampled],
        head_key=silver.key(instances.document[sampled], instances.head[sampled]),
        tail_key=silver.key(instances.document[sampled], instances.tail[sampled]),
    )


def _entity_table(silver: SilverData, packed: Packed, sampled: Ints) -> RowColumns:
    """Returns the entities of queried documents; those that are a tail of the query have its relation."""
    instances, count = silver.instances, len(packed.key_V)
    numbers, local = instances_of(instances, instances.document[sampled])
    queried = sampled[local]
    is_tail = (instances.head[numbers] == instances.head[queried]) & (
        instances.relation[numbers] == instances.relation[queried]
    )
    tail_row = packed.entity_rows(local[is_tail], instances.tail[numbers[is_tail]])
    relation = np.full(count, NO_RELATION)
    relation[tail_row[tail_row >= 0]] = instances.relation[queried[is_tail]][tail_row >= 0]
    return RowColumns(
        uid=np.zeros(count, dtype=np.uint64),
        document=packed.document_V,
        head=packed.entity_V,
        tail=np.full(count, -1),
        relation=relation,
        weight=np.ones(count, dtype=np.float32),
        head_key=silver.key(instances.document[sampled][packed.document_V], packed.entity_V),
        tail_key=np.zeros(count, dtype=np.int64),
    )
