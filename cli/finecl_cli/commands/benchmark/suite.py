"""``finecl benchmark run`` and ``show``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

DIRECTORY = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=Path("benchmark-runs"),
    show_default=True,
    help="Where cells and the runs behind them stand; processes that share it share the work.",
)


@click.command("run", short_help="Run the cells of SUITE that are not done.")
@click.argument("suite")
@DIRECTORY
@click.option("--plan", is_flag=True, help="Say how many cells there are and what they would take, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or the records, as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def run_suite(suite: str, directory: Path, plan: bool, as_json: bool, quiet: bool) -> int:
    """Run all cells of SUITE (a name, or a TOML file of your own) that are not done yet.

    Killed at any moment, the same command goes on. The exit code is 2 if a cell could not be run.

    Suites that come with finecl: smoke (minutes); noise, cpu, fewrel and documents (hours on two cores); paper, table2,
    table3, table5, table6, table7 and figures (the paper's, for GPUs and data that you bring).
    """
    from finecl_benchmarks import suite as bench
    from finecl_benchmarks.suite_files import read_suite

    from finecl import registry as plugins
    from finecl_cli.screen import Screen

    registry = plugins.load()
    chosen, at = read_suite(suite, registry), directory / Path(suite).stem
    if plan:
        from finecl_benchmarks.planning import estimate

        with Screen(quiet=True):
            told = estimate(chosen, registry)
        found = bench.plan(chosen, at) | {"seconds": told.seconds, "memory_gb": told.memory_gb}
        found |= {"unknown": f"{len(told.unknown)} cells: {next(iter(told.unknown.values()))}"} if told.unknown else {}
        click.echo(json.dumps(found) if as_json else "\n".join(f"{key}: {value}" for key, value in found.items()))
        return 0
    with Screen(quiet=quiet) as screen:
        failed = bench.run_suite(chosen, at, registry, lambda text: click.echo(text, err=True), screen)
    records = bench.records_of(chosen, at)
    if as_json:
        click.echo(json.dumps(records))
    else:
        _show(records, "terminal", ())
    return 2 if failed else 0


@click.command("show", short_help="Print the tables of SUITE.")
@click.argument("suite")
@DIRECTORY
@click.option(
    "--format",
    "form",
    type=click.Choice(("terminal", "markdown", "latex", "csv", "html")),
    default="terminal",
    show_default=True,
    help="How to write the tables.",
)
@click.option(
    "--baseline", "baselines", metavar="METHOD", multiple=True,
    help="Compare every method with this one; may be given again.",
)  # fmt: skip
@click.option("--keep", is_flag=True, help="Write the suite's record to benchmarks/results, unless cells are missing.")
def show(suite: str, directory: Path, form: str, baselines: tuple[str, ...], keep: bool) -> None:
    """Print the tables of SUITE: means and standard deviations over seeds, costs, and what is significant."""
    from finecl_benchmarks import suite as bench
    from finecl_benchmarks.suite_files import read_suite

    from finecl import registry as plugins
    from finecl.errors import SettingsError

    chosen = read_suite(suite, plugins.load())
    records = bench.records_of(chosen, directory / Path(suite).stem)
    if not records:
        raise SettingsError(
            f"{directory / Path(suite).stem}: no cell is done; run it with `finecl benchmark run {suite}`"
        )
    if keep:
        click.echo(bench.keep_suite(chosen, records, baselines), err=True)
    _show(records, form, baselines)


def _show(records: list[dict[str, Any]], form: str, baselines: Sequence[str]) -> None:
    from finecl_benchmarks.tables import FORMS, tables

    found = tables(records, baselines)
    if form != "terminal":
        click.echo("\n\n".join(FORMS[form](table) for table in found))
        return
    from rich.console import Console
    from rich.table import Table

    for each in found:
        drawn = Table(*each.columns, title=each.title)
        for row in each.rows:
            drawn.add_row(*row)
        Console().print(drawn)
        for note in each.notes:
            click.echo(note)
