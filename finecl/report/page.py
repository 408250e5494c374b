"""Writes a self-contained HTML page about a run: labels to judge, what the weights did, results, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from finecl.artifacts.files import read_json, write_text
from finecl.artifacts.scores_table import Neighbours, Scores, read_others
from finecl.errors import FineCLError, SettingsError
from finecl.report import headline, numbers, tables
from finecl.report.captions import Drawing, drawings
from finecl.report.figures import COLOURS
from finecl.report.label_table import as_script, label_table
from finecl.report.missing_labels import missing_labels
from finecl.types import Floats

if TYPE_CHECKING:
    from finecl.corpus.corpus import Corpus

__all__ = ["write_figures", "write_report"]

REPORT = "report.html"
_TEMPLATES = Path(__file__).parent / "templates"
ENDINGS = ("svg", "pdf", "png")


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """The contents of a run directory that a report uses."""

    record: Mapping[str, Any]
    metrics: Mapping[str, Any]
    scores: Scores | None
    others: Mapping[str, Floats]
    near: Neighbours | None

    @classmethod
    def read(cls, run: Path) -> _Parts:
        record, metrics = read_json(run / "run.json"), read_json(run / "metrics.json")
        parquet = run / "scores.parquet"
        scores = Scores.read(parquet) if parquet.exists() else None
        if not record and not metrics and scores is None:
            raise FineCLError(f"{run}: expected a run directory, found no run.json, metrics.json or scores.parquet")
        others = read_others(run / "scorers.parquet", scores.uid) if scores else {}
        near = Neighbours.read(run / "neighbours.parquet")
        return cls(record=record, metrics=metrics, scores=scores, others=others, near=near)

    @property
    def mode(self) -> str:
        """Returns the mode of the dynamics that the run's scorer read."""
        return str(((self.metrics.get("score") or {}).get("scorer_settings") or {}).get("mode", "batch"))

    def drawings(self, names: Mapping[str, str]) -> list[Drawing]:
        return drawings(self.metrics, self.scores, self.others, names)


def write_report(run: Path, silver: Corpus | None) -> Path:
    """Writes ``report.html`` into a run directory atomically and returns its path.

    The page needs no network and no other file. Sections without data are left out.

    Args:
        run: a run directory with any of ``run.json``, ``metrics.json`` and ``scores.parquet``.
        silver: the scored corpus; without it the page shows no labels.

    Raises:
        FineCLError: the directory has no run, or one of its files cannot be read.
    """
    parts = _Parts.read(run)
    scores, names = parts.scores, silver.names if silver is not None else {}
    name = str(parts.record.get("name") or run.resolve().name)
    drawn = parts.drawings(names)
    page = render(
        "template.html.j2",
        name=name,
        facts=numbers.facts(parts.record, parts.metrics),
        notes=parts.record.get("notes") or [],
        tiles=headline.tiles(parts.metrics, scores),
        gains=headline.gains(parts.metrics),
        few=headline.few_test_documents(parts.record),
        results=numbers.results(parts.metrics.get("evaluate") or {}),
        scorers=tables.scorers(scores, parts.others, str((parts.metrics.get("score") or {}).get("scorer"))),
        weights=tables.weights(scores),
        weight_drawings=[drawing for drawing in drawn if drawing.name == "weights"],
        drawings=[drawing for drawing in drawn if drawing.name != "weights"],
        by_relation=tables.by_relation(scores, names, parts.mode),
        missing=missing_labels(run, silver) if silver is not None else None,
        details=numbers.details(parts.record, parts.metrics),
        **_labels(parts, silver, name),
    )
    write_text(run / REPORT, page)
    return run / REPORT


def write_figures(run: Path, directory: Path, ending: str, names: Mapping[str, str]) -> Sequence[Path]:
    """Writes the figures of a run's report as files; returns their paths.

    Raises:
        FineCLError: the directory has no run.
        SettingsError: the ending is not svg, pdf or png.
    """
    if ending not in ENDINGS:
        raise SettingsError(f"--format: expected {', '.join(ENDINGS)}, got '{ending}'")
    figures = _Parts.read(run).drawings(names)
    directory.mkdir(parents=True, exist_ok=True)
    return [drawing.save(directory, ending) for drawing in figures]


def _labels(parts: _Parts, silver: Corpus | None, name: str) -> dict[str, Any]:
    """Returns the template's variables for the table of labels; empty without a corpus or without scores."""
    scores = parts.scores
    if silver is None or scores is None or not scores.ranked:
        return {"labels": "", "script": "", "labels_left": False}
    data = label_table(scores, silver, parts.others, parts.near, run=name, mode=parts.mode)
    listed = len(data["uid"])
    return {
        "labels": as_script(data),
        "script": Markup((_TEMPLATES / "page.js").read_text(encoding="utf-8")),
        "labels_listed": listed,
        "labels_total": data["total"],
        "labels_left": listed < data["total"],
        "estimated": scores.p_wrong is not None,
        "learned_known": data["learned"] is not None,
        "suggestions_known": scores.suggested is not None,
        "truth_known": any(truth != -2 for truth in data["truth"]),
    }


def render(template: str, **variables: Any) -> str:
    """Renders a template with the report's colours."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = numbers.number
    return environment.get_template(template).render(colours=COLOURS, **variables)
