"""``finecl benchmark task``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from finecl_cli.help import examples


@click.command(
    "task",
    short_help="Fine-tune and evaluate one encoder on TASK.",
    epilog=examples(
        "finecl benchmark task wiki80 --fraction 10 --seed 1",
        "finecl benchmark task semeval --model runs/mine/encoder",
    ),
)
@click.argument("task")
@click.option(
    "--model", default="minilm", show_default=True, help="Encoder: 'minilm', a hub name, or a directory (RUN/encoder)."
)
@click.option(
    "--fraction",
    type=float,
    multiple=True,
    default=(100.0,),
    help="Share of the training data in per cent; repeatable.  [default: 100]",
)
@click.option("--seed", type=int, multiple=True, default=(42,), help="Random seed; repeatable.  [default: 42]")
@click.option("--set", "assignments", metavar="KEY=VALUE", multiple=True, help="Setting to override; repeatable.")
@click.option("--keep", is_flag=True, help="Write the records to benchmarks/results.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@click.option("--quiet", is_flag=True, help="Hide progress on stderr.")
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
    """Fine-tune and evaluate an encoder on TASK: a built-in name, or the path of your own TOML file.

    benchmarks/README.md describes the TOML file.
    """
    from finecl_benchmarks.downstream import run_task
    from finecl_benchmarks.speed import save_record
    from finecl_benchmarks.task_files import read_task

    from finecl.config.coerce import assignment
    from finecl_cli.screen import Screen

    loaded, overrides, records = read_task(task), dict(map(assignment, assignments)), []
    for share in fraction:
        for number in seed:
            with Screen(quiet=quiet) as screen:
                record = run_task(
                    loaded, model=model, fraction=share, seed=number, overrides=overrides, listener=screen
                )
            records.append(record)
            if not as_json:
                click.echo(f"{loaded.name} {share:g} %, seed {number}: {record['headline']} {record['value']:.4f}")
            if keep:
                name = f"task-{loaded.name}-{Path(model).name}-{share:g}-seed{number}"
                click.echo(save_record(name, record), err=True)
    if as_json:
        click.echo(json.dumps(records))
