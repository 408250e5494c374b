"""``finecl review``: exports silver labels for manual review and imports the verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from finecl_cli.help import examples
from finecl_cli.next_steps import print_next

if TYPE_CHECKING:
    from finecl.review.verdicts import Estimate


@click.group(
    "review",
    epilog=examples("finecl review export runs/labels judge.jsonl", "finecl review import runs/labels judge.jsonl"),
)
def command() -> None:
    """Export silver labels for manual review, and import the verdicts."""


@command.command(
    "export",
    short_help="Export silver labels for manual review.",
    epilog=examples(
        "finecl review export runs/labels judge.jsonl",
        "finecl review export runs/labels tasks.json --top 50 --random 100",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT.jsonl|OUT.json", type=click.Path(path_type=Path))
@click.option(
    "--tool",
    type=click.Choice(("jsonl", "label-studio")),
    help="Output format: JSON lines to fill in, or tasks for Label Studio.  [default: by OUT's suffix]",
)
@click.option(
    "--top", type=click.IntRange(min=0), default=200, show_default=True, help="Number of noisiest labels to export."
)
@click.option(
    "--random",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Number of labels to sample at random from all, to estimate the share of correct labels.",
)
@click.option(
    "--most-per-relation",
    type=click.IntRange(min=1),
    help="Maximum number of noisiest labels per relation.  [default: no limit]",
)
@click.option(
    "--spread",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Number of labels to export over all relations, from which a stack of scorers learns most.",
)
def export(
    run: Path,
    out: Path,
    tool: Literal["jsonl", "label-studio"] | None,
    top: int,
    random: int,
    most_per_relation: int | None,
    spread: int,
) -> None:
    """Export unreviewed labels of the scored run RUN, with their text."""
    from finecl.artifacts.scores_table import Scores
    from finecl.errors import SettingsError
    from finecl.pipeline.run import Run
    from finecl.review.exchange import write_jsonl, write_label_studio
    from finecl.review.tasks import tasks
    from finecl.review.verdicts import read_verdicts

    tool = tool or {".jsonl": "jsonl", ".json": "label-studio"}.get(out.suffix)  # type: ignore[assignment]
    if tool is None or not out.parent.is_dir():
        raise SettingsError(f"{out}: expected a name that ends with .jsonl or .json, in an existing directory")
    opened = Run.open(run)
    scores = Scores.read(_scores_of(run))
    verdicts = read_verdicts(run)
    corpus = opened.data.corpora.silver
    exported = tasks(scores, corpus, verdicts, top=top, random=random, most=most_per_relation, spread=spread)
    sampled = sum(task.drawn == "random" for task in exported)
    if tool == "jsonl":
        write_jsonl(exported, out)
        hint = "fill in verdict (right or wrong) and, if you know it, truth"
    else:
        hint = f"labelling interface: {write_label_studio(exported, out)}"
    click.echo(f"{out}: {len(exported)} labels, {sampled} of them sampled at random; {hint}")
    print_next(f"finecl review import {run} {out}")


@command.command(
    "import",
    short_help="Import verdicts into scores and weights.",
    epilog=examples(
        "finecl review import runs/labels judge.jsonl",
        "finecl review import runs/labels verdicts.jsonl --json",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("verdicts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the estimate as JSON.")
@click.option("--quiet", is_flag=True, help="Hide progress on stderr.")
def import_(run: Path, verdicts: tuple[Path, ...], as_json: bool, quiet: bool) -> None:
    """Import verdicts into the scores and weights of RUN, and estimate the share of correct labels.

    VERDICTS are exported files that were filled in, exports of Label Studio, or files saved from a report.
    """
    from finecl.pipeline.judgements import import_verdicts
    from finecl.pipeline.run import Run
    from finecl.review.verdicts import estimate
    from finecl_cli.screen import Screen

    opened = Run.open(run)
    _scores_of(run)
    judgements = import_verdicts(opened, verdicts)
    with Screen(quiet=quiet) as screen:
        metrics = Run.open(run, listener=screen).finish("score", only=True)
        if (run / "report.html").exists():
            Run.open(run, listener=screen).finish("report", only=True)
    estimated = estimate(judgements.verdicts.values())
    if as_json:
        names = ("read", "without_verdict", "of_other_data")
        size = {"effective_sample_size": metrics["score"]["effective_sample_size"]}
        click.echo(json.dumps(estimated.to_dict() | {name: getattr(judgements, name) for name in names} | size))
        return
    click.echo(judgements)
    for line in _estimate_lines(estimated):
        click.echo(line)
    click.echo("scores and weights are updated")
    print_next(f"finecl pretrain {run}", f"finecl train --resume --output-dir {run}")


def _scores_of(run: Path) -> Path:
    from finecl.errors import SettingsError

    path = run / "scores.parquet"
    if not path.exists():
        raise SettingsError(f"{run}: expected a scored run, found no scores.parquet; run `finecl score` first")
    return path


def _estimate_lines(estimated: Estimate) -> list[str]:
    lines: list[str] = []
    if estimated.accuracy is not None:
        interval = f"95 % interval {estimated.low:.1%} .. {estimated.high:.1%}"
        lines.append(f"correct labels: {estimated.accuracy:.1%}, {interval}, from {estimated.random} random labels")
    else:
        lines.append("share of correct labels: unknown, no randomly sampled label has a verdict")
    if estimated.noisiest_right is not None:
        lines.append(
            f"wrong labels among the noisiest: {1 - estimated.noisiest_right:.1%} of {estimated.noisiest} reviewed"
        )
    return lines
