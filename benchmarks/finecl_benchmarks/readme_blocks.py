"""Generated blocks of the pages for scorers, tasks and suites, one table each, over all recorded seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finecl.artifacts.files import read_json
from finecl_benchmarks.tables import Table, as_markdown, failed_table, measure_of, row_of, stopped_in
from finecl_benchmarks.task_files import read_task, task_names

RESULTS = Path(__file__).resolve().parents[1] / "results"
_MENTIONS = {"text": "by text", "type": "by type", "blank": "blanked"}


def noise_block(rate: float | None = None) -> str:
    """Returns the AUROC of every scorer, one column per recorded corruption.

    ``rate`` restricts the columns to that noise rate and to natural noise.
    """
    records = [r for r in _noise_records() if rate is None or not r["data"]["kind"] or r["data"]["rate"] == rate]
    if not records:
        return no_record("finecl benchmark noise --keep")
    records_by_column: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        data = record["data"]
        noise = f"{data['kind']} {data['rate']:.0%}" if data["kind"] else "its own noise"
        records_by_column.setdefault(f"{data['name']}, {noise}", []).append(record)
    columns = [f"{title} ({_count(group, 'seed')})" for title, group in records_by_column.items()]
    rows = [f"| scorer | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    names = dict.fromkeys(name for record in records for name in record["on_the_rest"])
    values_by_scorer = {
        name: [
            [record["on_the_rest"][name]["auroc"] for record in group if name in record["on_the_rest"]]
            for group in records_by_column.values()
        ]
        for name in names
    }
    for name in sorted(names, key=lambda n: -max(statistics.fmean(values) for values in values_by_scorer[n] if values)):
        row = f"| `{name}` | {' | '.join(_spread(values) for values in values_by_scorer[name])} |"
        rows.append(row.replace("`stack", "stack"))
    return "\n".join(rows).replace("labels` |", "labels |")


def _noise_records() -> list[dict[str, Any]]:
    """Returns records of single measurements; experiments of the suite "noise" replace those of the same labels."""
    records = {}
    for record in _read_records("noise-*.json"):
        data = record["data"]
        records[data["name"], data["kind"], data["rate"] if data["kind"] else None, record["seed"]] = record
    for experiment in read_json(RESULTS / "suite-noise.json").get("cells", []):
        varied = experiment["varied"]
        key = (varied["data"], varied.get("noise"), varied.get("rate"), varied["seed"])
        data = {"name": key[0], "kind": key[1], "rate": key[2]}
        records[key] = {**experiment, "data": data, "seed": key[3], "on_the_rest": experiment["metrics"]}
    return [records[key] for key in sorted(records, key=str)]


def suite_block(name: str) -> str:
    """Returns the tables of a recorded suite."""
    record = read_json(RESULTS / f"suite-{name}.json")
    if not record:
        return no_record(f"finecl benchmark run {name}` and `finecl benchmark show {name} --keep")
    tables = [Table(**{**table, "rows": tuple(map(tuple, table["rows"]))}) for table in record["tables"]]
    failed = [{**each, "failed": stopped_in(each)} for each in record["cells"] if each.get("failed")]
    if failed:  # the last table, written again so that its wording follows the code
        tables[-1] = failed_table(failed)
    return "\n\n".join(map(as_markdown, tables))


def summary_block(name: str) -> str:
    """Returns a suite of tasks as one table: a row per method or variant, a column per task and fraction."""
    record = read_json(RESULTS / f"suite-{name}.json")
    return summary(record) if record else suite_block(name)


def summary(record: Mapping[str, Any]) -> str:
    """Returns the table of ``summary_block``, with the best value of each column in bold, and the total cost."""
    values: dict[str, dict[tuple[str, float], list[float]]] = {}
    for experiment in record["cells"]:
        if not experiment.get("failed"):
            varied = experiment["varied"]
            column = varied["task"], varied["fraction"]
            values.setdefault(row_of(experiment), {}).setdefault(column, []).append(experiment["value"])
    columns = sorted({column for by_column in values.values() for column in by_column})
    means = {m: {column: statistics.fmean(v) for column, v in by_column.items()} for m, by_column in values.items()}
    best = {column: max(by_column.get(column, 0.0) for by_column in means.values()) for column in columns}
    head = " | ".join(f"{task}, {fraction:g} %" for task, fraction in columns)
    rows = [f"| method | {head} |", "|---" * (len(columns) + 1) + "|"]
    for method in sorted(means, key=lambda m: -statistics.fmean(means[m].values())):
        cells = [_percent(values[method].get(c, []), bold=means[method].get(c) == best[c]) for c in columns]
        rows.append(f"| `{method}` | {' | '.join(cells)} |")
    seeds = {experiment["varied"]["seed"] for experiment in record["cells"]}
    spread = "mean ± standard deviation of " if len(seeds) > 1 else ""
    caption = f"Per cent, {spread}{_count(sorted(seeds), 'seed')}; {_costs(record['cells'])}."
    failures = {row_of(each): stopped_in(each) for each in record["cells"] if each.get("failed")}
    failed = [f"`{method}` could not be run: it {where}." for method, where in sorted(failures.items())]
    return "\n".join([*rows, "", caption, *failed])


def _costs(experiments: Sequence[Mapping[str, Any]]) -> str:
    """Returns the number of finished experiments and their total hours; shared runs are counted once."""
    done = [each for each in experiments if not each.get("failed")]
    runs = {(row_of(each), each["varied"]["seed"]): each["cost"]["pretraining"]["seconds"] for each in done}
    hours = (sum(runs.values()) + sum(each["cost"]["seconds"] for each in done)) / 3600
    return f"{len(done)} experiments, {hours:.1f} hours in total on one process"


def _percent(values: Sequence[float], *, bold: bool) -> str:
    if not values:
        return "-"
    text = f"{100 * statistics.fmean(values):.1f}"
    text += f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"**{text}**" if bold else text


def inference_block() -> str:
    """Returns the documents per second from text to triples."""
    record = read_json(RESULTS / "inference.json")
    if not record:
        return no_record("python -m finecl_benchmarks.inference --keep")
    settings, machine = record["settings"], record["machine"]
    return (
        f"{settings['documents']:,} documents of Re-DocRED with {record['pairs']:,} entity pairs, {settings['model']} "
        f"with a bilinear head, {record['precision']} on {settings['threads']} CPU threads of {machine['processors']}: "
        f"{record['documents_per_second']:.1f} documents per second from text to triples, "
        f"{record['share_of_bare_encoder']:.0%} of the bare encoder's rate on the same batches."
    )


def report_block() -> str:
    """Returns the seconds to write and to open a large report."""
    record = read_json(RESULTS / "report.json")
    if not record:
        return no_record("python -m finecl_benchmarks.report_speed --keep")
    return (
        f"A page of {record['labels']:,} labels is {record['megabytes']:.0f} MB, takes {record['write_seconds']:.0f} s "
        f"to write, and opens in {record['open_seconds_median']:.1f} s in headless Chromium (median of "
        f"{len(record['open_seconds'])})."
    )


def order_block() -> str:
    """Returns the accuracy of the labels learned in each epoch, on Wiki80 at 40 % type-consistent noise."""
    data = {"name": "wiki80", "kind": "type-consistent", "rate": 0.4}
    records = [record for record in _noise_records() if data.items() <= record["data"].items()]
    if not records:
        return no_record("finecl benchmark noise --keep")
    return by_order([record["label_accuracy_by_order"]["batch"] for record in records])


def by_order(seeds: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """Returns number and accuracy of the labels by the epoch in which they were learned, summed over seeds."""
    labels: dict[int | None, int] = {}
    correct: dict[int | None, float] = {}
    for row in (row for rows in seeds for row in rows):
        labels[row["order"]] = labels.get(row["order"], 0) + row["instances"]
        correct[row["order"]] = correct.get(row["order"], 0.0) + row["instances"] * row["accuracy"]
    orders = sorted(labels, key=lambda order: order or float("inf"))
    return "\n".join(
        [
            f"| learned in epoch | {' | '.join(str(order or 'never') for order in orders)} |",
            "|---" * (len(orders) + 1) + "|",
            f"| label accuracy | {' | '.join(f'{correct[order] / labels[order]:.2f}' for order in orders)} |",
            f"| labels ({_count(seeds, 'seed')}) | {' | '.join(f'{labels[order]:,}' for order in orders)} |",
        ]
    )


def trimmed_block() -> str:
    """Returns the accuracy of extractors trained on parts of a corrupted corpus."""
    records = _read_records("trimmed-*.json")
    if not records:
        return no_record("finecl benchmark trimmed --keep")
    rows = [
        f"| trained on | sentences | label accuracy | accuracy ({_count(records, 'seed')}) |",
        "|---|---|---|---|",
    ]
    for part in ("everything", "random", "early"):
        size = statistics.fmean(record["sentences"][part] for record in records)
        correct = statistics.fmean(record["label_accuracy"][part] for record in records)
        accuracy = _spread([record["accuracy"][part] for record in records])
        rows.append(f"| {part} | {size:,.0f} | {correct:.1%} | {accuracy} |")
    return "\n".join(rows)


def shortcuts_block() -> str:
    """Returns the AUROC of scorers by the proxy's no-relation pairs and by how mentions are shown to it."""
    record = read_json(RESULTS / "shortcuts-demo.json")
    if not record:
        return no_record("finecl benchmark shortcuts --keep")
    names = ("learning-order", "area-under-margin", "small-loss")
    rows = [f"| no-relation pairs | mentions | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for variant in record["variants"]:
        scores = " | ".join(f"{variant['auroc'][name]:.3f}" for name in names)
        rows.append(f"| {variant['no_relation']} | {_MENTIONS[variant['mentions']]} | {scores} |")
    return "\n".join(rows)


def tasks_block() -> str:
    """Returns the headline metric of every recorded task, by fraction, over seeds."""
    rows = ["| task | encoder | training data | metric | value | seconds per seed |", "|---|---|---|---|---|---|"]
    for name in task_names():
        groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
        for record in _read_records(f"task-{name}-*.json"):
            if record["task"] == name:
                groups.setdefault((Path(record["model"]).name, record["fraction"]), []).append(record)
        for (model, fraction), records in sorted(groups.items()):
            seconds = statistics.fmean(record["seconds"] for record in records)
            metric, title = measure_of(records[0]), read_task(name).title
            value = f"{_spread([record['value'] for record in records])} ({_count(records, 'seed')})"
            rows.append(f"| {title} | {model} | {fraction:g} % | {metric} | {value} | {seconds:,.0f} |")
    if len(rows) == 2:
        return no_record("finecl benchmark task NAME --keep")
    return "\n".join([*rows, *_reruns()])


def _reruns() -> list[str]:
    """Returns the results of tasks run twice with one seed: ``finecl benchmark task NAME --json > rerun-...``."""
    lines = []
    for path in sorted(RESULTS.glob("rerun-task-*.json")):
        first = read_json(path.with_name(path.name.removeprefix("rerun-")))
        (second,) = json.loads(path.read_text(encoding="utf-8"))
        keys = [key for key in ("f1", "ign_f1", "auc") if key in first["metrics"]] or [first["headline"]]
        values = ", ".join(f"{key} {first['metrics'][key]:.6f} and {second['metrics'][key]:.6f}" for key in keys)
        lines.append(f"\n{read_task(first['task']).title}, seed {first['seed']}, run twice: {values}.")
    return lines


def _read_records(pattern: str) -> list[dict[str, Any]]:
    return [read_json(path) for path in sorted(RESULTS.glob(pattern))]


def no_record(command: str) -> str:
    """Returns the text in place of a table without a record: the command that makes one."""
    return f"Not measured: no record. Create one with `{command}`."


def _count(records: Sequence[Any], noun: str) -> str:
    return f"{len(records)} {noun}{'s' if len(records) > 1 else ''}"


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    mean = statistics.fmean(values)
    return f"{mean:.3f} ± {statistics.stdev(values):.3f}" if len(values) > 1 else f"{mean:.3f}"
