"""Tests of the result tables of a suite."""

from __future__ import annotations

from typing import Any

import pytest
from finecl_benchmarks.tables import build_tables

from finecl.errors import SettingsError


def record(method: str, seed: int, value: float, failed: str | None = None) -> dict[str, Any]:
    fields = {"kind": "run", "varied": {"method": method, "seed": seed}, "headline": "f1", "value": value}
    return fields | ({"failed": failed} if failed else {})


RECORDS = [record(m, seed, v + seed / 10) for m, v in (("none", 0.3), ("erica", 0.4), ("ours", 0.6)) for seed in (0, 1)]


def test_every_baseline_has_a_column_of_differences() -> None:
    (table,) = build_tables(RECORDS, ("none", "erica"))
    assert table.columns[-2:] == ("against none", "against erica")
    assert [(row[0], *row[-2:]) for row in table.rows] == [
        ("ours", "+30.00", "+20.00"),
        ("erica", "+10.00", ""),
        ("none", "", "-10.00"),
    ]
    (plain,) = build_tables(RECORDS)
    assert plain.columns == table.columns[:-2]


def test_an_unknown_baseline_is_named() -> None:
    with pytest.raises(SettingsError, match="--baseline: expected one of none, erica, ours, got 'erika'"):
        build_tables(RECORDS, ("erika",))


def test_experiments_that_failed_for_one_reason_share_a_row() -> None:
    failed = [record("mtb", seed, 0.0, "no pairs") for seed in (0, 1)] + [record("cp", 0, 0.0, "no sentences")]
    assert build_tables([*RECORDS, *failed])[-1].rows == (
        ("mtb, 2 experiments", "no pairs"),
        ("run cp 0", "no sentences"),
    )


def test_probes_have_a_table_of_their_own() -> None:
    names = ("nearest", "ridge", "alignment", "uniformity", "effective_rank")
    probes = [
        {"kind": "probe", "varied": {"method": m, "seed": s}, "headline": "1-NN accuracy", "value": v,
         "metrics": dict.fromkeys(names, v)}
        for m, v in (("none", 0.25), ("ours", 0.75))
        for s in (0, 1)
    ]  # fmt: skip
    (table,) = build_tables(probes, ("none",))
    assert table.rows == (
        ("ours", "75.00 ± 0.00", "75.00 ± 0.00", "0.75", "0.75", "0.75", "2"),
        ("none", "25.00 ± 0.00", "25.00 ± 0.00", "0.25", "0.25", "0.25", "2"),
    )
