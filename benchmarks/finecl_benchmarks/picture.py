"""Draws the README's picture of the table of labels from a record: ``python -m finecl_benchmarks.picture``.

``python -m finecl_benchmarks.picture RUN`` first makes the record ``benchmarks/results/silver-table.json`` of a scored
run of the labels of ``docs/silver.md`` (``finecl score labels.csv --output-dir RUN``).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import escape

from finecl.artifacts.files import read_json, write_json, write_text
from finecl.report.numbers import share
from finecl_benchmarks.record import RESULTS

RECORD = RESULTS / "silver-table.json"
PICTURES = Path(__file__).resolve().parents[2] / "docs"
THEMES = {
    "light": {"page": "#ffffff", "ink": "#1b1f24", "muted": "#5a6370", "line": "#d9dee4", "head": "#cfe3fa",
              "tail": "#fbdcc0", "first": "#1f66b3", "second": "#b8530f", "good": "#1d6b36", "bad": "#a8201a"},
    "dark": {"page": "#14171b", "ink": "#e8ebef", "muted": "#9aa5b1", "line": "#333a42", "head": "#1d4470",
             "tail": "#6b3a14", "first": "#6aaef2", "second": "#f0a060", "good": "#6fcf8d", "bad": "#ff938a"},
}  # fmt: skip
_ROWS = 6
_WIDTH, _ROW, _TOP, _CHARACTER = 860, 34, 92, 7.8  # pixels; the last is the width of a character of 13 pixels
_AT = {"wrong": 24, "relation": 104, "sentence": 196, "suggested": 560, "verdict": 690}


def main() -> None:
    """Makes the record if a run is given, and draws the pictures."""
    parser = argparse.ArgumentParser(description="Draw the README's picture of the table of labels.")
    parser.add_argument("run", nargs="?", type=Path, help="scored run to make the record from")
    arguments = parser.parse_args()
    if arguments.run:
        write_json(RECORD, record_of(arguments.run))
    for theme in THEMES:
        path = PICTURES / f"labels-{theme}.svg"
        write_text(path, picture(read_json(RECORD), theme))
        print(path)


def record_of(run: Path) -> dict[str, Any]:
    """Returns the estimate, the most suspicious labels and the origin of a scored run."""
    import finecl

    scored = finecl.load_run(run)
    record, score = read_json(run / "run.json"), read_json(run / "metrics.json")["score"]
    columns = ["p_wrong", "head", "relation", "tail", "suggested", "sentence"]
    rows = scored.labels[columns].head(_ROWS).to_dict("records")
    origin = {key: record[key] for key in ("precision", "seed", "data", "versions", "machine", "commit")}
    estimate = {key: score[key] for key in ("scorer", "instances", "wrong_share", "wrong_share_interval")}
    likely = int((scored.labels["p_wrong"] >= 0.5).sum())
    return {"run": origin, **estimate, "likely_wrong": likely, "rows": rows}


def picture(record: Mapping[str, Any], theme: str) -> str:
    """Returns the picture as SVG; equal records give equal text."""
    colours = THEMES[theme]
    height = _TOP + _ROW * len(record["rows"]) + 16
    low, high = record["wrong_share_interval"]
    title = f"About {share(record['wrong_share'])} of {record['instances']} labels are wrong"
    about = f"95 % interval {share(low)} to {share(high)}; {record['likely_wrong']} labels to look at"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13">',
        f"<title>{title}: the most suspicious labels with their text and suggestions</title>",
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="{colours["page"]}" stroke="{colours["line"]}"/>',
        _text(24, 32, title, colours["ink"], ' font-size="17" font-weight="600"'),
        _text(24, 54, about, colours["muted"]),
        *(_text(x, _TOP - 12, name, colours["muted"]) for name, x in _AT.items()),
    ]
    for number, row in enumerate(record["rows"]):
        lines += _row(row, _TOP + _ROW * number, colours)
    return "\n".join([*lines, "</svg>", ""])


def _row(row: Mapping[str, Any], top: int, colours: Mapping[str, str]) -> Iterator[str]:
    base = top + 22
    yield f'<path d="M24 {top}H{_WIDTH - 24}" stroke="{colours["line"]}"/>'
    yield _text(_AT["wrong"], base, share(row["p_wrong"]), colours["ink"])
    yield _text(_AT["relation"], base, row["relation"], colours["ink"])
    for role, line in (("head", "first"), ("tail", "second")):
        start = row["sentence"].index(row[role])
        x, width = _AT["sentence"] + _CHARACTER * start, _CHARACTER * len(row[role])
        box = f'x="{x - 2:.1f}" y="{base - 14}" width="{width + 4:.1f}" height="19" rx="3"'
        yield f'<rect {box} fill="{colours[role]}"/>'
        dashes = ' stroke-dasharray="4 3"' if role == "tail" else ""
        yield f'<path d="M{x:.1f} {base + 5}h{width:.1f}" stroke="{colours[line]}" stroke-width="2"{dashes}/>'
    fitted = f' textLength="{_CHARACTER * len(row["sentence"]):.1f}"'
    yield _text(_AT["sentence"], base, row["sentence"], colours["ink"], fitted)
    yield _text(_AT["suggested"], base, row["suggested"] or "no relation", colours["ink"])
    yield _text(_AT["verdict"], base, "✓ right", colours["good"])
    yield _text(_AT["verdict"] + 74, base, "✗ wrong", colours["bad"])


def _text(x: float, y: float, text: str, colour: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}"{more}>{escape(text)}</text>'


if __name__ == "__main__":
    main()
