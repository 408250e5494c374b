"""``finecl evaluate``: one stage of a run that is there."""

from __future__ import annotations

from pathlib import Path

import click

from finecl_cli.options import output_options
from finecl_cli.running import work


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@output_options
def command(run: Path, quiet: bool, as_json: bool) -> None:
    """Evaluate the extractors of the run in RUN on its test documents, into metrics.json and predictions/."""
    work(run, "evaluate", only=True, quiet=quiet, as_json=as_json)
