"""``finecl benchmark noise``, ``trimmed`` and ``shortcuts``: noise scorers evaluated against known truth."""

from __future__ import annotations

import json
from typing import Any

import click

from finecl_cli.help import examples


@click.command(
    "noise",
    short_help="Evaluate noise scorers on labels that are known to be wrong.",
    epilog=examples(
        "finecl benchmark noise --data demo",
        "finecl benchmark noise --rate 0.2 --seed 0 --seed 1",
    ),
)
@click.option("--data", type=click.Choice(("wiki80", "demo")), default="wiki80", show_default=True, help="Corpus.")
@click.option(
    "--kind",
    type=click.Choice(("uniform", "type-consistent")),
    default="type-consistent",
    show_default=True,
    help="Noise model of Wiki80's wrong labels.",
)
@click.option("--rate", type=float, default=0.4, show_default=True, help="Share of Wiki80's labels to corrupt.")
@click.option("--seed", type=int, multiple=True, default=(0,), help="Random seed; repeatable.  [default: 0]")
@click.option("--keep", is_flag=True, help="Write the records to benchmarks/results.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@click.option("--quiet", is_flag=True, help="Hide progress on stderr.")
def noise(data: str, kind: Any, rate: float, seed: tuple[int, ...], keep: bool, as_json: bool, quiet: bool) -> None:
    """Evaluate how well each registered scorer detects labels that are known to be wrong, from one proxy run."""
    from finecl_benchmarks import noise as bench
    from finecl_benchmarks.speed import save_record

    from finecl_cli.screen import Screen

    records = []
    for number in seed:
        setting = bench.demo(number) if data == "demo" else bench.wiki80(kind, rate, number)
        with Screen(quiet=quiet) as screen:
            record = bench.measure(setting, screen)
        records.append(record)
        if not as_json:
            click.echo("\n".join(bench.format_record(record)))
        if keep:
            name = "noise-demo" if data == "demo" else f"noise-wiki80-{kind}-{rate * 100:g}"
            click.echo(save_record(f"{name}-seed{number}", record), err=True)
    if as_json:
        click.echo(json.dumps(records))


@click.command(
    "trimmed",
    short_help="Compare training on early-learned labels, all labels and a random sample.",
    epilog=examples(
        "finecl benchmark trimmed --rate 0.4 --seed 0 --seed 1",
    ),
)
@click.option("--rate", type=float, default=0.4, show_default=True, help="Share of Wiki80's labels to corrupt.")
@click.option("--seed", type=int, multiple=True, default=(0,), help="Random seed; repeatable.  [default: 0]")
@click.option("--keep", is_flag=True, help="Write the records to benchmarks/results.")
@click.option("--quiet", is_flag=True, help="Hide progress on stderr.")
def trimmed(rate: float, seed: tuple[int, ...], keep: bool, quiet: bool) -> None:
    """Compare training on early-learned labels, on all labels and on a random sample: FineCL's Table 2, scaled down."""
    from finecl_benchmarks import trimmed as bench
    from finecl_benchmarks.speed import save_record

    from finecl_cli.screen import Screen

    for number in seed:
        with Screen(quiet=quiet) as screen:
            record = bench.measure("type-consistent", rate, number, screen)
        accuracies = ", ".join(f"{name} {value:.4f}" for name, value in record["accuracy"].items())
        click.echo(f"seed {number}: accuracy when trained on {accuracies}")
        if keep:
            click.echo(save_record(f"trimmed-wiki80-seed{number}", record), err=True)


@click.command(
    "shortcuts",
    short_help="Measure the effect of mention masking on noise scorers.",
    epilog=examples(
        "finecl benchmark shortcuts --seed 1",
    ),
)
@click.option("--seed", type=int, default=0, show_default=True, help="Random seed of the corpus and the proxy.")
@click.option("--keep", is_flag=True, help="Write the record to benchmarks/results.")
@click.option("--quiet", is_flag=True, help="Hide progress on stderr.")
def shortcuts(seed: int, keep: bool, quiet: bool) -> None:
    """Measure the effect of type-matched no-relation pairs and mention masking on the scorers, on the demo corpus."""
    from finecl_benchmarks.shortcuts import compare
    from finecl_benchmarks.speed import save_record

    from finecl_cli.screen import Screen

    with Screen(quiet=quiet) as screen:
        record = compare(seed, click.echo, screen)
    if keep:
        click.echo(save_record("shortcuts-demo", record), err=True)
