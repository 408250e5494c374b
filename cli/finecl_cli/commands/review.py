"""``finecl review``: labels to be judged go out, verdicts come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from finecl.review.verdicts import Estimate


@click.group("review")
def command() -> None:
    """Let people judge silver labels: export some, import what they said."""


@command.command("export", short_help="Write labels for people to judge.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT.jsonl|OUT.json", type=click.Path(path_type=Path))
@click.option(
    "--tool",
    type=click.Choice(("jsonl", "label-studio")),
    help="JSON lines to fill in, or tasks of Label Studio.  [default: by the name]",
)
@click.option("--top", type=click.IntRange(min=0), default=200, show_default=True, help="So many of the noisiest.")
@click.option(
    "--random",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="So many of all, drawn at random: they tell how many labels are right.",
)
@click.option("--most-per-relation", type=click.IntRange(min=1), help="Of the noisiest, at most so many a relation.")
def export(
    run: Path,
    out: Path,
    tool: Literal["jsonl", "label-studio"] | None,
    top: int,
    random: int,
    most_per_relation: int | None,
) -> None:
    """Write labels of the scored run in RUN that nobody has judged yet, with their text."""
    from finecl.artifacts.scores_table import Scores
    from finecl.errors import SettingsError
    from finecl.pipeline.run import Run
    from finecl.review.exchange import write_jsonl, write_label_studio
    from finecl.review.tasks import tasks
    from finecl.review.verdicts import read_verdicts

    tool = tool or {".jsonl": "jsonl", ".json": "label-studio"}.get(out.suffix)  # type: ignore[assignment]
    if tool is None or not out.parent.is_dir():
        raise SettingsError(f"{out}: expected a name that ends with .jsonl or .json, in a directory that is there")
    opened = Run.open(run)
    scores = Scores.read(_scores_of(run))
    said = read_verdicts(run)
    found = tasks(scores, opened.context.corpora.silver, said, top=top, random=random, most=most_per_relation)
    drawn = sum(task.drawn == "random" for task in found)
    if tool == "jsonl":
        write_jsonl(found, out)
        hint = "fill in verdict (right or wrong) and, if you know it, truth"
    else:
        hint = f"its labelling interface is {write_label_studio(found, out)}"
    click.echo(f"{out}: {len(found)} labels, {drawn} of them drawn at random; {hint}")


@command.command("import", short_help="Put verdicts into scores and weights.")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("verdicts", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the estimate as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def import_(run: Path, verdicts: tuple[Path, ...], as_json: bool, quiet: bool) -> None:
    """Put verdicts into the scores and weights of the run in RUN, and estimate how many labels are right.

    VERDICTS: files that were exported and filled in, exports of Label Studio, or what a report saved.
    """
    from finecl.pipeline.run import Run
    from finecl.review.exchange import read_answers
    from finecl.review.verdicts import add_verdicts, estimate
    from finecl_cli.screen import Screen

    opened = Run.open(run)
    _scores_of(run)
    corpora = opened.context.corpora
    known = set(opened.context.labelled("silver").instances.uid.tolist())
    none = corpora.silver.no_relation
    relations = {corpora.names.get(r, r): r for r in corpora.relations} | {r: r for r in corpora.relations}
    relations |= {none: none, "no relation": none}
    found, open_, strangers = [], 0, 0
    for path in verdicts:
        some, left = read_answers(path, relations)
        open_ += left
        strangers += sum(verdict.uid not in known for verdict in some)
        found += [verdict for verdict in some if verdict.uid in known]
    kept = add_verdicts(run, found)
    with Screen(quiet=quiet) as screen:
        metrics = Run.open(run, listener=screen).finish("score", only=True)
        if (run / "report.html").exists():
            Run.open(run, listener=screen).finish("report", only=True)
    told = estimate(kept.values())
    if as_json:
        counts = {"read": len(found), "without_verdict": open_, "of_other_data": strangers}
        size = metrics["score"]["effective_sample_size"]
        click.echo(json.dumps(told.to_dict() | counts | {"effective_sample_size": size}))
        return
    click.echo(f"{len(found)} verdicts, {open_} labels without one, {strangers} of other data; {told.judged} in all")
    for line in _lines(told):
        click.echo(line)
    click.echo("scores and weights hold them now: `finecl pretrain` or `finecl train --resume` goes on from there")


def _scores_of(run: Path) -> Path:
    from finecl.errors import SettingsError

    path = run / "scores.parquet"
    if not path.exists():
        raise SettingsError(f"{run}: expected a scored run, found no scores.parquet; run `finecl score` first")
    return path


def _lines(told: Estimate) -> list[str]:
    found: list[Any] = []
    if told.accuracy is not None:
        interval = f"95 % interval {told.low:.1%} .. {told.high:.1%}"
        found.append(f"labels that are right: {told.accuracy:.1%}, {interval}, by {told.random} drawn at random")
    else:
        found.append("how many labels are right is not known: none of those drawn at random was judged")
    if told.noisiest_right is not None:
        found.append(f"of {told.noisiest} judged of the noisiest, {1 - told.noisiest_right:.1%} are wrong")
    return found
