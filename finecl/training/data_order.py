"""The order in which an epoch visits documents."""

from __future__ import annotations

import numpy as np

from finecl.numerics.keyed_random import keyed_generator
from finecl.types import Floats, Ints

_CHUNK = 50  # steps whose documents are sorted by length together, as in transformers' LengthGroupedSampler


def epoch_order(documents: Ints, size: int, seed: int, purpose: str, epoch: int, lengths: Ints | None = None) -> Ints:
    """The documents of an epoch in the order in which steps of ``size`` take them.

    With ``lengths`` (of these documents) a step's documents are of like length: a shuffle is cut into chunks of many
    steps, each is sorted, and its steps are shuffled. An incomplete step stays the last one.
    """
    draw = keyed_generator(seed, purpose, epoch)
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
