"""``finecl train``: runs all stages of a run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from finecl.artifacts.run_directory import STAGES
from finecl.distributed.launch import devices_wanted, launch
from finecl_cli.help import examples
from finecl_cli.options import SettingsCommand, output_options, refuse_settings, settings_options
from finecl_cli.running import latest_run, new_run, run_stage, show_plan


@click.command(
    "train",
    cls=SettingsCommand,
    epilog=examples(
        "finecl train --scorer learning-order --weighting exp",
        "finecl train --silver silver.json --gold gold.json --model roberta-base",
        "finecl train --config mine.toml --set proxy.num_train_epochs=5 --output-dir runs/mine",
        "finecl train --silver labels.csv --preset silver --plan",
    ),
)
@settings_options
@click.option("--output-dir", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME]")
@click.option(
    "--stop-after", type=click.Choice(STAGES), default=STAGES[-1], show_default=True, help="Last stage to run."
)
@click.option(
    "--resume", is_flag=True, help="Resume the run in --output-dir, or the most recent one, with its own settings."
)
@click.option("--devices", type=int, metavar="N", help="Number of processes, one per GPU or CPU share.  [default: 1]")
@click.option("--plan", is_flag=True, help="Print the estimated steps, tokens, memory and time, and run nothing.")
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
    **options: Any,
) -> None:
    """Score and weight silver labels, pre-train, fine-tune, evaluate and write the report.

    Without arguments, run FineCL on the built-in demo corpus with a small encoder: a few minutes on two CPU cores. A
    stage that is finished with the same settings, data and plugins is not run again.
    """
    if devices_wanted(devices):
        context.exit(launch(devices or 1, "finecl_cli", sys.argv[1:]))
    if resume:
        refuse_settings(options)
    run = latest_run(output_dir) if resume else new_run(options, output_dir)
    if plan:
        show_plan(run, quiet=quiet, as_json=as_json)
    else:
        run_stage(run, stop_after, quiet=quiet, as_json=as_json)
