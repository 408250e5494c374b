"""``finecl benchmark task``."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("task", short_help="Fine-tune and evaluate one encoder on TASK.")
@click.argument("task")
@click.option("--model", default="minilm", show_default=True, help="An encoder: a name, or a run's encoder/.")
@click.option("--fraction", type=float, multiple=True, default=(100.0,), help="Per cent of train; repeatable.")
@click.option("--seed", type=int, multiple=True, default=(42,), help="Repeatable.")
@click.option("--set", "assignments", metavar="KEY=VALUE", multiple=True, help="One setting; repeatable.")
@click.option("--keep", is_flag=True, help="Write the records to benchmarks/results.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def task(
    task: str,
    model: str,
    fraction: tuple[float, ...],
    seed: tuple[int, ...],
    assignments: tuple[str, ...],
    keep: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fine-tune and evaluate an encoder on TASK: a name, or a TOML file of your own (see benchmarks/README.md)."""
    from finecl_benchmarks.downstream import run_task
    from finecl_benchmarks.speed import keep as keep_record
    from finecl_benchmarks.task_files import read_task

    from finecl.config.coerce import assignment
    from finecl_cli.screen import Screen

    chosen, overrides, records = read_task(task), dict(map(assignment, assignments)), []
    for part in fraction:
        for number in seed:
            with Screen(quiet=quiet) as screen:
                record = run_task(chosen, model=model, fraction=part, seed=number, overrides=overrides, listener=screen)
            records.append(record)
            if not as_json:
                click.echo(f"{chosen.name} {part:g} %, seed {number}: {record['headline']} {record['value']:.4f}")
            if keep:
                name = f"task-{chosen.name}-{Path(model).name}-{part:g}-seed{number}"
                click.echo(keep_record(name, record), err=True)
    if as_json:
        click.echo(json.dumps(records))
