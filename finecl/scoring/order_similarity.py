"""How alike two proxies learn: the Jaccard similarity of what both have learned (FineCL, section 5.2 and Figure 3)."""

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
    """Curves over epochs 1 .. k, each a list of k numbers.

    The paper reports a cumulative Jaccard value without saying what is cumulated. ``of_learned`` compares the sets
    learned by the end of each epoch: |U n V| / |U u V| of the unions up to it. ``of_epochs`` sums over epochs first:
    sum |A_i n B_i| / sum |A_i u B_i| of the sets learned in each. Their last values are the whole's.
    """

    of_learned: list[float]
    of_epochs: list[float]
    instances: int
    only_in_one: int


def compare_orders(one: Ints, other: Ints) -> tuple[list[float], list[float]]:
    """Both curves of two learning orders [N]: epochs from 1, 0 for what was never learned."""
    last = int(max(one.max(initial=0), other.max(initial=0)))
    learned, epochs = [], []
    both = either = 0
    for epoch in range(1, last + 1):
        here, there = ((order > 0) & (order <= epoch) for order in (one, other))
        learned.append(_share(int((here & there).sum()), int((here | there).sum())))
        both += int(((one == epoch) & (other == epoch)).sum())
        either += int(((one == epoch) | (other == epoch)).sum())
        epochs.append(_share(both, either))
    return learned, epochs


def compare_runs(one: Path, other: Path, mode: DynamicsMode = "batch") -> OrderSimilarity:
    """The curves of two runs (directories, or their ``scores.parquet``), over the instances that both have scored.

    Raises:
        FormatError: a file is missing, no table of scores, or the two have no instance in common.
    """
    orders = [_orders(path, mode) for path in (one, other)]
    common = sorted(orders[0].keys() & orders[1].keys())
    if not common:
        raise FormatError(f"{one} and {other}: expected scores of the same instances, got none in common")
    columns = [np.array([order[uid] for uid in common], dtype=np.int64) for order in orders]
    if not any(column.any() for column in columns):
        raise FormatError(f"{one} and {other}: expected {mode}-based learning orders, got none; see proxy.record")
    learned, epochs = compare_orders(*columns)
    alone = len(orders[0]) + len(orders[1]) - 2 * len(common)
    return OrderSimilarity(of_learned=learned, of_epochs=epochs, instances=len(common), only_in_one=alone)


def _orders(path: Path, mode: DynamicsMode) -> Mapping[str, int]:
    file = path / "scores.parquet" if path.is_dir() else path
    column = f"learned_{mode}"
    try:
        table = pq.read_table(file, columns=["uid", column])
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise FormatError(f"{file}: expected the scores of a run, with uid and {column}, got '{first}'") from None
    return dict(zip(table["uid"].to_pylist(), table[column].to_pylist(), strict=True))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
