"""``finecl benchmark run`` and ``show``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finecl_cli.help import examples
from finecl_cli.numbers import duration, shown

if TYPE_CHECKING:
    from finecl_benchmarks.suite_files import Suite

    from finecl.registry import Registry

DIRECTORY = click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=Path("benchmark-runs"),
    show_default=True,
    help="Directory of the experiments and their runs; processes that use the same one share the work.",
)


@click.command(
    "run",
    short_help="Run the unfinished experiments of SUITE.",
    epilog=examples(
        "finecl benchmark run smoke",
        "finecl benchmark run demo --plan",
        "finecl benchmark run mine.toml --directory results",
    ),
)
@click.argument("suite")
@DIRECTORY
@click.option("--plan", is_flag=True, help="Print the number of experiments and their estimated cost, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan, or the records, as JSON.")
@click.option("--quiet", is_flag=True, help="Hide progress on stderr.")
def run_suite(suite: str, directory: Path, plan: bool, as_json: bool, quiet: bool) -> int:
    """Run all unfinished experiments of SUITE: a built-in name, or the path of your own TOML file.

    Interrupted suites resume when the same command is run again. The exit code is 2 if an experiment failed.

    \b
    Built-in suites:
      minutes: smoke, probabilities
      hours on two cores: demo, demo-200, demo-all, noise-curve,
        noise-curve-wiki80, noise-curve-wiki80-ends, probabilities-wiki80,
        cleaning-wiki80, noise, cpu, fewrel, documents
      the paper's, for GPUs and with your copy of the data: paper, table2,
        table3, table5, table6, table7, figures
    """  # noqa: D301 # click reads the character itself
    from finecl_benchmarks import suite as bench
    from finecl_benchmarks.suite_files import read_suite

    from finecl import registry as plugins
    from finecl_cli.screen import Screen

    registry = plugins.load()
    loaded, suite_directory = read_suite(suite, registry), directory / Path(suite).stem
    if plan:
        planned = _plan(loaded, suite_directory, registry)
        click.echo(json.dumps(planned) if as_json else "\n".join(_plan_lines(planned)))
        return 0
    with Screen(quiet=quiet) as screen:
        failed = bench.run_suite(loaded, suite_directory, registry, lambda text: click.echo(text, err=True), screen)
    records = bench.records_of(loaded, suite_directory)
    if as_json:
        click.echo(json.dumps(records))
    else:
        _show(records, "terminal", ())
    return 2 if failed else 0


def _plan_lines(planned: Mapping[str, Any]) -> list[str]:
    """Returns a plan as lines of text; what is unknown is left out."""
    lines = []
    for key, value in planned.items():
        label = key.replace("_", " ")
        if isinstance(value, Mapping):
            lines.append(f"{label}: {', '.join(f'{count} {name}' for name, count in value.items())}")
        elif key.startswith("seconds") and value is not None:
            lines.append(f"{label.replace('seconds', 'time')}: {duration(value)}")
        elif key == "memory_gb":
            lines.append(f"memory: {value:.1f} GB")
        elif value is not None:
            lines.append(f"{label}: {shown(value)}")
    return lines


def _plan(suite: Suite, directory: Path, registry: Registry) -> dict[str, Any]:
    """Returns the number of experiments and runs of a suite, and their estimated seconds and memory."""
    from finecl_benchmarks.planning import estimate
    from finecl_benchmarks.suite import plan

    from finecl_cli.screen import Screen

    with Screen(quiet=True):
        cost = estimate(suite, registry)
    planned = plan(suite, directory) | {"seconds": cost.seconds, "memory_gb": cost.memory_gb}
    if cost.unknown:
        planned["unknown"] = f"{len(cost.unknown)} experiments: {next(iter(cost.unknown.values()))}"
    return planned


@click.command(
    "show",
    short_help="Print the result tables of SUITE.",
    epilog=examples(
        "finecl benchmark show demo --baseline erica",
        "finecl benchmark show demo --format latex",
    ),
)
@click.argument("suite")
@DIRECTORY
@click.option(
    "--format",
    "form",
    type=click.Choice(("terminal", "markdown", "latex", "csv", "html")),
    default="terminal",
    show_default=True,
    help="Format of the tables.",
)
@click.option(
    "--baseline", "baselines", metavar="METHOD", multiple=True,
    help="Method to compare all others with, by paired tests; repeatable.",
)  # fmt: skip
@click.option(
    "--keep", is_flag=True, help="Write the suite's record to benchmarks/results; all experiments must be finished."
)
def show(suite: str, directory: Path, form: str, baselines: tuple[str, ...], keep: bool) -> None:
    """Print the result tables of SUITE: mean and standard deviation over seeds, costs, and significance."""
    from finecl_benchmarks import suite as bench
    from finecl_benchmarks.suite_files import read_suite

    from finecl import registry as plugins
    from finecl.errors import SettingsError

    loaded, suite_directory = read_suite(suite, plugins.load()), directory / Path(suite).stem
    records = bench.records_of(loaded, suite_directory)
    if not records:
        raise SettingsError(
            f"{suite_directory}: expected finished experiments, found none; run `finecl benchmark run {suite}`"
        )
    if keep:
        click.echo(bench.save_suite_record(loaded, records, baselines), err=True)
    _show(records, form, baselines)


def _show(records: list[dict[str, Any]], form: str, baselines: Sequence[str]) -> None:
    from finecl_benchmarks.tables import FORMATS, build_tables

    tables = build_tables(records, baselines)
    if form != "terminal":
        click.echo("\n\n".join(FORMATS[form](table) for table in tables))
        return
    from rich.table import Table

    from finecl_cli.terminal import console

    for table in tables:
        terminal_table = Table(*table.columns, title=table.title)
        for row in table.rows:
            terminal_table.add_row(*row)
        console().print(terminal_table)
        for note in table.notes:
            click.echo(note)
