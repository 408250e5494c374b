"""Order of the documents within an epoch."""

from __future__ import annotations

import numpy as np

from finecl.numerics.keyed_random import keyed_generator
from finecl.types import Floats, Ints

_CHUNK = 50  # steps per chunk that is sorted by length, as in transformers' LengthGroupedSampler


def epoch_order(documents: Ints, size: int, seed: int, purpose: str, epoch: int, lengths: Ints | None = None) -> Ints:
    """Returns the documents of an epoch, shuffled, in the order in which steps of ``size`` documents use them.

    With ``lengths`` (of these documents), a step's documents have similar lengths: the shuffled documents are cut into
    chunks of many steps, each chunk is sorted by length, and all steps are shuffled. An incomplete step remains last.
    """
    random = keyed_generator(seed, purpose, epoch)
    order = random.permutation(len(documents))
    if lengths is None:
        return documents[order]
    complete = len(order) // size * size
    chunks = np.split(order[:complete], range(_CHUNK * size, complete, _CHUNK * size)) if complete else []
    steps = [step for chunk in chunks for step in chunk[np.argsort(-lengths[chunk], kind="stable")].reshape(-1, size)]
    shuffled = [steps[i] for i in random.permutation(len(steps))]
    ordered: Ints = documents[np.concatenate([*shuffled, order[complete:]])]
    return ordered


def easiest_first(documents: Ints, difficulty: Floats) -> Ints:
    """Sorts documents by difficulty; equally difficult ones keep their order."""
    ordered: Ints = documents[np.argsort(difficulty[documents], kind="stable")]
    return ordered
