"""``finecl report``: one stage of a run that is there."""

from __future__ import annotations

from pathlib import Path

import click

from finecl_cli.options import output_options
from finecl_cli.running import work


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@output_options
def command(run: Path, quiet: bool, as_json: bool) -> None:
    """Write report.html of the run in RUN, from what it has so far."""
    work(run, "report", only=True, quiet=quiet, as_json=as_json)
