"""A suite's records as tables."""

from __future__ import annotations

from typing import Any

import pytest
from finecl_benchmarks.tables import tables

from finecl.errors import SettingsError


def record(method: str, seed: int, value: float, failed: str | None = None) -> dict[str, Any]:
    found = {"kind": "run", "varied": {"method": method, "seed": seed}, "headline": "f1", "value": value}
    return found | ({"failed": failed} if failed else {})


RECORDS = [record(m, seed, v + seed / 10) for m, v in (("none", 0.3), ("erica", 0.4), ("ours", 0.6)) for seed in (0, 1)]


def test_every_baseline_has_a_column_of_differences() -> None:
    (found,) = tables(RECORDS, ("none", "erica"))
    assert found.columns[-2:] == ("against none", "against erica")
    assert [(row[0], *row[-2:]) for row in found.rows] == [
        ("ours", "+30.00", "+20.00"),
        ("erica", "+10.00", ""),
        ("none", "", "-10.00"),
    ]
    (plain,) = tables(RECORDS)
    assert plain.columns == found.columns[:-2]


def test_a_baseline_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="--baseline: expected one of none, erica, ours, got 'erika'"):
        tables(RECORDS, ("erika",))


def test_cells_that_failed_alike_share_a_row() -> None:
    failed = [record("mtb", seed, 0.0, "no pairs") for seed in (0, 1)] + [record("cp", 0, 0.0, "no sentences")]
    assert tables([*RECORDS, *failed])[-1].rows == (("mtb, 2 cells", "no pairs"), ("run cp 0", "no sentences"))
