"""Blocks of the pages that are made from records of scorers and tasks: one table each, over all seeds that are kept."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finecl.artifacts.files import read_json
from finecl_benchmarks.tables import Table, as_markdown, measure_of, row_of
from finecl_benchmarks.task_files import read_task, task_names

RESULTS = Path(__file__).resolve().parents[1] / "results"


def noise_block(rate: float | None = None) -> str:
    """AUROC of every scorer, a column for each corruption that is recorded; with ``rate``, for those of that rate and
    for natural noise.
    """
    found = [r for r in _noise_records() if rate is None or not r["data"]["kind"] or r["data"]["rate"] == rate]
    if not found:
        return "No record of it is kept: `finecl benchmark noise --keep` makes one."
    places: dict[str, list[dict[str, Any]]] = {}
    for record in found:
        data = record["data"]
        title = (
            f"{data['name']}, {data['kind']} {data['rate']:.0%}" if data["kind"] else f"{data['name']}, its own noise"
        )
        places.setdefault(title, []).append(record)
    columns = [f"{title} ({_count(records, 'seed')})" for title, records in places.items()]
    rows = [f"| scorer | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    names = dict.fromkeys(name for record in found for name in record["on_the_rest"])
    cells = {
        name: [[r["on_the_rest"][name]["auroc"] for r in some if name in r["on_the_rest"]] for some in places.values()]
        for name in names
    }
    for name in sorted(names, key=lambda n: -max(statistics.fmean(values) for values in cells[n] if values)):
        rows.append(
            f"| `{name}` | {' | '.join(_spread(values) for values in cells[name])} |".replace("`stack", "stack")
        )
    return "\n".join(rows).replace("labels` |", "labels |")


def _noise_records() -> list[dict[str, Any]]:
    """Records of single measurements, and the cells of the suite "noise" in the place of those of the same labels."""
    found = {}
    for record in _kept("noise-*.json"):
        data = record["data"]
        found[data["name"], data["kind"], data["rate"] if data["kind"] else None, record["seed"]] = record
    for cell in read_json(RESULTS / "suite-noise.json").get("cells", []):
        varied = cell["varied"]
        key = (varied["data"], varied.get("noise"), varied.get("rate"), varied["seed"])
        data = {"name": key[0], "kind": key[1], "rate": key[2]}
        found[key] = {**cell, "data": data, "seed": key[3], "on_the_rest": cell["metrics"]}
    return [found[key] for key in sorted(found, key=str)]


def suite_block(name: str) -> str:
    """The tables of a suite that is recorded."""
    record = read_json(RESULTS / f"suite-{name}.json")
    if not record:
        made_by = f"`finecl benchmark run {name}` and `finecl benchmark show {name} --keep`"
        return f"No record of it is kept: {made_by} make one."
    made = [Table(**{**each, "rows": tuple(map(tuple, each["rows"]))}) for each in record["tables"]]
    return "\n\n".join(map(as_markdown, made))


def summary_block(name: str) -> str:
    """A suite of tasks in one table: a row a method or variant of one, a column a task and fraction, the best bold."""
    record = read_json(RESULTS / f"suite-{name}.json")
    return summary(record) if record else suite_block(name)


def summary(record: Mapping[str, Any]) -> str:
    """The cells of a suite's record by method, task and fraction, and what they cost; see ``summary_block``."""
    values: dict[str, dict[tuple[str, float], list[float]]] = {}
    for cell in record["cells"]:
        if not cell.get("failed"):
            varied = cell["varied"]
            place = varied["task"], varied["fraction"]
            values.setdefault(row_of(cell), {}).setdefault(place, []).append(cell["value"])
    places = sorted({place for found in values.values() for place in found})
    means = {m: {place: statistics.fmean(v) for place, v in found.items()} for m, found in values.items()}
    best = {place: max(found.get(place, 0.0) for found in means.values()) for place in places}
    head = " | ".join(f"{task}, {fraction:g} %" for task, fraction in places)
    rows = [f"| method | {head} |", "|---" * (len(places) + 1) + "|"]
    for method in sorted(means, key=lambda m: -statistics.fmean(means[m].values())):
        cells = [
            f"**{_percent(values[method].get(place, []))}**"
            if means[method].get(place) == best[place]
            else _percent(values[method].get(place, []))
            for place in places
        ]
        rows.append(f"| `{method}` | {' | '.join(cells)} |")
    seeds = {cell["varied"]["seed"] for cell in record["cells"]}
    spread = "mean ± standard deviation of " if len(seeds) > 1 else ""
    told = f"Per cent, {spread}{_count(sorted(seeds), 'seed')}; {_costs(record['cells'])}."
    reasons = {row_of(cell): cell["failed"] for cell in record["cells"] if cell.get("failed")}
    return "\n".join([*rows, "", told, *(f"`{m}` could not be run: {why}." for m, why in sorted(reasons.items()))])


def _costs(cells: Sequence[Mapping[str, Any]]) -> str:
    """What the cells took together, the runs that they share counted once."""
    done = [cell for cell in cells if not cell.get("failed")]
    runs = {(row_of(c), c["varied"]["seed"]): c["cost"]["pretraining"]["seconds"] for c in done}
    hours = (sum(runs.values()) + sum(cell["cost"]["seconds"] for cell in done)) / 3600
    return f"{len(done)} cells, {hours:.1f} hours of one process in all"


def _percent(values: Sequence[float]) -> str:
    if not values:
        return "-"
    mean = 100 * statistics.fmean(values)
    return f"{mean:.1f} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else f"{mean:.1f}"


def inference_block() -> str:
    """Documents a second from text to triples."""
    record = read_json(RESULTS / "inference.json")
    if not record:
        return "No record of it is kept: `python -m finecl_benchmarks.inference --keep` makes one."
    settings, machine = record["settings"], record["machine"]
    return (
        f"{settings['documents']:,} documents of Re-DocRED with {record['pairs']:,} entity pairs, {settings['model']} "
        f"with a bilinear head, {record['precision']} on {settings['threads']} CPU threads of {machine['processors']}: "
        f"{record['documents_per_second']:.1f} documents a second from text to triples, "
        f"{record['share_of_bare_encoder']:.0%} of the bare encoder's rate on the same batches."
    )


def report_block() -> str:
    """Seconds to write and to open a large report."""
    record = read_json(RESULTS / "report.json")
    if not record:
        return "No record of it is kept: `python -m finecl_benchmarks.report_speed --keep` makes one."
    return (
        f"A page of {record['labels']:,} labels is {record['megabytes']:.0f} MB, takes {record['write_seconds']:.0f} s "
        f"to write, and opens in {record['open_seconds_median']:.1f} s in headless Chromium (median of "
        f"{len(record['open_seconds'])})."
    )


def order_block() -> str:
    """How right the labels are that were learned in each epoch, at 40 % type-consistent noise."""
    wanted = {"name": "wiki80", "kind": "type-consistent", "rate": 0.4}
    found = [record for record in _noise_records() if wanted.items() <= record["data"].items()]
    if not found:
        return "No record of it is kept: `finecl benchmark noise --keep` makes one."
    return by_order([record["label_accuracy_by_order"]["batch"] for record in found])


def by_order(seeds: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """Labels and the share of right ones by the epoch in which they were learned, all seeds together."""
    labels: dict[int | None, int] = {}
    right: dict[int | None, float] = {}
    for row in (row for rows in seeds for row in rows):
        labels[row["order"]] = labels.get(row["order"], 0) + row["instances"]
        right[row["order"]] = right.get(row["order"], 0.0) + row["instances"] * row["accuracy"]
    orders = sorted(labels, key=lambda order: order or float("inf"))
    return "\n".join(
        [
            f"| learned in epoch | {' | '.join(str(order or 'never') for order in orders)} |",
            "|---" * (len(orders) + 1) + "|",
            f"| labels that are right | {' | '.join(f'{right[order] / labels[order]:.2f}' for order in orders)} |",
            f"| labels ({_count(seeds, 'seed')}) | {' | '.join(f'{labels[order]:,}' for order in orders)} |",
        ]
    )


def trimmed_block() -> str:
    """Accuracy of extractors that are trained on parts of a corrupted corpus."""
    found = _kept("trimmed-*.json")
    if not found:
        return "No record of it is kept: `finecl benchmark trimmed --keep` makes one."
    rows = [
        f"| trained on | sentences | labels that are right | accuracy ({_count(found, 'seed')}) |",
        "|---|---|---|---|",
    ]
    for part in ("everything", "random", "early"):
        size = statistics.fmean(record["sentences"][part] for record in found)
        right = statistics.fmean(record["label_accuracy"][part] for record in found)
        rows.append(f"| {part} | {size:,.0f} | {right:.1%} | {_spread([r['accuracy'][part] for r in found])} |")
    return "\n".join(rows)


def shortcuts_block() -> str:
    """What the proxy reads, and how well noise is found then."""
    record = read_json(RESULTS / "shortcuts-demo.json")
    if not record:
        return "No record of it is kept: `finecl benchmark shortcuts --keep` makes one."
    names = ("learning-order", "area-under-margin", "small-loss")
    rows = [f"| no-relation pairs | mentions | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for found in record["variants"]:
        scores = " | ".join(f"{found['auroc'][name]:.3f}" for name in names)
        rows.append(f"| {found['no_relation']} | by {found['mentions']} | {scores} |".replace("by blank", "blanked"))
    return "\n".join(rows)


def tasks_block() -> str:
    """Every task that is recorded: its headline metric by fraction, over seeds."""
    rows = ["| task | encoder | training data | metric | value | seconds a seed |", "|---|---|---|---|---|---|"]
    for name in task_names():
        groups: dict[tuple[str, float], list[dict[str, Any]]] = {}
        for record in _kept(f"task-{name}-*.json"):
            if record["task"] == name:
                groups.setdefault((Path(record["model"]).name, record["fraction"]), []).append(record)
        for (model, fraction), some in sorted(groups.items()):
            seconds = statistics.fmean(record["seconds"] for record in some)
            metric, title = measure_of(some[0]), read_task(name).title
            value = f"{_spread([r['value'] for r in some])} ({_count(some, 'seed')})"
            rows.append(f"| {title} | {model} | {fraction:g} % | {metric} | {value} | {seconds:,.0f} |")
    if len(rows) == 2:
        return "No record of it is kept: `finecl benchmark task NAME --keep` makes one."
    return "\n".join([*rows, *_reruns()])


def _reruns() -> list[str]:
    """What tasks gave that were run once more with the same seed: ``finecl benchmark task NAME --json > rerun-...``."""
    told = []
    for path in sorted(RESULTS.glob("rerun-task-*.json")):
        first = read_json(path.with_name(path.name.removeprefix("rerun-")))
        (second,) = json.loads(path.read_text(encoding="utf-8"))
        keys = [key for key in ("f1", "ign_f1", "auc") if key in first["metrics"]] or [first["headline"]]
        values = ", ".join(f"{key} {first['metrics'][key]:.6f} and {second['metrics'][key]:.6f}" for key in keys)
        told.append(f"\n{read_task(first['task']).title}, seed {first['seed']}, run twice: {values}.")
    return told


def _kept(pattern: str) -> list[dict[str, Any]]:
    return [read_json(path) for path in sorted(RESULTS.glob(pattern))]


def _count(records: Sequence[Any], what: str) -> str:
    return f"{len(records)} {what}{'s' if len(records) > 1 else ''}"


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    mean = statistics.fmean(values)
    return f"{mean:.3f} ± {statistics.stdev(values):.3f}" if len(values) > 1 else f"{mean:.3f}"
