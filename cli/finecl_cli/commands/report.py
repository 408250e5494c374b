"""``finecl report``: writes the HTML page of a run or a suite, and its figures as files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from finecl_cli.help import examples
from finecl_cli.options import output_options
from finecl_cli.running import run_stage


@click.command(
    "report",
    epilog=examples(
        "finecl report runs/mine",
        "finecl report runs/mine --figures figures --format svg",
        "finecl report benchmark-runs/demo --baseline erica",
    ),
)
@click.argument("run", metavar="RUN|SUITE_DIR", type=click.Path(path_type=Path))
@click.option("--figures", metavar="DIR", type=click.Path(path_type=Path), help="Also write the figures to DIR.")
@click.option(
    "--format",
    "ending",
    type=click.Choice(("svg", "pdf", "png")),
    default="pdf",
    show_default=True,
    help="With --figures: file format of the figures.",
)
@click.option(
    "--baseline", "baselines", metavar="METHOD", multiple=True,
    help="For a suite: method to compare all others with; repeatable.",
)  # fmt: skip
@output_options
def command(
    run: Path, figures: Path | None, ending: str, baselines: tuple[str, ...], quiet: bool, as_json: bool
) -> None:
    """Write report.html for RUN from its finished stages, or for the results of a suite (benchmark-runs/NAME)."""
    if (run / "cells").is_dir():
        from finecl_benchmarks.suite_page import write_suite_figures, write_suite_report

        page = write_suite_report(run, baselines)
        paths = write_suite_figures(run, figures, ending) if figures else []
        click.echo(json.dumps({"report": str(page), "figures": list(map(str, paths))}) if as_json else page)
        return
    run_stage(run, "report", only=True, quiet=quiet, as_json=as_json)
    if figures:
        from finecl.pipeline.run import Run
        from finecl.report.page import write_figures

        for path in write_figures(run, figures, ending, Run.open(run).data.corpora.names):
            click.echo(path, err=True)
