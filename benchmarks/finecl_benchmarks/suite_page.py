"""Self-contained HTML page of a suite's results: methods with intervals, curves over fractions, and the tables."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from finecl.artifacts.files import read_json, write_text
from finecl.errors import FineCLError
from finecl.report.captions import Drawing
from finecl.report.numbers import Table as PageTable
from finecl.report.page import REPORT, render
from finecl_benchmarks import suite_figures as figures
from finecl_benchmarks.tables import Record, Table, build_tables, measure_of, row_of


def write_suite_report(directory: Path, baselines: Sequence[str] = ()) -> Path:
    """Writes ``report.html`` into a suite's directory and returns its path.

    Raises:
        FineCLError: no experiment of the suite is finished.
    """
    records = read_experiments(directory)
    done = [record for record in records if not record.get("failed")]
    commits = ", ".join(dict.fromkeys(str(record["commit"]) for record in done))
    page = render(
        "suite.html.j2",
        name=f"Suite {directory.name}",
        about=f"{len(done)} finished experiments, {len(records) - len(done)} failed. Commit {commits}. Whiskers are "
        "95 % intervals of the mean over seeds (Student's t); a single seed has none.",
        drawings=drawings(done),
        tables=[_for_page(table) for table in build_tables(records, baselines)],
    )
    write_text(directory / REPORT, page)
    return directory / REPORT


def write_suite_figures(directory: Path, into: Path, ending: str) -> list[Path]:
    """Writes the page's figures as files and returns their paths."""
    into.mkdir(parents=True, exist_ok=True)
    done = [record for record in read_experiments(directory) if not record.get("failed")]
    return [drawing.save(into, ending) for drawing in drawings(done)]


def read_experiments(directory: Path) -> list[dict[str, Any]]:
    """Returns the records of all finished experiments, sorted by kind and axis values.

    Raises:
        FineCLError: no experiment is finished, or a file is not a record.
    """
    paths = sorted((directory / "cells").glob("*.json"))
    if not paths:
        raise FineCLError(f"{directory}: expected a suite's results, found no experiment; run `finecl benchmark run`")
    records = [read_json(path) for path in paths]
    for path, record in zip(paths, records, strict=True):
        if not {"kind", "varied"} <= record.keys():
            raise FineCLError(
                f"{path}: expected the record of an experiment, got no 'kind' or 'varied'; remove the file"
            )
    return sorted(records, key=lambda record: (record["kind"], str(sorted(record["varied"].items()))))


def drawings(records: Sequence[Record]) -> list[Drawing]:
    """Draws methods on each task and fraction, their curves over fractions, scorers over noise rates, and learning
    curves of proxies.
    """
    return [*_methods(records), *_curves(records), *_scorers(records), *_learned(records), *_orders(records)]


def _methods(records: Sequence[Record]) -> Iterator[Drawing]:
    for place, group in _grouped([r for r in records if "method" in r["varied"]], ("task", "fraction")).items():
        values: dict[str, list[float]] = {}
        for record in group:
            values.setdefault(row_of(record), []).append(record["value"])
        spreads = dict(sorted(((m, interval(v)) for m, v in values.items()), key=lambda item: -item[1][0]))
        where = _location(place)
        yield Drawing(
            name=_slug("methods", *map(str, place)),
            title=f"Methods{where}",
            caption=f"{measure_of(group[0])}{where}: mean over seeds with its 95 % interval.",
            description=", ".join(f"{method} {100 * mean:.1f}" for method, (mean, _) in spreads.items()),
            figure=figures.intervals(spreads),
        )


def _curves(records: Sequence[Record]) -> Iterator[Drawing]:
    with_fraction = [r for r in records if "fraction" in r["varied"]]
    for (task,), group in _grouped(with_fraction, ("task",)).items():
        curves: dict[str, dict[float, float]] = {}
        for (fraction,), of_fraction in sorted(_grouped(group, ("fraction",)).items()):
            for method in sorted({row_of(record) for record in of_fraction}):
                values = [record["value"] for record in of_fraction if row_of(record) == method]
                curves.setdefault(method, {})[float(fraction)] = statistics.fmean(values)
        if max(len(points) for points in curves.values()) > 1:
            yield Drawing(
                name=_slug("curves", str(task)),
                title=f"{task} by training data",
                caption=f"{measure_of(group[0])} by share of the training data: mean over seeds.",
                description=", ".join(curves),
                figure=figures.curves(curves, "training data, per cent"),
            )


def _scorers(records: Sequence[Record]) -> Iterator[Drawing]:
    with_rate = [r for r in records if r["kind"] == "noise" and r["varied"].get("rate") is not None]
    for (kind,), group in _grouped(with_rate, ("noise",)).items():
        curves: dict[str, dict[float, float]] = {}
        for (rate,), of_rate in sorted(_grouped(group, ("rate",)).items()):
            for scorer in dict.fromkeys(name for record in of_rate for name in record["metrics"]):
                values = [r["metrics"][scorer]["auroc"] for r in of_rate if scorer in r["metrics"]]
                curves.setdefault(scorer, {})[100 * float(rate)] = statistics.fmean(values)
        yield Drawing(
            name=_slug("scorers", str(kind)),
            title=f"Scorers, {kind} noise",
            caption="AUROC of noise detection by share of wrong labels: mean over seeds.",
            description=", ".join(curves),
            figure=figures.curves(curves, "wrong labels, per cent", percent=False),
        )


def _learned(records: Sequence[Record]) -> Iterator[Drawing]:
    curves: dict[str, dict[float, float]] = {}
    for record in (record for record in records if record["kind"] == "score"):
        for mode in ("batch", "epoch"):
            shares = record["metrics"].get(f"learned_share_{mode}") or []
            points = {float(at): share for at, share in enumerate(shares, start=1)}
            curves.setdefault(f"{row_of(record)}, {mode}-based", points)
    curves = {name: points for name, points in curves.items() if points}
    if curves:
        yield Drawing(
            name="learned-share",
            title="Labels learned by epoch",
            caption="Share of the silver labels that the proxy has predicted correctly by the end of each epoch "
            "(FineCL, Figure 2); with several seeds, of the first.",
            description=", ".join(curves),
            figure=figures.curves(curves, "epoch", log=False),
        )


def _orders(records: Sequence[Record]) -> Iterator[Drawing]:
    curves: dict[str, dict[float, float]] = {}
    for record in (record for record in records if record["kind"] == "orders"):
        for reading in ("of_learned", "of_epochs"):
            points = {float(at): value for at, value in enumerate(record["metrics"][reading], start=1)}
            curves.setdefault(f"{row_of(record)}: {reading.replace('_', ' ')}", points)
    if curves:
        yield Drawing(
            name="orders",
            title="Learning orders of two proxies",
            caption="Jaccard similarity of the label sets learned by the end of each epoch, and summed over epochs: "
            "both readings of the paper's cumulative value (FineCL, Figure 3); with several seeds, of the first.",
            description=", ".join(curves),
            figure=figures.curves(curves, "epoch", log=False),
        )


def interval(values: Sequence[float]) -> tuple[float, float | None]:
    """Returns the mean and half the width of its 95 % interval (Student's t), or None for a single value."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, None
    half = float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return mean, half


def _grouped(records: Sequence[Record], by: Sequence[str]) -> dict[tuple[Any, ...], list[Record]]:
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(record["varied"].get(key) for key in by), []).append(record)
    return groups


def _location(place: tuple[Any, ...]) -> str:
    task, fraction = place
    return (f" on {task}" if task else "") + (f", {fraction:g} % of train" if fraction else "")


def _slug(*parts: str) -> str:
    return "-".join("".join(c if c.isalnum() else "-" for c in part) for part in parts if part != "None").lower()


def _for_page(table: Table) -> PageTable:
    rows = [(row[0], row[1:]) for row in table.rows]
    return PageTable(title=table.title, columns=table.columns[1:], rows=rows, notes=table.notes)
