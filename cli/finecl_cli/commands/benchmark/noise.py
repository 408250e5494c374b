"""``finecl benchmark noise``, ``trimmed`` and ``shortcuts``: scorers against known truth."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("noise", short_help="Scorers on labels that are known to be wrong.")
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


@click.command("trimmed", short_help="Training on what was learned early.")
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


@click.command("shortcuts", short_help="What hiding mentions does to the scorers.")
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
