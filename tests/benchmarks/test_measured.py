"""Blocks of the pages that are made from records."""

from __future__ import annotations

from typing import Any

from finecl_benchmarks import measured


def cell(method: str, fraction: float, seed: int, value: float) -> dict[str, Any]:
    varied = {"method": method, "task": "semeval", "fraction": fraction, "seed": seed}
    cost = {"seconds": 900.0, "pretraining": {"seconds": 1800.0}}
    return {"kind": "task", "varied": varied, "value": value, "cost": cost}


def test_a_summary_names_the_best_method_of_each_task_and_counts_shared_runs_once() -> None:
    cells = [cell("cp", f, seed, v) for f, seed, v in ((1, 0, 0.4), (1, 1, 0.5), (10, 0, 0.7), (10, 1, 0.7))]
    cells += [cell("none", 1, 0, 0.3), cell("none", 1, 1, 0.5), cell("none", 10, 0, 0.72), cell("none", 10, 1, 0.74)]
    failed = {"kind": "task", "varied": {"method": "mtb", "task": "semeval", "fraction": 1, "seed": 0}}
    told = measured.summary({"cells": [*cells, failed | {"failed": "no positives in 20 steps"}]})
    assert told.splitlines() == [
        "| method | semeval, 1 % | semeval, 10 % |",
        "|---|---|---|",
        "| `cp` | **45.0 ± 7.1** | 70.0 ± 0.0 |",
        "| `none` | 40.0 ± 14.1 | **73.0 ± 1.4** |",
        "",
        # 8 cells of a quarter of an hour, 2 methods x 2 seeds of half an hour
        "Per cent, mean ± standard deviation of 2 seeds; 8 cells, 4.0 hours of one process in all.",
        "`mtb` could not be run: no positives in 20 steps.",
    ]


def test_a_variant_of_a_method_has_a_row_of_its_own() -> None:
    changed = cell("cp", 1, 0, 0.6)
    changed["varied"]["variant"] = "without MLM"
    rows = measured.summary({"cells": [cell("cp", 1, 0, 0.4), changed]}).splitlines()
    assert rows[2:4] == ["| `cp, without MLM` | **60.0** |", "| `cp` | 40.0 |"]
    assert rows[5] == "Per cent, 1 seed; 2 cells, 1.5 hours of one process in all."


def test_labels_by_learned_epoch_are_counted_over_seeds_and_the_never_learned_come_last() -> None:
    one: list[dict[str, Any]] = [
        {"order": None, "instances": 10, "accuracy": 0.0},
        {"order": 1, "instances": 900, "accuracy": 1.0},
    ]
    other = [
        {"order": 1, "instances": 300, "accuracy": 0.8},
        {"order": 2, "instances": 50, "accuracy": 0.5},
    ]
    assert measured.by_order([one, other]).splitlines() == [
        "| learned in epoch | 1 | 2 | never |",
        "|---|---|---|---|",
        "| labels that are right | 0.95 | 0.50 | 0.00 |",
        "| labels (2 seeds) | 1,200 | 50 | 10 |",
    ]
