"""The numbers of ``finecl evaluate PREDICTIONS GOLD`` as tables on stdout: fractions in percent, counts as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_COLUMNS = {"precision": "P", "recall": "R", "f1": "F1", "macro_f1": "macro F1"}
_COUNTS = ("predicted", "gold", "correct", "support")


def show_scores(metric: str, told: Mapping[str, Any]) -> None:
    """Single numbers, then rows of precision, recall and F1, then those of every relation."""
    console = Console()
    table = Table(title=metric, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in told.items():
        if isinstance(value, int | float):
            table.add_row(name.replace("_", " "), _shown(value))
    console.print(table)
    rows = {n: value for n, value in told.items() if isinstance(value, Mapping) and "f1" in value}
    rows |= told.get("groups") or {}
    for title, group in (("parts", rows), ("relations", told.get("by_relation"))):
        if group:
            console.print(_table(title, group))


def _table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a group; columns that no row fills are left out."""
    titles = _COLUMNS | {name: name for name in _COUNTS}
    columns = [name for name in titles if any(name in row for row in rows.values())]
    table = Table(title, title_justify="left")
    for name in columns:
        table.add_column(titles[name], justify="right")
    for name, row in rows.items():
        shown = name.replace("_", " ") if title == "parts" else escape(name)
        table.add_row(shown, *[_shown(row.get(column, "")) for column in columns])
    return table


def _shown(value: Any) -> str:
    return f"{100 * value:.2f}" if isinstance(value, float) else str(value)
