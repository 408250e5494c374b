"""Prints the scores of ``finecl evaluate PREDICTIONS GOLD`` as tables: fractions in per cent, counts unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from finecl_cli.numbers import shown
from finecl_cli.terminal import console

_COLUMNS = {"precision": "P", "recall": "R", "f1": "F1", "macro_f1": "macro F1"}
_COUNTS = ("predicted", "gold", "correct", "support")


def show_scores(metric: str, scores: Mapping[str, Any]) -> None:
    """Prints single numbers, then precision, recall and F1 of each group, then those of each relation."""
    terminal = console()
    table = Table(title=metric, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in scores.items():
        if isinstance(value, int | float):
            table.add_row(name.replace("_", " "), _formatted(value))
    terminal.print(table)
    rows = {name: value for name, value in scores.items() if isinstance(value, Mapping) and "f1" in value}
    rows |= scores.get("groups") or {}
    for title, group in (("parts", rows), ("relations", scores.get("by_relation"))):
        if group:
            terminal.print(_table(title, group))


def _table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """Builds a table with one row per group; omits columns without values."""
    titles = _COLUMNS | {name: name for name in _COUNTS}
    columns = [name for name in titles if any(name in row for row in rows.values())]
    table = Table(title, title_justify="left")
    for name in columns:
        table.add_column(titles[name], justify="right")
    for name, row in rows.items():
        label = name.replace("_", " ") if title == "parts" else name
        table.add_row(label, *[_formatted(row.get(column, "")) for column in columns])
    return table


def _formatted(value: Any) -> str:
    return f"{100 * value:.2f}" if isinstance(value, float) else shown(value)
