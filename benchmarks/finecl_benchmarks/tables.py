"""A suite's records as tables: mean and standard deviation over seeds, costs, and comparisons with a baseline."""

from __future__ import annotations

import csv
import html
import io
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finecl.errors import SettingsError
from finecl_benchmarks.significance import compare
from finecl_benchmarks.task_files import read_task

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under headings, and lines below them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def tables(records: Sequence[Record], baselines: Sequence[str] = ()) -> list[Table]:
    """One table for each kind of cell and, of tasks, for each task and fraction, with a column for each of the methods
    ``baselines``; and what could not be run.

    Raises:
        SettingsError: no record is of such a baseline.
    """
    known = dict.fromkeys(map(row_of, records))
    for baseline in baselines:
        if baseline not in known:
            raise SettingsError(f"--baseline: expected one of {', '.join(known)}, got '{baseline}'")
    done = [record for record in records if not record.get("failed")]
    found = []
    for title in dict.fromkeys(map(title_of, done)):
        some = [record for record in done if title_of(record) == title]
        of_noise = some[0]["kind"] == "noise"
        found.append(_noise_table(title, some) if of_noise else _method_table(title, some, baselines))
    failed = [record for record in records if record.get("failed")]
    if failed:
        found.append(_failed_table(failed))
    return found


def _failed_table(failed: Sequence[Record]) -> Table:
    """Cells of one method that failed for the same reason share a row."""
    alike: dict[tuple[str, str], list[Record]] = {}
    for record in failed:
        alike.setdefault((row_of(record), str(record["failed"])), []).append(record)
    rows = tuple((_row_name(some[0]) if len(some) == 1 else f"{row}, {len(some)} cells", reason)
                 for (row, reason), some in alike.items())  # fmt: skip
    return Table(title="Could not be run", columns=("cell", "reason"), rows=rows)


def title_of(record: Record) -> str:
    """What the table of a record is about: all that is varied but what its rows are, and the seed."""
    varied = record["varied"]
    told = [str(varied.get("task") or varied.get("data") or _KINDS[record["kind"]])]
    if "fraction" in varied:
        told.append(f"{varied['fraction']:g} % of the training data")
    if "rate" in varied:
        told.append(f"{varied.get('noise', 'type-consistent')} noise at {100 * varied['rate']:g} %")
    elif "data" in varied:
        told.append("its own noise")
    return ", ".join(told)


def measure_of(record: Record) -> str:
    """The name of a record's headline number, as people write it."""
    return str(record["headline"]).replace("_", " ").replace("f1", "F1")


_KINDS = {
    "run": "whole runs",
    "trimmed": "training on what was learned early",
    "score": "what was learned",
    "orders": "learning orders of two proxies",
    "trimmed-documents": "training on parts of the silver documents",
    "difficult": "relations that are hard to learn",
}
"""Titles of tables of kinds that name neither task nor data."""
_ROWS = ("method", "variant", "pair", "part")


def row_of(record: Record) -> str:
    """What a row of a table is about: the method, and its variant or what else is varied."""
    varied = record["varied"]
    found = [varied[key] for key in _ROWS if key in varied]
    return ", ".join(" and ".join(each) if isinstance(each, list) else str(each) for each in found) or "-"


def _row_name(record: Record) -> str:
    return " ".join(str(value) for value in (record["kind"], *record["varied"].values()))


def _method_table(title: str, records: Sequence[Record], baselines: Sequence[str]) -> Table:
    by_method: dict[str, list[Record]] = {}
    for record in records:
        by_method.setdefault(row_of(record), []).append(record)
    headline = records[0]["headline"]
    rows = []
    for method, some in sorted(by_method.items(), key=lambda item: -_mean(item[1])):
        against = (_against(some, by_method.get(b, []), headline) if method != b else "" for b in baselines)
        rows.append((method, _spread([r["value"] for r in some]), str(len(some)), *_costs(some), *against))
    costs = ("seconds", "tokens/s", "peak GB")
    columns = ("method", measure_of(records[0]), "seeds", *costs, *(f"against {baseline}" for baseline in baselines))
    return Table(title=title, columns=columns, rows=tuple(rows), notes=tuple(_published(records[0])))


def _noise_table(title: str, records: Sequence[Record]) -> Table:
    scorers = dict.fromkeys(name for record in records for name in record["metrics"])
    rows = []
    for name in scorers:
        some = [record["metrics"][name] for record in records if name in record["metrics"]]
        keys = ("auroc", "average_precision", "precision_at_10_percent")
        rows.append((name, *(_spread([found[key] for found in some]) for key in keys), str(len(some))))
    rows.sort(key=lambda row: row[1], reverse=True)
    columns = ("scorer", "AUROC", "average precision", "precision at 10 %", "seeds")
    return Table(title=title, columns=columns, rows=tuple(rows))


def _mean(records: Sequence[Record]) -> float:
    return statistics.fmean(record["value"] for record in records)


def _spread(values: Sequence[float]) -> str:
    """Mean and standard deviation in per cent; without the latter of a single value."""
    mean = 100 * statistics.fmean(values)
    return f"{mean:.2f} ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else f"{mean:.2f}"


def _costs(records: Sequence[Record]) -> tuple[str, str, str]:
    costs = [record.get("cost") or {} for record in records]

    def mean(key: str, form: str) -> str:
        known = [cost[key] for cost in costs if cost.get(key)]
        return form.format(statistics.fmean(known)) if known else "-"

    return mean("seconds", "{:,.0f}"), mean("tokens_per_second", "{:,.0f}"), mean("peak_memory_gb", "{:.1f}")


def _against(some: Sequence[Record], baseline: Sequence[Record], headline: str) -> str:
    """The mean difference to the baseline at the seeds that both have, with its interval and p-value."""
    theirs = {record["varied"].get("seed"): record for record in baseline}
    pairs = [(r, theirs[r["varied"].get("seed")]) for r in some if r["varied"].get("seed") in theirs]
    if not pairs:
        return "-"
    ones, others = ([record.get("outcomes") or {} for record in side] for side in zip(*pairs, strict=True))
    found = compare(ones, others, headline)
    if found is None:
        return f"{100 * statistics.fmean(a['value'] - b['value'] for a, b in pairs):+.2f}"
    return f"{100 * found.difference:+.2f} ({100 * found.low:+.2f} .. {100 * found.high:+.2f}), p {found.p:.3f}"


def _published(record: Record) -> list[str]:
    """Figures of others on this task and fraction, each with where it was seen."""
    varied = record["varied"]
    if "task" not in varied:
        return []
    return [
        f"published: {p['system']}, {p['measure']} {100 * p['value']:.2f} ({p['source']})"
        for p in read_task(varied["task"]).published
        if float(p["fraction"]) == float(varied.get("fraction", 100))
    ]


def as_markdown(table: Table) -> str:
    """As a table of GitHub's Markdown."""
    lines = [f"**{table.title}**", "", f"| {' | '.join(table.columns)} |", "|---" * len(table.columns) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in table.rows]
    return "\n".join([*lines, *(f"\n{note}" for note in table.notes)])


def as_latex(table: Table) -> str:
    """As a tabular of booktabs."""
    lines = [f"% {table.title}", rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}", r"\toprule"]
    lines += [_latex_row(table.columns), r"\midrule", *map(_latex_row, table.rows), r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *(f"% {note}" for note in table.notes)])


def _latex_row(cells: Sequence[str]) -> str:
    escaped = [c.replace("±", r"$\pm$").replace("%", r"\%").replace("_", r"\_").replace("&", r"\&") for c in cells]
    return f"{' & '.join(escaped)} \\\\"


def as_csv(table: Table) -> str:
    """As comma-separated values, the title in the first column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["table", *table.columns])
    writer.writerows([[table.title, *row] for row in table.rows])
    return text.getvalue().rstrip("\n")


def as_html(table: Table) -> str:
    """As a table of HTML."""
    head = "".join(f"<th>{html.escape(c)}</th>" for c in table.columns)
    rows = "\n".join(f"<tr>{''.join(f'<td>{html.escape(c)}</td>' for c in row)}</tr>" for row in table.rows)
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in table.notes)
    return f"<h2>{html.escape(table.title)}</h2>\n<table><tr>{head}</tr>\n{rows}\n</table>{notes}"


FORMS: Mapping[str, Callable[[Table], str]] = {
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "html": as_html,
}
"""What ``finecl benchmark show --format`` can write, besides the terminal."""
