"""``finecl evaluate``: one stage of a run that is there, or files of predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from finecl.errors import SettingsError
from finecl_cli.options import output_options
from finecl_cli.running import work

METRICS = ("docred", "semeval", "tacred", "accuracy", "bag")
FILE = click.Path(path_type=Path)


@click.command("evaluate")
@click.argument("run", metavar="RUN|PREDICTIONS", type=FILE)
@click.argument("gold", required=False, type=FILE)
@click.option("--metric", type=click.Choice(METRICS), help="What PREDICTIONS are scored by.")
@click.option("--train", type=FILE, help="docred: all of the annotated training data, for Ign F1 and frequency groups.")
@click.option("--distant", type=FILE, help="docred: distant training data, for the other Ign F1.")
@click.option(
    "--relations", type=FILE, help="docred: JSON with relations to score on their own, such as difficult ones."
)
@click.option("--no-relation", metavar="NAME", help="docred, accuracy, bag: what a label without relation is called.")
@output_options
def command(run: Path, gold: Path | None, metric: str | None, quiet: bool, as_json: bool, **given: Any) -> None:
    """Evaluate a run, or score PREDICTIONS against GOLD.

    With RUN alone: evaluates the run's extractors on its test documents, into metrics.json and predictions/.

    With GOLD and --metric: PREDICTIONS are a result.json of DocRED (docred), lines of id, TAB and label (semeval), a
    label a line (tacred, accuracy), or JSON objects with entpair, relation and score (bag). GOLD is a file of
    documents; for semeval also a key, for tacred and accuracy also a label a line.
    """
    named = {name: value for name, value in {"metric": metric, **given}.items() if value is not None}
    if gold is None:
        _refuse_options(named)
        work(run, "evaluate", only=True, quiet=quiet, as_json=as_json)
        return
    if metric is None:
        raise SettingsError(f"to score {run} against {gold}, say by what: --metric {', '.join(METRICS)}")
    if run.is_dir():
        raise SettingsError(f"{run}: expected a file of predictions; a run is evaluated alone: finecl evaluate {run}")
    _score(run, gold, metric, quiet, as_json, given)


def _refuse_options(named: dict[str, Any]) -> None:
    if named:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in named)
        raise SettingsError(f"a run is evaluated by its own settings: leave out {options}, or name GOLD too")


def _score(predictions: Path, gold: Path, metric: str, quiet: bool, as_json: bool, given: dict[str, Any]) -> None:
    from finecl import registry as plugins
    from finecl.data.distant.properties import read_relations
    from finecl.pipeline.evaluate_files import Inputs, evaluate_files
    from finecl_cli.screen import Screen

    if given["relations"]:
        given["relations"] = read_relations(given["relations"])
    with Screen(quiet=quiet) as screen:
        inputs = Inputs(predictions=predictions, gold=gold, registry=plugins.load(), listener=screen, **given)
        told = evaluate_files(metric, inputs)
    if as_json:
        click.echo(json.dumps({"metric": metric, **told}))
        return
    from finecl_cli.scores import show_scores

    show_scores(metric, told)
