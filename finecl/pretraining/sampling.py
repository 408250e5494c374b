"""Which documents a pre-training step holds, as a function of seed and step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from finecl.numerics.keyed_random import keyed_generator
from finecl.numerics.ragged import ranges, rank_within
from finecl.training.data_order import epoch_order
from finecl.types import Generator, Instances, Ints, sharing_one


@dataclass(kw_only=True)
class Sampler:
    """Samples ``batch_size`` distinct documents per step: consecutive parts of the shuffled documents of an epoch.

    With ``lengths`` (of these documents), a step holds documents of similar length. The order of the last epoch is
    cached.
    """

    documents: Ints
    batch_size: int
    seed: int
    purpose: str
    lengths: Ints | None = None
    _epoch: int = -1
    _order: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def step(self, step: int) -> Ints:
        """Returns the documents of a step."""
        size = max(1, min(self.batch_size, len(self.documents)))
        epoch, piece = divmod(step, max(1, len(self.documents) // size))
        if epoch != self._epoch:
            self._order = epoch_order(self.documents, size, self.seed, self.purpose, epoch, self.lengths)
            self._epoch = epoch
        return self._order[piece * size : (piece + 1) * size]


@dataclass(kw_only=True)
class PairSampler:
    """Samples documents in pairs, for objectives whose positives are rare.

    ``epoch_pairs`` returns the pairs [U, 2] of an epoch, equally many in each. A step has ``batch_size`` documents,
    which are half as many pairs; a document may occur more than once in a step.
    """

    epoch_pairs: Callable[[Generator], Ints]
    batch_size: int
    seed: int
    purpose: str
    _epoch: int = -1
    _order: Ints = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))

    def step(self, step: int) -> Ints:
        """Returns the documents of a step; the two of a pair are adjacent."""
        if self._epoch < 0:
            self._shuffle(0)
        size = max(1, min(self.batch_size // 2, len(self._order)))
        epoch, piece = divmod(step, max(1, len(self._order) // size))
        if epoch != self._epoch:
            self._shuffle(epoch)
        return self._order[piece * size : (piece + 1) * size].ravel()

    def _shuffle(self, epoch: int) -> None:
        generator = keyed_generator(self.seed, self.purpose, epoch)
        pairs = self.epoch_pairs(generator)
        self._order, self._epoch = pairs[generator.permutation(len(pairs))], epoch


def relation_pairs(instances: Instances, numbers: Ints, generator: Generator) -> Ints:
    """Shuffles and pairs the instances of each relation; returns their documents ``[U, 2]``.

    ``numbers`` are the instances to pair; an odd one is left out (Peng et al. 2020: N/2 pairs per epoch).
    """
    shuffled = generator.permutation(numbers)
    order = shuffled[np.argsort(instances.relation[shuffled], kind="stable")]
    relation = instances.relation[order]
    place = rank_within(relation)
    size = np.bincount(relation, minlength=1)[relation] if len(relation) else relation
    paired = order[place < size // 2 * 2]
    pairs: Ints = instances.document[paired].reshape(-1, 2)
    return pairs


def entity_pairs(document: Ints, head: Ints, tail: Ints, most: int, generator: Generator) -> Ints:
    """Pairs documents that mention the same entity pair, and as many that share one entity only ``[U, 2]``.

    ``head`` and ``tail`` are keys of the entities of each row; at most ``most`` rows of an entity pair are used per
    epoch (Peng et al. 2020: all pairs of at most 8 sentences, and new hard negatives each epoch). If too few rows share
    one entity only, those pairs are repeated.
    """
    shuffled = generator.permutation(len(document))
    _, pair = np.unique(np.stack([head, tail])[:, shuffled], axis=1, return_inverse=True)
    place = rank_within(pair.ravel())
    kept, group = shuffled[place < most], pair.ravel()[place < most]
    kept, group = kept[np.argsort(group, kind="stable")], np.sort(group)
    size = np.bincount(group, minlength=1)[group] if len(group) else group
    place = rank_within(group)
    # Each row of a group is paired with each later one.
    after = size - 1 - place
    first, second = np.repeat(np.arange(len(kept)), after), ranges(np.arange(len(kept)) + 1, after)
    same = np.stack([kept[first], kept[second]], axis=1)
    one = np.stack(sharing_one(head, tail, len(same), generator), axis=1)
    if len(one):
        one = one[np.resize(np.arange(len(one)), len(same))]
    rows = np.concatenate([same, one])
    pairs: Ints = document[rows]
    return pairs
