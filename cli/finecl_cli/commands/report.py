"""``finecl report``: the page of a run or of a suite, and its figures as files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from finecl_cli.options import output_options
from finecl_cli.running import work


@click.command("report")
@click.argument("run", metavar="RUN|SUITE_DIR", type=click.Path(path_type=Path))
@click.option("--figures", metavar="DIR", type=click.Path(path_type=Path), help="Write the figures as files, too.")
@click.option(
    "--format",
    "ending",
    type=click.Choice(("svg", "pdf", "png")),
    default="pdf",
    show_default=True,
    help="Of the figures' files.",
)
@click.option(
    "--baseline", "baselines", metavar="METHOD", multiple=True,
    help="Of a suite: a method that the others are compared with; may be given again.",
)  # fmt: skip
@output_options
def command(
    run: Path, figures: Path | None, ending: str, baselines: tuple[str, ...], quiet: bool, as_json: bool
) -> None:
    """Write report.html of the run in RUN, from what it has so far; or of a suite's results (benchmark-runs/NAME)."""
    if (run / "cells").is_dir():
        from finecl_benchmarks.suite_page import write_suite_figures, write_suite_report

        page = write_suite_report(run, baselines)
        made = write_suite_figures(run, figures, ending) if figures else []
        click.echo(json.dumps({"report": str(page), "figures": list(map(str, made))}) if as_json else page)
        return
    work(run, "report", only=True, quiet=quiet, as_json=as_json)
    if figures:
        from finecl.pipeline.run import Run
        from finecl.report.page import write_figures

        for path in write_figures(run, figures, ending, Run.open(run).context.corpora.names):
            click.echo(path, err=True)
