"""``finecl finetune``: runs the fine-tuning stage of an existing run."""

from __future__ import annotations

from pathlib import Path

import click

from finecl_cli.help import examples
from finecl_cli.options import output_options
from finecl_cli.running import run_stage


@click.command(
    "finetune",
    epilog=examples(
        "finecl finetune runs/mine",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@output_options
def command(run: Path, quiet: bool, as_json: bool) -> None:
    """Fine-tune one extractor on the pre-trained encoder of RUN and one on the plain encoder, into extractor/."""
    run_stage(run, "finetune", only=True, quiet=quiet, as_json=as_json)
