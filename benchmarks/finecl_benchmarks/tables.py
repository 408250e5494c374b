"""Result tables of a suite: mean and standard deviation over seeds, costs, and comparisons with baselines."""

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
    """A table of text with column headings and notes below it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def build_tables(records: Sequence[Record], baselines: Sequence[str] = ()) -> list[Table]:
    """Builds one table per kind of experiment (tasks: per task and fraction), and one of the failed experiments.

    Each method of ``baselines`` adds a column with the differences to it.

    Raises:
        SettingsError: no record belongs to a baseline.
    """
    known = dict.fromkeys(map(row_of, records))
    for baseline in baselines:
        if baseline not in known:
            raise SettingsError(f"--baseline: expected one of {', '.join(known)}, got '{baseline}'")
    done = [record for record in records if not record.get("failed")]
    tables = []
    for title in dict.fromkeys(map(title_of, done)):
        group = [record for record in done if title_of(record) == title]
        kind = group[0]["kind"]
        builder = {"probe": _probe_table, "noise": _noise_table}.get(kind)
        tables.append(builder(title, group) if builder else _method_table(title, group, baselines))
    failed = [record for record in records if record.get("failed")]
    if failed:
        tables.append(failed_table(failed))
    return tables


def failed_table(failed: Sequence[Record]) -> Table:
    """Builds the table of failed experiments; those of one method with the same reason share a row."""
    by_reason: dict[tuple[str, str], list[Record]] = {}
    for record in failed:
        by_reason.setdefault((row_of(record), str(record["failed"])), []).append(record)
    rows = tuple(
        (_experiment_name(group[0]) if len(group) == 1 else f"{row}, {len(group)} experiments", reason)
        for (row, reason), group in by_reason.items()
    )
    return Table(title="Could not be run", columns=("experiment", "reason"), rows=rows)


def stopped_in(failed: Record) -> str:
    """Names the stage of a failed experiment; its record holds the message, in the words of its commit."""
    stage = str(failed["failed"]).partition(":")[0]
    return f"stopped in the stage {stage}; the record holds the error message"


def title_of(record: Record) -> str:
    """Returns the title of a record's table: the axes that are neither rows of the table nor the seed."""
    varied = record["varied"]
    parts = [str(varied.get("task") or varied.get("data") or _KINDS[record["kind"]])]
    if "fraction" in varied:
        parts.append(f"{varied['fraction']:g} % of the training data")
    parts += [str(varied["extractor"])] if "extractor" in varied else []
    if "rate" in varied:
        parts.append(f"{varied.get('noise', 'silver')} noise at {100 * varied['rate']:g} %")
    elif "data" in varied:
        parts.append("its own noise")
    return ", ".join(parts)


def measure_of(record: Record) -> str:
    """Returns the display name of a record's headline metric."""
    return str(record["headline"]).replace("_", " ").replace("f1", "F1")


_KINDS = {
    "run": "complete runs",
    "probe": "probes of the frozen encoder",
    "trimmed": "training on early-learned labels",
    "score": "learned labels",
    "orders": "learning orders of two proxies",
    "trimmed-documents": "training on parts of the silver documents",
    "difficult": "difficult relations",
    "cleaning": "training on silver labels",
}
"""Table titles of the kinds of experiments without a task or a data set."""
_ROWS = ("method", "variant", "pair", "part", "cleaning")


def row_of(record: Record) -> str:
    """Returns the label of a record's row: the method and its variant, pair or part; "-" without any."""
    varied = record["varied"]
    values = [varied[key] for key in _ROWS if key in varied]
    return ", ".join(" and ".join(each) if isinstance(each, list) else str(each) for each in values) or "-"


def _experiment_name(record: Record) -> str:
    return " ".join(str(value) for value in (record["kind"], *record["varied"].values()))


def _method_table(title: str, records: Sequence[Record], baselines: Sequence[str]) -> Table:
    by_method: dict[str, list[Record]] = {}
    for record in records:
        by_method.setdefault(row_of(record), []).append(record)
    headline = records[0]["headline"]
    rows = []
    for method, group in sorted(by_method.items(), key=lambda item: -_mean(item[1])):
        against = (_against(group, by_method.get(b, []), headline) if method != b else "" for b in baselines)
        rows.append((method, _spread([r["value"] for r in group]), str(len(group)), *_costs(group), *against))
    costs = ("seconds", "tokens/s", "peak GB")
    columns = ("method", measure_of(records[0]), "seeds", *costs, *(f"against {baseline}" for baseline in baselines))
    return Table(title=title, columns=columns, rows=tuple(rows), notes=tuple(_published(records[0])))


def _noise_table(title: str, records: Sequence[Record]) -> Table:
    scorers = dict.fromkeys(name for record in records for name in record["metrics"])
    rows = []
    for name in scorers:
        scores = [record["metrics"][name] for record in records if name in record["metrics"]]
        keys = ("auroc", "average_precision", "precision_at_10_percent")
        rows.append((name, *(_spread([score[key] for score in scores]) for key in keys), str(len(scores))))
    rows.sort(key=lambda row: row[1], reverse=True)
    columns = ("scorer", "AUROC", "average precision", "precision at 10 %", "seeds")
    return Table(title=title, columns=columns, rows=tuple(rows))


def _probe_table(title: str, records: Sequence[Record]) -> Table:
    """Builds the table of what frozen encoders' pair vectors tell; accuracies in per cent, the rest as measured."""
    names = ("nearest", "ridge", "alignment", "uniformity", "effective_rank")
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(row_of(record), []).append(record)
    rows = []
    for method, group in sorted(groups.items(), key=lambda item: -_mean(item[1])):
        values = {key: [record["metrics"][key] for record in group] for key in names}
        others = (f"{statistics.fmean(values[key]):.2f}" for key in names[2:])
        rows.append((method, _spread(values["nearest"]), _spread(values["ridge"]), *others, str(len(group))))
    columns = ("method", "1-NN", "ridge", "alignment", "uniformity", "effective rank", "seeds")
    return Table(title=title, columns=columns, rows=tuple(rows))


def _mean(records: Sequence[Record]) -> float:
    return statistics.fmean(record["value"] for record in records)


def _spread(values: Sequence[float]) -> str:
    """Formats mean and standard deviation in per cent; the mean alone for a single value."""
    mean = 100 * statistics.fmean(values)
    return f"{mean:.2f} ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else f"{mean:.2f}"


def _costs(records: Sequence[Record]) -> tuple[str, str, str]:
    costs = [record.get("cost") or {} for record in records]

    def mean(key: str, form: str) -> str:
        known = [cost[key] for cost in costs if cost.get(key)]
        return form.format(statistics.fmean(known)) if known else "-"

    return mean("seconds", "{:,.0f}"), mean("tokens_per_second", "{:,.0f}"), mean("peak_memory_gb", "{:.1f}")


def _against(group: Sequence[Record], baseline: Sequence[Record], headline: str) -> str:
    """Formats the mean difference to the baseline over common seeds, with its interval and p-value."""
    baseline_by_seed = {record["varied"].get("seed"): record for record in baseline}
    pairs = [
        (record, baseline_by_seed[record["varied"].get("seed")])
        for record in group
        if record["varied"].get("seed") in baseline_by_seed
    ]
    if not pairs:
        return "-"
    ones, others = ([record.get("outcomes") or {} for record in side] for side in zip(*pairs, strict=True))
    comparison = compare(ones, others, headline)
    if comparison is None:
        return f"{100 * statistics.fmean(a['value'] - b['value'] for a, b in pairs):+.2f}"
    difference, low, high = (100 * value for value in (comparison.difference, comparison.low, comparison.high))
    return f"{difference:+.2f} ({low:+.2f} .. {high:+.2f}), p {comparison.p:.3f}"


def _published(record: Record) -> list[str]:
    """Returns published results on this task and fraction, with their sources."""
    varied = record["varied"]
    if "task" not in varied:
        return []
    return [
        f"published: {p['system']}, {p['measure']} {100 * p['value']:.2f} ({p['source']})"
        for p in read_task(varied["task"]).published
        if float(p["fraction"]) == float(varied.get("fraction", 100))
    ]


def as_markdown(table: Table) -> str:
    """Formats a table as GitHub Markdown."""
    lines = [f"**{table.title}**", "", f"| {' | '.join(table.columns)} |", "|---" * len(table.columns) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in table.rows]
    return "\n".join([*lines, *(f"\n{note}" for note in table.notes)])


def as_latex(table: Table) -> str:
    """Formats a table as a LaTeX tabular with booktabs."""
    lines = [f"% {table.title}", rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}", r"\toprule"]
    lines += [_latex_row(table.columns), r"\midrule", *map(_latex_row, table.rows), r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *(f"% {note}" for note in table.notes)])


def _latex_row(cells: Sequence[str]) -> str:
    escaped = [c.replace("±", r"$\pm$").replace("%", r"\%").replace("_", r"\_").replace("&", r"\&") for c in cells]
    return f"{' & '.join(escaped)} \\\\"


def as_csv(table: Table) -> str:
    """Formats a table as comma-separated values, with the title in the first column."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["table", *table.columns])
    writer.writerows([[table.title, *row] for row in table.rows])
    return text.getvalue().rstrip("\n")


def as_html(table: Table) -> str:
    """Formats a table as HTML."""
    head = "".join(f"<th>{html.escape(c)}</th>" for c in table.columns)
    rows = "\n".join(f"<tr>{''.join(f'<td>{html.escape(c)}</td>' for c in row)}</tr>" for row in table.rows)
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in table.notes)
    return f"<h2>{html.escape(table.title)}</h2>\n<table><tr>{head}</tr>\n{rows}\n</table>{notes}"


FORMATS: Mapping[str, Callable[[Table], str]] = {
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "html": as_html,
}
"""Output formats of ``finecl benchmark show --format``, besides the terminal."""
