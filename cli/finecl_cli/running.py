"""Starts and resumes runs for the commands, shows their progress and prints their results."""

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


@dataclass(frozen=True)
class NewRun:
    """Directory and settings of a run to start, or to continue if it exists with the same settings."""

    directory: Path
    settings: Settings


def new_run(options: dict[str, Any], output_dir: Path | None) -> NewRun:
    """Creates the run described by the shared options."""
    settings = settings_of(options)
    return NewRun(output_dir or default_directory(settings), settings)


def latest_run(output_dir: Path | None) -> Path:
    """Returns the run directory to resume: ``output_dir``, else the most recently started one in ``runs/``.

    Raises:
        SettingsError: runs/ contains no run.
    """
    if output_dir:
        return output_dir
    records = sorted(Path("runs").glob("*/run.json"), key=lambda path: path.stat().st_mtime)
    if not records:
        raise SettingsError("--resume: runs/ contains no run; choose one with --output-dir")
    return records[-1].parent


def show_plan(run: NewRun | Path, *, quiet: bool, as_json: bool) -> None:
    """Prints the estimated steps, tokens, memory and time of a run on stdout."""
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


def run_stage(run: NewRun | Path, last: str, *, only: bool = False, quiet: bool, as_json: bool) -> None:
    """Runs all stages up to ``last``, or that stage alone; prints progress on stderr and results on stdout."""
    from finecl.pipeline.run import Run
    from finecl_cli.screen import Screen, show_metrics, show_settings

    is_main = os.environ.get("RANK", "0") == "0"
    quiet = quiet or not is_main
    registry = plugins.load()
    with Screen(quiet=quiet) as screen:
        known_faults = registry.faults
        for fault in known_faults:
            screen.note(fault)
        if isinstance(run, Path):
            opened = Run.open(run, registry, screen)
        else:
            opened = Run(run.directory, run.settings, registry, screen)
        if not quiet:
            show_settings(opened.spec.settings.to_dict(), opened.data.precision)
        metrics = opened.finish(last, only=only)
        for fault in registry.faults:  # hooks called during the run may have failed
            if fault not in known_faults:
                screen.note(fault)
    if not is_main:
        return
    if as_json:
        click.echo(json.dumps(metrics))
        return
    report = opened.files.report
    show_metrics(metrics, str(report) if report.exists() else None)
