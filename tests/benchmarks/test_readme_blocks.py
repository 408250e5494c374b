"""Tests of the page blocks generated from records."""

from __future__ import annotations

from typing import Any

from finecl_benchmarks import readme_blocks


def experiment(method: str, fraction: float, seed: int, value: float) -> dict[str, Any]:
    varied = {"method": method, "task": "semeval", "fraction": fraction, "seed": seed}
    cost = {"seconds": 900.0, "pretraining": {"seconds": 1800.0}}
    return {"kind": "task", "varied": varied, "value": value, "cost": cost}


def test_a_summary_names_the_best_method_of_each_task_and_counts_shared_runs_once() -> None:
    experiments = [
        experiment("cp", f, seed, v) for f, seed, v in ((1, 0, 0.4), (1, 1, 0.5), (10, 0, 0.7), (10, 1, 0.7))
    ]
    experiments += [
        experiment("none", 1, 0, 0.3),
        experiment("none", 1, 1, 0.5),
        experiment("none", 10, 0, 0.72),
        experiment("none", 10, 1, 0.74),
    ]
    failed = {"kind": "task", "varied": {"method": "mtb", "task": "semeval", "fraction": 1, "seed": 0}}
    table = readme_blocks.summary({"cells": [*experiments, failed | {"failed": "pretrain: no positives in 20 steps"}]})
    assert table.splitlines() == [
        "| method | semeval, 1 % | semeval, 10 % |",
        "|---|---|---|",
        "| `cp` | **45.0 ± 7.1** | 70.0 ± 0.0 |",
        "| `none` | 40.0 ± 14.1 | **73.0 ± 1.4** |",
        "",
        # 8 experiments of a quarter of an hour, 2 methods x 2 seeds of half an hour
        "Per cent, mean ± standard deviation of 2 seeds; 8 experiments, 4.0 hours in total on one process.",
        "`mtb` could not be run: it stopped in the stage pretrain; the record holds the error message.",
    ]


def test_a_variant_of_a_method_has_its_own_row() -> None:
    changed = experiment("cp", 1, 0, 0.6)
    changed["varied"]["variant"] = "without MLM"
    rows = readme_blocks.summary({"cells": [experiment("cp", 1, 0, 0.4), changed]}).splitlines()
    assert rows[2:4] == ["| `cp, without MLM` | **60.0** |", "| `cp` | 40.0 |"]
    assert rows[5] == "Per cent, 1 seed; 2 experiments, 1.5 hours in total on one process."


def test_labels_by_learned_epoch_are_counted_over_seeds_and_the_never_learned_come_last() -> None:
    one: list[dict[str, Any]] = [
        {"order": None, "instances": 10, "accuracy": 0.0},
        {"order": 1, "instances": 900, "accuracy": 1.0},
    ]
    other = [
        {"order": 1, "instances": 300, "accuracy": 0.8},
        {"order": 2, "instances": 50, "accuracy": 0.5},
    ]
    assert readme_blocks.by_order([one, other]).splitlines() == [
        "| learned in epoch | 1 | 2 | never |",
        "|---|---|---|---|",
        "| label accuracy | 0.95 | 0.50 | 0.00 |",
        "| labels (2 seeds) | 1,200 | 50 | 10 |",
    ]
