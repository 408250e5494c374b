"""Formats the numbers of a run as texts and tables of the page. Every key of a record is optional."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The first key that a record has is used: macro scores have two names in records.
_COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("F1", ("f1",)),
    ("Ign F1", ("ign_f1",)),
    ("Precision", ("precision",)),
    ("Recall", ("recall",)),
    ("AUC", ("auc",)),
    ("Macro F1", ("macro_f1", "macro")),
    ("Weighted macro F1", ("weighted_macro_f1", "weighted_macro")),
    ("Dev F1", ("dev_f1",)),
    ("Calibration error", ("ece",)),
    ("Calibration error without temperature", ("ece_uncalibrated",)),
)
ENCODERS = {
    "pretrained": "pre-trained encoder",
    "equal-weights": "pre-trained with equal weights",
    "plain": "plain encoder",
}
"""What the report calls the extractors of a run."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A headline number with its label and a line of explanation."""

    label: str
    value: str
    about: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as text; ``summary`` is a separate last row, ``notes`` are lines below the table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    summary: tuple[str, Sequence[str]] | None = None
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


def percent(fraction: float | None, *, signed: bool = False) -> str:
    """Formats a fraction as percent with two decimals, as papers print F1."""
    if fraction is None:
        return "–"
    return f"{100 * fraction:{'+' if signed else ''}.2f}".replace("-", "−")


def facts(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the main settings and data of a run as (name, value)."""
    settings, score = record.get("settings") or {}, metrics.get("score") or {}
    silver = (record.get("data") or {}).get("silver") or {}
    values = {
        "Method": settings.get("method"),
        "Encoder": (settings.get("model") or {}).get("name"),
        "Silver data": ", ".join(f"{silver[k]:,} {k}" for k in ("documents", "instances") if k in silver),
        "Noise scorer": score.get("scorer"),
        "Weighting": score.get("weighting"),
        "Seed": record.get("seed"),
        "Commit": record.get("commit"),
    }
    return [(name, str(value)) for name, value in values.items() if value not in (None, "")]


def tiles(metrics: Mapping[str, Any]) -> list[Tile]:
    """Returns the headline numbers that the run has."""
    evaluate, score = metrics.get("evaluate") or {}, metrics.get("score") or {}
    headlines = []
    f1 = {name: (evaluate.get(name) or {}).get("f1") for name in ENCODERS}
    for name, value in f1.items():
        if value is not None:
            label = f"F1, {ENCODERS[name]}"
            headlines.append(Tile(label=label, value=percent(value), about="test documents, percent"))
    for name in ("equal-weights", "plain"):
        best, other = f1["pretrained"], f1[name]
        if best is not None and other is not None:
            label = "F1 gained over equal weights" if name == "equal-weights" else "F1 gained over the plain encoder"
            gain = percent(best - other, signed=True)
            headlines.append(Tile(label=label, value=gain, about=_points(evaluate[name].get("f1_gain"))))
    if score.get("noise_auroc") is not None:
        about = "wrong labels ranked above right ones; 0.5 is chance"
        headlines.append(Tile(label="Noise AUROC", value=f"{score['noise_auroc']:.3f}", about=about))
    if score.get("silver_accuracy") is not None:
        value = percent(score["silver_accuracy"])
        headlines.append(Tile(label="Silver labels right", value=value, about="percent of all silver labels"))
    if score.get("wrong_share_interval"):
        low, high = (percent(bound) for bound in score["wrong_share_interval"])
        source = "a mixture model of the noise" if score.get("wrong_share_source") == "mixture" else "verdicts"
        about = f"percent, by {source}; 95 % interval {low} to {high}"
        headlines.append(Tile(label="Labels wrong, estimated", value=percent(score["wrong_share"]), about=about))
    review = score.get("review") or {}
    if review.get("accuracy") is not None:
        interval = f"{percent(review['low'])} to {percent(review['high'])}"
        about = f"percent, 95 % interval {interval}; {review['random']} judged"
        headlines.append(Tile(label="Labels right, by review", value=percent(review["accuracy"]), about=about))
    return headlines


def _points(interval: Sequence[float] | None) -> str:
    if not interval:
        return "points"
    return f"points, 95 % interval {' to '.join(percent(value, signed=True) for value in interval)}"


def results(evaluate: Mapping[str, Any]) -> Table | None:
    """Returns the test results, one row per model, and the gain over plain; columns without values are left out."""
    rows = {name: scores for name, scores in evaluate.items() if isinstance(scores, Mapping)}
    columns = [column for column in _COLUMNS if any(_first(scores, column[1]) is not None for scores in rows.values())]
    if not columns:
        return None
    summary = None
    if {"pretrained", "plain"} <= set(rows):
        pairs = [[_first(rows[name], keys) for name in ("pretrained", "plain")] for _, keys in columns]
        gains = [None if None in pair else pair[0] - pair[1] for pair in pairs]
        summary = ("gain over the plain encoder", [percent(gain, signed=True) for gain in gains])
    body = [
        (
            ENCODERS.get(name, name),
            [*(percent(_first(scores, keys)) for _, keys in columns), number(scores.get("threshold"))],
        )
        for name, scores in rows.items()
    ]
    return Table(title="Results", columns=[*(label for label, _ in columns), "Threshold"], rows=body, summary=summary)


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
