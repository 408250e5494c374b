"""``finecl benchmark speed``."""

from __future__ import annotations

import json
from typing import Any

import click

from finecl_cli.help import examples


@click.command(
    "speed",
    short_help="Measure throughput and memory, as ratios.",
    epilog=examples(
        "finecl benchmark speed",
        "finecl benchmark speed --part batches --part corpus",
    ),
)
@click.option(
    "--rounds", type=click.IntRange(1), default=6, show_default=True, help="Measured rounds; each engine runs one step."
)
@click.option("--warm-up", type=click.IntRange(0), default=2, show_default=True, help="Unmeasured rounds before those.")
@click.option(
    "--part",
    type=click.Choice(("core", "batches", "corpus", "ranks")),
    multiple=True,
    default=("core",),
    show_default=True,
    help="Benchmark to run; repeatable. core: compare engines; batches: cost of larger contrast groups; corpus: 1,000 "
    "to 100,000 documents; ranks: one process against two.",
)
@click.option("--keep", is_flag=True, help="Write the records to benchmarks/results.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
def speed(rounds: int, warm_up: int, part: tuple[str, ...], keep: bool, as_json: bool) -> None:
    """Measure tokens per second and memory, and their ratios between engines that alternate in one run.

    The documents are Re-DocRED's dev set, below the directory FINECL_DATA.
    """
    from finecl_benchmarks import speed as bench

    def log(text: str) -> None:
        click.echo(text, err=True)

    records: dict[str, dict[str, Any]] = {}
    for name in part:
        records[name] = bench.measure(rounds, warm_up, log) if name == "core" else getattr(bench, name)(log)
        if keep:
            click.echo(bench.save_record("speed" if name == "core" else f"speed-{name}", records[name]), err=True)
    printed = records["core"] if list(records) == ["core"] else records
    click.echo(json.dumps(printed) if as_json else "\n".join(bench.format_ratios(records)))
