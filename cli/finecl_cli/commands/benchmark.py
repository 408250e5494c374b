"""``finecl benchmark``: measuring the engine on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.group("benchmark")
def command() -> None:
    """Measure speed and memory on this machine."""


@command.command("speed")
@click.option("--rounds", type=click.IntRange(1), default=6, show_default=True, help="Turns of each that count.")
@click.option("--warm-up", type=click.IntRange(0), default=2, show_default=True, help="Turns before those.")
@click.option(
    "--part",
    type=click.Choice(("core", "batches", "corpus", "ranks")),
    multiple=True,
    default=("core",),
    show_default=True,
    help="core: engines side by side; batches: cost of ever larger contrasts; corpus: 1x to 100x the documents; "
    "ranks: one process against two.",
)
@click.option("--keep", is_flag=True, help="Write the records to benchmarks/results.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
def speed(rounds: int, warm_up: int, part: tuple[str, ...], keep: bool, as_json: bool) -> None:
    """Tokens a second, memory and their ratios: engines take turns in one run, on Re-DocRED (FINECL_DATA)."""
    from finecl_benchmarks import speed as bench

    def tell(text: str) -> None:
        click.echo(text, err=True)

    records: dict[str, dict[str, Any]] = {}
    for name in part:
        records[name] = bench.measure(rounds, warm_up, tell) if name == "core" else getattr(bench, name)(tell)
        if keep:
            click.echo(bench.keep("speed" if name == "core" else f"speed-{name}", records[name]), err=True)
    found = records["core"] if list(records) == ["core"] else records
    click.echo(json.dumps(found) if as_json else "\n".join(bench.lines(records)))


@command.command("task")
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

    from finecl.settings import assignment
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


@command.command("noise")
@click.option("--data", type=click.Choice(("wiki80", "demo")), default="wiki80", show_default=True, help="The corpus.")
@click.option(
    "--kind",
    type=click.Choice(("uniform", "type-consistent")),
    default="type-consistent",
    show_default=True,
    help="How Wiki80's labels become wrong.",
)
@click.option("--rate", type=float, default=0.4, show_default=True, help="Share of Wiki80's labels that do.")
@click.option("--seed", type=int, multiple=True, default=(0,), help="Repeatable.")
@click.option("--keep", is_flag=True, help="Write the records to benchmarks/results.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def noise(data: str, kind: Any, rate: float, seed: tuple[int, ...], keep: bool, as_json: bool, quiet: bool) -> None:
    """How well each registered scorer finds labels that are known to be wrong, from one proxy run."""
    from finecl_benchmarks import noise as bench
    from finecl_benchmarks.speed import keep as keep_record

    from finecl_cli.screen import Screen

    records = []
    for number in seed:
        setting = bench.demo(number) if data == "demo" else bench.wiki80(kind, rate, number)
        with Screen(quiet=quiet) as screen:
            record = bench.measure(setting, screen)
        records.append(record)
        if not as_json:
            click.echo("\n".join(bench.lines(record)))
        if keep:
            named = "noise-demo" if data == "demo" else f"noise-wiki80-{kind}-{rate * 100:g}"
            click.echo(keep_record(f"{named}-seed{number}", record), err=True)
    if as_json:
        click.echo(json.dumps(records))


@command.command("trimmed")
@click.option("--rate", type=float, default=0.4, show_default=True, help="Share of Wiki80's labels that become wrong.")
@click.option("--seed", type=int, multiple=True, default=(0,), help="Repeatable.")
@click.option("--keep", is_flag=True, help="Write the records to benchmarks/results.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def trimmed(rate: float, seed: tuple[int, ...], keep: bool, quiet: bool) -> None:
    """Train on what was learned early, on everything and on as much at random: FineCL's Table 2 in small."""
    from finecl_benchmarks import trimmed as bench
    from finecl_benchmarks.speed import keep as keep_record

    from finecl_cli.screen import Screen

    for number in seed:
        with Screen(quiet=quiet) as screen:
            record = bench.measure("type-consistent", rate, number, screen)
        told = ", ".join(f"{name} {value:.4f}" for name, value in record["accuracy"].items())
        click.echo(f"seed {number}: accuracy trained on {told}")
        if keep:
            click.echo(keep_record(f"trimmed-wiki80-seed{number}", record), err=True)


@command.command("shortcuts")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the corpus and of the proxy.")
@click.option("--keep", is_flag=True, help="Write the record to benchmarks/results.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def shortcuts(seed: int, keep: bool, quiet: bool) -> None:
    """What type-matched no-relation pairs and hidden mentions do for a proxy, on the demo corpus."""
    from finecl_benchmarks.shortcuts import compare
    from finecl_benchmarks.speed import keep as keep_record

    from finecl_cli.screen import Screen

    with Screen(quiet=quiet) as screen:
        record = compare(seed, click.echo, screen)
    if keep:
        click.echo(keep_record("shortcuts-demo", record), err=True)
