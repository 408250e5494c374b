"""Starts and resumes runs for the commands, shows their progress and prints their results."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finecl import registry as plugins
from finecl.config.schema import Settings
from finecl.errors import SettingsError
from finecl_cli.next_steps import print_next
from finecl_cli.options import default_directory, settings_of

if TYPE_CHECKING:
    from finecl.pipeline.run import Run


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


def silver_run(file: Path | None, options: dict[str, Any], **defaults: Any) -> NewRun:
    """Returns the run that scores silver labels: with a file, by the settings that fit it, in its default directory.

    ``defaults`` are settings (dots as double underscores) that the options override. Without a scorer or a method, the
    scorer is the default for silver labels alone.
    """
    from finecl.pipeline.api import PRESET, SCORER, settings_for

    settings: dict[str, Any] = {key.replace("__", "."): value for key, value in defaults.items()}
    if file is not None:
        if options.get("silver") or options.get("data"):
            raise click.UsageError("expected one of FILE, --silver and --data, got more.")
        settings |= {"preset": PRESET, "data.silver": str(file)}
        settings |= settings_for(settings_of(options, settings).data, plugins.load())
    if not any(options.get(name) for name in ("scorer", "method", "config")):
        settings["scorer.name"] = SCORER
    resolved = settings_of(options, settings)
    return NewRun(default_directory(resolved), resolved)


@contextmanager
def opened_run(run: NewRun | Path, *, quiet: bool) -> Iterator[Run]:
    """Opens a run and shows its progress on stderr while the block runs."""
    from finecl.pipeline.run import Run
    from finecl_cli.screen import Screen

    registry = plugins.load()
    with Screen(quiet=quiet or os.environ.get("RANK", "0") != "0") as screen:
        known_faults = registry.faults
        for fault in known_faults:
            screen.note(fault)
        if isinstance(run, Path):
            yield Run.open(run, registry, screen)
        else:
            yield Run(run.directory, run.settings, registry, screen)
        for fault in registry.faults:  # hooks called during the run may have failed
            if fault not in known_faults:
                screen.note(fault)


def run_stage(run: NewRun | Path, last: str, *, only: bool = False, quiet: bool, as_json: bool) -> None:
    """Runs all stages up to ``last``, or that stage alone; prints progress on stderr and results on stdout."""
    from finecl_cli.screen import show_metrics, show_settings

    is_main = os.environ.get("RANK", "0") == "0"
    with opened_run(run, quiet=quiet) as opened:
        if is_main and not quiet:
            show_settings(opened.spec.settings.to_dict(), opened.data.precision)
        metrics = opened.finish(last, only=only)
    if not is_main:
        return
    if as_json:
        click.echo(json.dumps(metrics))
        return
    report = opened.files.report
    show_metrics(metrics, str(report) if report.exists() else None)
    if last == "report" and not opened.data.corpora.has_gold:
        click.echo("no gold documents: not evaluated")
    can_predict = opened.files.output("finetune").exists()
    possible = [command for command in _NEXT[last] if can_predict or "predict" not in command]
    print_next(*(command.format(opened.directory) for command in possible))


_NEXT = {
    "score": ("finecl pretrain {}", "finecl review export {} judge.jsonl"),
    "pretrain": ("finecl finetune {}",),
    "finetune": ("finecl evaluate {}",),
    "evaluate": ("finecl report {}",),
    "report": ("finecl review export {} judge.jsonl", "finecl predict {} FILE triples.jsonl"),
}
"""Commands that may follow a stage."""
