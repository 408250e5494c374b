"""``finecl benchmark speed``."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("speed", short_help="Tokens a second and memory, as ratios.")
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
