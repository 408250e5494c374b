"""Splits a corpus by document: low-resource fractions that keep all relations, and random shares."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Document, Ints


def low_resource(documents: Iterable[Document], fraction: float, seed: int) -> Ints:
    """Samples a stratified fraction of documents; returns their numbers, ascending; deterministic for a seed.

    At least ceil(fraction * labels) labels of each relation are included, so no relation is lost (iterative
    stratification, Sechidis et al. 2011, rarest relation first). Then documents are added at random up to
    floor(fraction * documents). With one label per sentence this gives ceil(fraction * n) labels of each relation, as
    in CP's release.

    Raises:
        SettingsError: the fraction is not above 0 and at most 1.
    """
    if not 0 < fraction <= 1:
        raise SettingsError(f"--fraction: expected a number above 0 and at most 1, got {fraction}")
    holders, count = _holders(documents)
    generator = np.random.default_rng(seed)
    order = generator.permutation(count)
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    selected: set[int] = set()
    for relation in sorted(holders, key=lambda name: (sum(holders[name].values()), name)):
        _fill(selected, holders[relation], fraction, rank)
    missing = math.floor(_exact(count * fraction)) - len(selected)
    selected.update([int(n) for n in order if int(n) not in selected][: max(missing, 0)])
    return np.array(sorted(selected), dtype=np.int64)


def _holders(documents: Iterable[Document]) -> tuple[dict[str, dict[int, int]], int]:
    """Returns the number of labels per relation and document, and the number of documents."""
    holders: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    count = 0
    for number, document in enumerate(documents):
        count = number + 1
        for label in document.labels:
            holders[label.relation][number] += 1
    return holders, count


def _fill(selected: set[int], holders: Mapping[int, int], fraction: float, rank: Ints) -> None:
    """Adds documents until the selected ones have enough labels of a relation."""
    quota = math.ceil(_exact(fraction * sum(holders.values())))
    labels = sum(count for number, count in holders.items() if number in selected)
    for number in sorted(holders.keys() - selected, key=lambda n: int(rank[n])):
        if labels >= quota:
            return
        selected.add(number)
        labels += holders[number]


def _exact(product: float) -> float:
    """Rounds away floating-point errors: 0.1 * 70 is 7, not 7.000000000000001."""
    return round(product, 9)


def random_shares(count: int, shares: Mapping[str, float], seed: int) -> dict[str, Ints]:
    """Splits documents at random into named shares; returns their numbers, ascending; deterministic for a seed.

    Raises:
        SettingsError: the shares are not positive or do not add up to 1, or one would be empty.
    """
    values = list(shares.values())
    if min(values, default=0) <= 0 or not math.isclose(sum(values), 1):
        raise SettingsError(f"--share: expected positive shares that add up to 1, got {dict(shares)}")
    order = np.random.default_rng(seed).permutation(count)
    ends = np.round(np.cumsum(values[:-1]) * count).astype(np.int64)
    parts = dict(zip(shares, map(np.sort, np.split(order, ends)), strict=True))
    for name, part in parts.items():
        if not len(part):
            raise SettingsError(f"--share: expected at least one document for '{name}', got none of {count}")
    return parts


def numbered(documents: Iterable[Document], numbers: Collection[int]) -> Iterator[Document]:
    """Yields the documents with these numbers."""
    selected = {int(number) for number in numbers}
    return (document for number, document in enumerate(documents) if number in selected)
