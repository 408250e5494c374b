"""``finecl pretrain``: one stage of a run that is there."""

from __future__ import annotations

from pathlib import Path

import click

from finecl_cli.options import output_options
from finecl_cli.running import work


@click.command("pretrain")
@click.argument("run", type=click.Path(path_type=Path))
@output_options
def command(run: Path, quiet: bool, as_json: bool) -> None:
    """Pre-train the encoder of the scored run in RUN, into encoder/."""
    work(run, "pretrain", only=True, quiet=quiet, as_json=as_json)
