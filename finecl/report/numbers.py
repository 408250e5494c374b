"""Formats the numbers of a run as texts and tables of the page. Every key of a record is optional.

One format for each kind of number: shares and F1 in percent with one decimal, values from 0 to 1 that are no shares
(AUROC, correlations, weights) with three decimals, counts with thousands separators. Differences are taken of the
numbers as they are shown, so that a reader can check them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The first key that a record has is used: macro scores have two names in records. F1 and its interval come first.
_SCORES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Ign F1, %", ("ign_f1",)),
    ("Precision, %", ("precision",)),
    ("Recall, %", ("recall",)),
    ("AUC, %", ("auc",)),
    ("Macro F1, %", ("macro_f1", "macro")),
    ("Weighted macro F1, %", ("weighted_macro_f1", "weighted_macro")),
    ("Dev F1, %", ("dev_f1",)),
)
_ERROR = ("Calibration error, %", ("ece",))
_F1 = ("F1, %", ("f1",))
FEW_DOCUMENTS = 100
"""The number of test documents below which the page warns."""
ENCODERS = {
    "pretrained": "pre-trained encoder",
    "equal-weights": "pre-trained with equal weights",
    "plain": "plain encoder",
}
"""What the report calls the extractors of a run."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as text; ``summary`` are separate last rows, ``notes`` are lines below the table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    summary: Sequence[tuple[str, Sequence[str]]] = ()
    notes: Sequence[str] = ()


def number(value: Any) -> str:
    """Formats a number with four significant digits, or an integer with thousands separators; other values as text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def points(fraction: float) -> float:
    """Returns a fraction in percent as it is shown: with one decimal."""
    return round(100 * fraction, 1) + 0.0  # not -0.0


def percent(fraction: float | None, *, signed: bool = False) -> str:
    """Formats a fraction in percent with one decimal, for a column whose heading has the unit."""
    return "–" if fraction is None else _with_sign(points(fraction), signed)


def share(fraction: float) -> str:
    """Formats a fraction in percent with one decimal and the unit, for running text."""
    return f"{percent(fraction)}\u00a0%"


def score(value: float | None) -> str:
    """Formats a value from 0 to 1, or from -1 to 1, with three decimals."""
    return "–" if value is None else f"{value:.3f}".replace("-", "−")


def _with_sign(value: float, signed: bool = True) -> str:
    return f"{value:{'+' if signed else ''}.1f}".replace("-", "−")


def facts(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the main settings and data of a run as (name, value)."""
    settings, scored = record.get("settings") or {}, metrics.get("score") or {}
    silver = (record.get("data") or {}).get("silver") or {}
    values = {
        "Silver data": ", ".join(
            f"{silver[key]:,} {name}"
            for key, name in (("documents", "documents"), ("instances", "labels"))
            if key in silver
        ),
        "Scorer": scored.get("scorer"),
        "Weighting": scored.get("weighting"),
        "Method": settings.get("method"),
        "Encoder": (settings.get("model") or {}).get("name"),
        "Seed": record.get("seed"),
        "Commit": record.get("commit"),
    }
    return [(name, str(value)) for name, value in values.items() if value not in (None, "")]


def results(evaluate: Mapping[str, Any]) -> Table | None:
    """Returns the test results, one row per model, and the gains over the others; empty columns are left out."""
    rows = {name: scores for name, scores in evaluate.items() if isinstance(scores, Mapping)}
    columns = [c for c in (_F1, *_SCORES, _ERROR) if any(_first(scores, c[1]) is not None for scores in rows.values())]
    if not columns:
        return None
    intervals = any(scores.get("f1_interval") for scores in rows.values())
    body = [
        (ENCODERS.get(name, name), [*_cells(columns, scores, intervals), score(scores.get("threshold"))])
        for name, scores in rows.items()
    ]
    titles = [label for label, _ in columns]
    return Table(
        title="Results",
        columns=[*titles[:1], *(["95 % interval"] if intervals else []), *titles[1:], "Threshold"],
        rows=body,
        summary=list(_gains(rows, columns, intervals)),
    )


_Columns = Sequence[tuple[str, Sequence[str]]]


def _cells(columns: _Columns, scores: Mapping[str, Any], intervals: bool) -> list[str]:
    cells = [percent(_first(scores, keys)) for _, keys in columns]
    return [cells[0], *([interval(scores.get("f1_interval"))] if intervals else []), *cells[1:]]


def _gains(
    rows: Mapping[str, Mapping[str, Any]], columns: _Columns, intervals: bool
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yields what pre-training gains over each other encoder, of the numbers as they are shown."""
    for name in ("equal-weights", "plain"):
        if {"pretrained", name} <= set(rows):
            cells = []
            for column in columns:
                best, other = (_first(rows[model], column[1]) for model in ("pretrained", name))
                known = best is not None and other is not None and column is not _ERROR
                cells.append(_with_sign(round(points(best) - points(other), 1) + 0.0) if known else "–")
            gain = [interval(rows[name].get("f1_gain"), signed=True)] if intervals else []
            label = "equal weights" if name == "equal-weights" else "the plain encoder"
            yield f"gain over {label}", [cells[0], *gain, *cells[1:], "–"]


def interval(bounds: Sequence[float] | None, *, signed: bool = False) -> str:
    """Formats an interval of fractions in percent."""
    return " to ".join(percent(bound, signed=signed) for bound in bounds) if bounds else "–"


def _first(scores: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((scores[key] for key in keys if scores.get(key) is not None), None)


def details(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[Table]:
    """Returns settings, data, versions, times and other numbers for the collapsible tables."""
    stages = {k: v.get("seconds") for k, v in (record.get("stages") or {}).items() if isinstance(v, Mapping)}
    sources = {
        "Settings": record.get("settings"),
        "Data": record.get("data"),
        "Versions": record.get("versions"),
        "Machine": record.get("machine"),
        "Seconds per stage": stages,
        "All numbers": metrics,
    }
    tables = [
        Table(title=title, columns=["value"], rows=[(name, [text]) for name, text in _flat(source or {}, "")])
        for title, source in sources.items()
    ]
    return [table for table in tables if table.rows]


def _flat(source: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Yields dotted names and texts of all values except long series."""
    for key, value in source.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple | Mapping):
            if len(value) <= 20 and not any(isinstance(item, Mapping) for item in value):
                yield f"{prefix}{key}", ", ".join(number(item) for item in value) or "none"
        else:
            yield f"{prefix}{key}", number(value)
