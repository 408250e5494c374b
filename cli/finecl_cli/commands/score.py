"""``finecl score``: runs the first stage of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from finecl_cli.options import output_options, settings_options
from finecl_cli.running import new_run, run_stage


@click.command("score")
@settings_options
@click.option("--output-dir", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME]")
@output_options
def command(output_dir: Path | None, quiet: bool, as_json: bool, **options: Any) -> None:
    """Score and weight the silver labels, the first stage of a run, and write scores.parquet."""
    run_stage(new_run(options, output_dir), "score", quiet=quiet, as_json=as_json)
