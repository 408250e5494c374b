"""``finecl pretrain``: runs the pre-training stage of an existing run."""

from __future__ import annotations

from pathlib import Path

import click

from finecl_cli.help import examples
from finecl_cli.options import output_options
from finecl_cli.running import run_stage


@click.command(
    "pretrain",
    epilog=examples(
        "finecl pretrain runs/mine",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@output_options
def command(run: Path, quiet: bool, as_json: bool) -> None:
    """Pre-train the encoder of the scored run RUN and write it to encoder/."""
    run_stage(run, "pretrain", only=True, quiet=quiet, as_json=as_json)
