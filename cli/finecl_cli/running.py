"""How a command starts a run, shows its progress and prints its numbers."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from finecl import registry as plugins
from finecl.config.schema import Settings
from finecl.errors import SettingsError
from finecl_cli.options import default_directory, settings_of

STAGES = ("score", "pretrain", "finetune", "evaluate", "report")


@dataclass(frozen=True)
class NewRun:
    """A run to be started, or gone on with if it is there with the same settings."""

    directory: Path
    settings: Settings


def new_run(given: dict[str, Any], output_dir: Path | None) -> NewRun:
    """The run that the shared options describe."""
    settings = settings_of(given)
    return NewRun(output_dir or default_directory(settings), settings)


def newest_run(output_dir: Path | None) -> Path:
    """The run directory to go on with.

    Raises:
        SettingsError: there is none.
    """
    if output_dir:
        return output_dir
    found = sorted(Path("runs").glob("*/run.json"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise SettingsError("--resume: runs/ holds no run; name one with --output-dir")
    return found[-1].parent


def show_plan(run: NewRun | Path, *, quiet: bool, as_json: bool) -> None:
    """What the run would take, on stdout."""
    from finecl.pipeline.run import Run
    from finecl_cli.screen import Screen, show_planned

    with Screen(quiet=quiet) as screen:
        registry = plugins.load()
        if isinstance(run, Path):
            planned = Run.open(run, registry, screen).plan()
        else:
            planned = Run(run.directory, run.settings, registry, screen).plan()
    if as_json:
        click.echo(json.dumps(planned))
    else:
        show_planned(planned)


def work(run: NewRun | Path, last: str, *, only: bool = False, quiet: bool, as_json: bool) -> None:
    """Brings a run to the end of a stage, with progress on stderr and its numbers on stdout."""
    from finecl.pipeline.run import Run
    from finecl_cli.screen import Screen, show_metrics, show_settings

    speaks = os.environ.get("RANK", "0") == "0"
    quiet = quiet or not speaks
    registry = plugins.load()
    with Screen(quiet=quiet) as screen:
        told = registry.faults
        for fault in told:
            screen.note(fault)
        if isinstance(run, Path):
            made = Run.open(run, registry, screen)
        else:
            made = Run(run.directory, run.settings, registry, screen)
        if not quiet:
            show_settings(made.context.settings.to_dict(), made.context.precision)
        metrics = made.finish(last, only=only)
        for fault in registry.faults:  # of hooks that were asked on the way
            if fault not in told:
                screen.note(fault)
    if not speaks:
        return
    if as_json:
        click.echo(json.dumps(metrics))
        return
    report = made.directory / "report.html"
    show_metrics(metrics, str(report) if report.exists() else None)
