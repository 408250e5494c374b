"""One self-contained HTML page about a run: results, what was learned when, and labels to look at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from finecl.errors import FineCLError
from finecl.records import read_json
from finecl.report import drawings, numbers
from finecl.report.examples import examples_by_relation
from finecl.report.figures import COLOURS
from finecl.report.scores import Scores

if TYPE_CHECKING:
    from finecl.corpus import Corpus

__all__ = ["write_report"]

REPORT = "report.html"


def write_report(run: Path, silver: Corpus | None) -> Path:
    """Writes ``report.html`` into a run directory, whole or not at all, and returns its path.

    The page needs no network and no other file. What the run does not have yet is left out.

    Args:
        run: a run directory with any of ``run.json``, ``metrics.json`` and ``scores.parquet``.
        silver: the corpus that was scored; without it the page shows no examples.

    Raises:
        FineCLError: there is no run, or one of its files cannot be read.
    """
    record, metrics = read_json(run / "run.json"), read_json(run / "metrics.json")
    parquet = run / "scores.parquet"
    scores = Scores.read(parquet) if parquet.exists() else None
    if not record and not metrics and scores is None:
        raise FineCLError(f"{run}: expected a run directory, found no run.json, metrics.json or scores.parquet")
    page = (
        _environment()
        .get_template("template.html.j2")
        .render(
            name=record.get("name") or run.resolve().name,
            facts=numbers.facts(record, metrics),
            notes=record.get("notes") or [],
            tiles=numbers.tiles(metrics),
            results=numbers.results(metrics.get("evaluate") or {}),
            drawings=drawings.drawings(metrics, scores, silver.names if silver is not None else {}),
            examples=examples_by_relation(scores, silver) if silver is not None and scores else [],
            details=numbers.details(record, metrics),
            colours=COLOURS,
        )
    )
    return _write(run / REPORT, page)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = numbers.number
    return environment


def _write(path: Path, page: str) -> Path:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(page, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
