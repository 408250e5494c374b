"""Which documents a pre-training step holds: a pure function of (seed, step), so resuming needs one integer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from finecl.numerics.keyed_random import generator, uniform
from finecl.numerics.ragged import ranges, rank_within
from finecl.tokens.token_rows import TokenRows
from finecl.types import Floats, Generator, Instances, Ints, sharing_one

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


def easiest_first(documents: Ints, difficulty: Floats) -> Ints:
    """Documents in the order of their difficulty; those that are as difficult stay as they stood."""
    found: Ints = documents[np.argsort(difficulty[documents], kind="stable")]
    return found


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


@dataclass(kw_only=True)
class PairSampler:
    """Draws documents two by two, for objectives whose positives must be looked for.

    ``epoch_pairs`` gives the pairs [U, 2] of an epoch, as many in each. A step takes ``batch_size`` documents, that is
    half as many pairs; within a step a document may come up more than once.
    """

    epoch_pairs: Callable[[Generator], Ints]
    batch_size: int
    seed: int
    purpose: str
    _epoch: int = -1
    _order: Ints = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))

    def step(self, step: int) -> Ints:
        """The documents of a step, the two of a pair side by side."""
        if self._epoch < 0:
            self._draw(0)
        size = max(1, min(self.batch_size // 2, len(self._order)))
        epoch, piece = divmod(step, max(1, len(self._order) // size))
        if epoch != self._epoch:
            self._draw(epoch)
        return self._order[piece * size : (piece + 1) * size].ravel()

    def _draw(self, epoch: int) -> None:
        draw = generator(self.seed, self.purpose, epoch)
        pairs = self.epoch_pairs(draw)
        self._order, self._epoch = pairs[draw.permutation(len(pairs))], epoch


def relation_pairs(instances: Instances, numbers: Ints, draw: Generator) -> Ints:
    """Documents two by two that share a relation: the instances of each are shuffled and paired ``[U, 2]``.

    ``numbers`` are the instances that count; one left over is left out (Peng et al. 2020: N/2 pairs an epoch).
    """
    shuffled = draw.permutation(numbers)
    order = shuffled[np.argsort(instances.relation[shuffled], kind="stable")]
    relation = instances.relation[order]
    place = rank_within(relation)
    size = np.bincount(relation, minlength=1)[relation] if len(relation) else relation
    paired = order[place < size // 2 * 2]
    pairs: Ints = instances.document[paired].reshape(-1, 2)
    return pairs


def entity_pairs(document: Ints, head: Ints, tail: Ints, most: int, draw: Generator) -> Ints:
    """Documents two by two that mention the same entity pair, and as many that share one entity only ``[U, 2]``.

    ``head`` and ``tail`` are keys of the entities of each row; ``most`` rows of an entity pair count in an epoch
    (Peng et al. 2020: all pairs of at most 8 sentences, and hard negatives drawn anew each epoch). Where too few share
    one entity only, negatives are drawn again.
    """
    shuffled = draw.permutation(len(document))
    _, pair = np.unique(np.stack([head, tail])[:, shuffled], axis=1, return_inverse=True)
    place = rank_within(pair.ravel())
    kept, group = shuffled[place < most], pair.ravel()[place < most]
    kept, group = kept[np.argsort(group, kind="stable")], np.sort(group)
    size = np.bincount(group, minlength=1)[group] if len(group) else group
    place = rank_within(group)
    # The i-th of a group goes with each of those after it.
    after = size - 1 - place
    first, second = np.repeat(np.arange(len(kept)), after), ranges(np.arange(len(kept)) + 1, after)
    same = np.stack([kept[first], kept[second]], axis=1)
    one = np.stack(sharing_one(head, tail, len(same), draw), axis=1)
    if len(one):
        one = one[np.resize(np.arange(len(one)), len(same))]
    rows = np.concatenate([same, one])
    pairs: Ints = document[rows]
    return pairs


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
