"""``finecl train``: all stages of a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from finecl.distributed.launch import devices_wanted, launch
from finecl_cli.options import output_options, refuse_settings, settings_options
from finecl_cli.running import STAGES, new_run, newest_run, show_plan, work


@click.command("train")
@settings_options
@click.option("--output-dir", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME]")
@click.option("--stop-after", type=click.Choice(STAGES), default=STAGES[-1], help="Last stage to run.")
@click.option(
    "--resume", is_flag=True, help="Go on with the run in --output-dir (else the newest), by its own settings."
)
@click.option("--devices", type=int, metavar="N", help="Processes on this machine, one a GPU (or CPU share).")
@click.option("--plan", is_flag=True, help="Only say what it would take: steps, tokens, memory, time.")
@output_options
@click.pass_context
def command(
    context: click.Context,
    /,
    output_dir: Path | None,
    stop_after: str,
    resume: bool,
    devices: int | None,
    plan: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Score, weigh, pre-train, fine-tune, evaluate and report, in one go.

    Without arguments: FineCL on the built-in demo corpus with a small encoder, in a few minutes on two CPU cores.
    A stage that is finished with the same settings, data and plugins is not run again.
    """
    if devices_wanted(devices):
        context.exit(launch(devices or 1, "finecl_cli", sys.argv[1:]))
    if resume:
        refuse_settings(given)
    run = newest_run(output_dir) if resume else new_run(given, output_dir)
    if plan:
        show_plan(run, quiet=quiet, as_json=as_json)
    else:
        work(run, stop_after, quiet=quiet, as_json=as_json)
