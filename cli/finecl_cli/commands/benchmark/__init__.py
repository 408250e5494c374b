"""``finecl benchmark``: benchmarks of the engine, scorers and methods on this machine."""

from __future__ import annotations

import click

from finecl_cli.commands.benchmark.noise import noise, shortcuts, trimmed
from finecl_cli.commands.benchmark.speed import speed
from finecl_cli.commands.benchmark.suite import run_suite, show
from finecl_cli.commands.benchmark.task import task
from finecl_cli.help import examples


@click.group("benchmark", epilog=examples("finecl benchmark run smoke", "finecl benchmark task wiki80 --fraction 10"))
def command() -> None:
    """Run benchmark suites and tasks, and measure scorers, speed and memory."""


for subcommand in (run_suite, show, task, noise, trimmed, shortcuts, speed):
    command.add_command(subcommand)
