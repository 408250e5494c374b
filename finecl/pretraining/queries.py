"""Queries for entity discrimination: a sampled instance and its query tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finecl.numerics.keyed_random import keyed_uniform
from finecl.numerics.ragged import rank_within
from finecl.tokens.token_rows import TokenBatch
from finecl.types import Instances, Ints


def sample_instances(instances: Instances, numbers: Ints, *, seed: int, step: int) -> Ints:
    """Samples one of these instances per document, uniformly; returns them in the order of their documents."""
    key = keyed_uniform(instances.uid[numbers].view(np.int64), seed, "query", step)
    sampled: Ints = numbers[rank_within(instances.document[numbers], key) == 0]
    return sampled


def query_tokens(rows: TokenBatch, heads: Ints, relation_tokens: Sequence[Sequence[int]]) -> list[list[int]]:
    """Returns the query of each document: the relation's name and the words of the head's first mention."""
    document = np.repeat(np.arange(len(rows.lengths)), rows.mentions)
    first_token = np.cumsum(rows.lengths) - rows.lengths
    queries: list[list[int]] = []
    for number, (head, name) in enumerate(zip(heads.tolist(), relation_tokens, strict=True)):
        mentions = np.flatnonzero((document == number) & (rows.entity == head))
        first = mentions[rows.start[mentions].argmin()]
        at = first_token[number]
        queries.append([*name, *rows.ids[at + rows.start[first] : at + rows.end[first]].tolist()])
    return queries
