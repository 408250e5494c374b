"""Which documents a pre-training step holds: a pure function of (seed, step), so resuming needs one integer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from finecl.draws import generator, uniform
from finecl.ragged import rank_within
from finecl.text import TokenRows
from finecl.types import Instances, Ints

_CHUNK = 50  # steps whose documents are sorted by length together, as in transformers' LengthGroupedSampler


def epoch_order(documents: Ints, size: int, seed: int, purpose: str, epoch: int, lengths: Ints | None = None) -> Ints:
    """The documents of an epoch in the order in which steps of ``size`` take them.

    With ``lengths`` (of these documents) a step's documents are of like length: a shuffle is cut into chunks of many
    steps, each is sorted, and its steps are shuffled. An incomplete step stays the last one.
    """
    draw = generator(seed, purpose, epoch)
    order = draw.permutation(len(documents))
    if lengths is None:
        return documents[order]
    whole = len(order) // size * size
    chunks = np.split(order[:whole], range(_CHUNK * size, whole, _CHUNK * size)) if whole else []
    steps = [step for chunk in chunks for step in chunk[np.argsort(-lengths[chunk], kind="stable")].reshape(-1, size)]
    mixed = [steps[i] for i in draw.permutation(len(steps))]
    taken: Ints = documents[np.concatenate([*mixed, order[whole:]])]
    return taken


@dataclass(kw_only=True)
class Sampler:
    """Draws ``batch_size`` different documents a step: consecutive pieces of one epoch's order after another.

    ``lengths`` (of these documents), if given, keeps documents of like length together. The order of the epoch that
    was asked for last is remembered.
    """

    documents: Ints
    batch_size: int
    seed: int
    purpose: str
    lengths: Ints | None = None
    _epoch: int = -1
    _order: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def step(self, step: int) -> Ints:
        """The documents of a step."""
        size = max(1, min(self.batch_size, len(self.documents)))
        epoch, piece = divmod(step, max(1, len(self.documents) // size))
        if epoch != self._epoch:
            self._order = epoch_order(self.documents, size, self.seed, self.purpose, epoch, self.lengths)
            self._epoch = epoch
        return self._order[piece * size : (piece + 1) * size]


def draw_instances(instances: Instances, numbers: Ints, *, seed: int, step: int) -> Ints:
    """One of the given instances of each document, drawn uniformly; in the order of their documents."""
    key = uniform(instances.uid[numbers].view(np.int64), seed, "query", step)
    drawn: Ints = numbers[rank_within(instances.document[numbers], key) == 0]
    return drawn


def query_tokens(rows: TokenRows, heads: Ints, relation_tokens: Sequence[Sequence[int]]) -> list[list[int]]:
    """What stands in front of each document: the relation's name and the words of the head's first mention."""
    document = np.repeat(np.arange(len(rows.lengths)), rows.mentions)
    first_token = np.cumsum(rows.lengths) - rows.lengths
    queries: list[list[int]] = []
    for number, (head, name) in enumerate(zip(heads.tolist(), relation_tokens, strict=True)):
        mentions = np.flatnonzero((document == number) & (rows.entity == head))
        first = mentions[rows.start[mentions].argmin()]
        at = first_token[number]
        queries.append([*name, *rows.ids[at + rows.start[first] : at + rows.end[first]].tolist()])
    return queries
