"""Learning orders are compared as sets, with both interpretations of "cumulative"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finecl.errors import FormatError
from finecl.scoring.order_similarity import compare_orders, compare_runs

orders = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40)


def ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@given(orders)
def test_both_curves_equal_their_definition_on_sets(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(column) for column in zip(*pairs, strict=True))
    learned, epochs = compare_orders(one, other)
    last = max(one.max(), other.max())
    assert len(learned) == len(epochs) == last
    sets = [[{i for i, o in enumerate(order) if o == k} for k in range(1, last + 1)] for order in (one, other)]
    for k in range(1, last + 1):
        a, b = (set().union(*each[:k]) for each in sets)
        assert learned[k - 1] == pytest.approx(ratio(len(a & b), len(a | b)))
        both = sum(len(x & y) for x, y in zip(sets[0][:k], sets[1][:k], strict=True))
        either = sum(len(x | y) for x, y in zip(sets[0][:k], sets[1][:k], strict=True))
        assert epochs[k - 1] == pytest.approx(ratio(both, either))


def write(path: Path, uids: list[str], learned: list[int]) -> Path:
    path.mkdir()
    none = [0] * len(uids)
    pq.write_table(pa.table({"uid": uids, "learned_batch": learned, "learned_epoch": none}), path / "scores.parquet")
    return path


def test_runs_are_compared_by_uid(tmp_path: Path) -> None:
    one = write(tmp_path / "one", ["a", "b", "c", "d"], [1, 2, 0, 1])
    other = write(tmp_path / "other", ["c", "b", "a", "x"], [2, 2, 1, 1])
    similarity = compare_runs(one, other / "scores.parquet")
    assert similarity.of_learned == pytest.approx([1.0, 2 / 3])
    assert similarity.of_epochs == pytest.approx([1.0, 2 / 3])
    assert (similarity.instances, similarity.only_in_one) == (3, 2)


def test_runs_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one", ["a"], [1]), write(tmp_path / "other", ["b"], [1])
    with pytest.raises(FormatError, match="scores of the same instances, got none in common"):
        compare_runs(one, other)
    with pytest.raises(FormatError, match="epoch-based learning orders, got none"):
        compare_runs(one, one, "epoch")
    with pytest.raises(FormatError, match="expected the scores of a run"):
        compare_runs(one, tmp_path / "nothing")
