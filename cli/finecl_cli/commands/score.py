"""``finecl score``: the first stage of a run, on silver labels alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from finecl_cli.help import examples
from finecl_cli.next_steps import print_next
from finecl_cli.options import SettingsCommand, output_options, settings_options
from finecl_cli.running import opened_run, silver_run


@click.command(
    "score",
    cls=SettingsCommand,
    epilog=examples(
        "finecl score labels.csv",
        "finecl score labels.csv --scorer verbalization --out scored.parquet",
        "finecl score --data demo --scorer learning-order --set scorer.floor=0.3",
        "finecl score labels.csv --judged verdicts.csv",
    ),
)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@settings_options
@click.option("--output-dir", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME]")
@click.option(
    "--out",
    metavar="FILE.csv|.jsonl|.parquet",
    type=click.Path(path_type=Path),
    help="Write the table of labels here.  [default: labels.csv in the run directory]",
)
@click.option(
    "--judged",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Verdicts on some labels, from which p_wrong is refitted: a table with uid and verdict (right or wrong), or "
    "what `finecl review` reads; repeatable.",
)
@click.option(
    "--suggestions/--no-suggestions",
    default=None,
    help="Ask proxies that have not seen a document what its labels should be; takes as long again.  "
    "[default: with FILE]",
)
@output_options
def command(
    file: Path | None,
    output_dir: Path | None,
    out: Path | None,
    judged: tuple[Path, ...],
    suggestions: bool | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Find the silver labels that are likely wrong; write a table of all labels.

    FILE holds silver documents in any format (see docs/data.md), also CSV with text, head, relation and tail; gold
    documents are not needed. Without FILE, the silver documents of --data or --silver are scored. Without --scorer or
    --method, the scorer is area-under-margin.
    """
    from finecl.pipeline.judgements import import_verdicts
    from finecl.pipeline.scored_labels import ScoredLabels

    run = silver_run(file, options, **({} if suggestions is None else {"proxy__suggestions": suggestions}))
    with opened_run(replace(run, directory=output_dir or run.directory), quiet=quiet) as opened:
        if judged:
            click.echo(import_verdicts(opened, judged), err=True)
        opened.finish("score")
        scored = ScoredLabels(opened)
        table = out or opened.directory / "labels.csv"
        scored.write(table)
    metrics = scored.run.metrics
    if as_json:
        click.echo(json.dumps(metrics))
        return
    click.echo(str(scored.summary()))
    if metrics["score"].get("noise_auroc") is not None:
        click.echo(f"AUROC of the noise against the known truth: {metrics['score']['noise_auroc']:.3f}")
    click.echo(f"table of all labels: {table}")
    print_next(
        f"finecl clean {scored.run.directory} cleaned{_suffix(file)} --drop 0.5",
        f"finecl review export {scored.run.directory} judge.jsonl",
    )


def _suffix(file: Path | None) -> str:
    return file.suffix if file and file.suffix else ".jsonl"
