"""The numbers of a run as the page's words and tables. Every key of a record is optional."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Of two keys the first that is there counts: records name macro scores after the metric or after their field.
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
_ROWS = {"pretrained": "pre-trained encoder", "plain": "plain encoder"}


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One headline number, what it is, and a line about it."""

    label: str
    value: str
    about: str


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as text; ``summary`` is a last row set apart, ``notes`` are lines below it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    summary: tuple[str, Sequence[str]] | None = None
    notes: Sequence[str] = ()


def number(value: Any) -> str:
    """A number in at most four significant digits, whole ones with thousands apart; anything else as it stands."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def percent(fraction: float | None, *, signed: bool = False) -> str:
    """A fraction times 100 with two decimals, as papers print F1."""
    if fraction is None:
        return "–"
    return f"{100 * fraction:{'+' if signed else ''}.2f}".replace("-", "−")


def facts(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was run, on what, as (what, value)."""
    settings, score = record.get("settings") or {}, metrics.get("score") or {}
    silver = (record.get("data") or {}).get("silver") or {}
    found = {
        "Method": settings.get("method"),
        "Encoder": (settings.get("model") or {}).get("name"),
        "Silver data": ", ".join(f"{silver[k]:,} {k}" for k in ("documents", "instances") if k in silver),
        "Noise scorer": score.get("scorer"),
        "Weighting": score.get("weighting"),
        "Seed": record.get("seed"),
        "Commit": record.get("commit"),
    }
    return [(what, str(value)) for what, value in found.items() if value not in (None, "")]


def tiles(metrics: Mapping[str, Any]) -> list[Tile]:
    """The headline numbers that the run has."""
    evaluate, score = metrics.get("evaluate") or {}, metrics.get("score") or {}
    found = []
    pretrained, plain = ((evaluate.get(name) or {}).get("f1") for name in _ROWS)
    for label, f1 in zip(_ROWS.values(), (pretrained, plain), strict=True):
        if f1 is not None:
            found.append(Tile(label=f"F1, {label}", value=percent(f1), about="test documents, percent"))
    if pretrained is not None and plain is not None:
        gain = percent(pretrained - plain, signed=True)
        found.append(Tile(label="Difference in F1", value=gain, about="pre-trained less plain, points"))
    if score.get("noise_auroc") is not None:
        about = "wrong labels ranked above right ones; 0.5 is chance"
        found.append(Tile(label="Noise AUROC", value=f"{score['noise_auroc']:.3f}", about=about))
    if score.get("silver_accuracy") is not None:
        value = percent(score["silver_accuracy"])
        found.append(Tile(label="Silver labels right", value=value, about="percent of all silver labels"))
    review = score.get("review") or {}
    if review.get("accuracy") is not None:
        about = f"percent, {percent(review['low'])} to {percent(review['high'])} with 95 %; {review['random']} judged"
        found.append(Tile(label="Labels right, by review", value=percent(review["accuracy"]), about=about))
    return found


def results(evaluate: Mapping[str, Any]) -> Table | None:
    """The test results, a row for each model, and their difference; columns that no model has are left out."""
    rows = {name: scores for name, scores in evaluate.items() if isinstance(scores, Mapping)}
    columns = [column for column in _COLUMNS if any(_first(scores, column[1]) is not None for scores in rows.values())]
    if not columns:
        return None
    summary = None
    if set(_ROWS) <= set(rows):
        pairs = [[_first(rows[name], keys) for name in _ROWS] for _, keys in columns]
        gains = [None if None in pair else pair[0] - pair[1] for pair in pairs]
        summary = ("difference", [percent(gain, signed=True) for gain in gains])
    body = [
        (
            _ROWS.get(name, name),
            [*(percent(_first(scores, keys)) for _, keys in columns), number(scores.get("threshold"))],
        )
        for name, scores in rows.items()
    ]
    return Table(title="Results", columns=[*(label for label, _ in columns), "Threshold"], rows=body, summary=summary)


def _first(scores: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((scores[key] for key in keys if scores.get(key) is not None), None)


def details(record: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[Table]:
    """Settings, data, versions, times and remaining numbers, for the collapsible tables."""
    stages = {k: v.get("seconds") for k, v in (record.get("stages") or {}).items() if isinstance(v, Mapping)}
    sources = {
        "Settings": record.get("settings"),
        "Data": record.get("data"),
        "Versions": record.get("versions"),
        "Machine": record.get("machine"),
        "Seconds a stage": stages,
        "All numbers": metrics,
    }
    tables = [
        Table(title=title, columns=["value"], rows=[(name, [text]) for name, text in _flat(source or {}, "")])
        for title, source in sources.items()
    ]
    return [table for table in tables if table.rows]


def _flat(source: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Dotted names and texts of all values that are no long series."""
    for key, value in source.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple | Mapping):
            if len(value) <= 20 and not any(isinstance(item, Mapping) for item in value):
                yield f"{prefix}{key}", ", ".join(number(item) for item in value) or "none"
        else:
            yield f"{prefix}{key}", number(value)
