"""``finecl train``: all stages of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from finecl_cli.options import output_options, refuse_settings, settings_options
from finecl_cli.running import STAGES, new_run, newest_run, work


@click.command("train")
@settings_options
@click.option("--output-dir", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME]")
@click.option("--stop-after", type=click.Choice(STAGES), default=STAGES[-1], help="Last stage to run.")
@click.option(
    "--resume", is_flag=True, help="Go on with the run in --output-dir (else the newest), by its own settings."
)
@output_options
def command(output_dir: Path | None, stop_after: str, resume: bool, quiet: bool, as_json: bool, **given: Any) -> None:
    """Score, weigh, pre-train, fine-tune, evaluate and report, in one go.

    Without arguments: FineCL on the built-in demo corpus with a small encoder, in a few minutes on two CPU cores.
    A stage that is finished with the same settings and data is not run again.
    """
    if resume:
        refuse_settings(given)
    run = newest_run(output_dir) if resume else new_run(given, output_dir)
    work(run, stop_after, quiet=quiet, as_json=as_json)
