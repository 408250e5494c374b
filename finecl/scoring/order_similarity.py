"""Jaccard similarity of the learning orders of two proxies (FineCL, section 5.2 and Figure 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from finecl.errors import FormatError
from finecl.types import DynamicsMode, Ints


@dataclass(frozen=True, kw_only=True)
class OrderSimilarity:
    """Similarity curves over epochs 1 .. k, each a list of k numbers.

    The paper reports a cumulative Jaccard value without defining what is cumulated. ``of_learned`` compares the sets
    U and V learned by the end of each epoch: |U n V| / |U u V|. ``of_epochs`` sums over the epochs up to each one:
    sum |A_i n B_i| / sum |A_i u B_i| of the sets learned in epoch i. The last values are those of the whole training.
    ``instances`` is the number of instances scored in both runs, ``only_in_one`` of those scored in one.
    """

    of_learned: list[float]
    of_epochs: list[float]
    instances: int
    only_in_one: int


def compare_orders(one: Ints, other: Ints) -> tuple[list[float], list[float]]:
    """Returns the two curves, ``of_learned`` and ``of_epochs``, of two learning orders [N].

    Orders count epochs from 1; 0 means never learned.
    """
    last = int(max(one.max(initial=0), other.max(initial=0)))
    learned, epochs = [], []
    both = either = 0
    for epoch in range(1, last + 1):
        first, second = ((order > 0) & (order <= epoch) for order in (one, other))
        learned.append(_ratio(int((first & second).sum()), int((first | second).sum())))
        both += int(((one == epoch) & (other == epoch)).sum())
        either += int(((one == epoch) | (other == epoch)).sum())
        epochs.append(_ratio(both, either))
    return learned, epochs


def compare_runs(one: Path, other: Path, mode: DynamicsMode = "batch") -> OrderSimilarity:
    """Compares two runs (directories, or their ``scores.parquet``) on the instances that both have scored.

    Raises:
        FormatError: a file is missing or not a table of scores, or the runs have no instance in common.
    """
    orders = [_orders(path, mode) for path in (one, other)]
    common = sorted(orders[0].keys() & orders[1].keys())
    if not common:
        raise FormatError(f"{one} and {other}: expected scores of the same instances, got none in common")
    columns = [np.array([order[uid] for uid in common], dtype=np.int64) for order in orders]
    if not any(column.any() for column in columns):
        raise FormatError(f"{one} and {other}: expected {mode}-based learning orders, got none; see proxy.record")
    learned, epochs = compare_orders(*columns)
    only_in_one = len(orders[0]) + len(orders[1]) - 2 * len(common)
    return OrderSimilarity(of_learned=learned, of_epochs=epochs, instances=len(common), only_in_one=only_in_one)


def _orders(path: Path, mode: DynamicsMode) -> Mapping[str, int]:
    file = path / "scores.parquet" if path.is_dir() else path
    column = f"learned_{mode}"
    try:
        table = pq.read_table(file, columns=["uid", column])
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise FormatError(f"{file}: expected the scores of a run, with uid and {column}, got '{reason}'") from None
    return dict(zip(table["uid"].to_pylist(), table[column].to_pylist(), strict=True))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
