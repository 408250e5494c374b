"""``finecl evaluate``: evaluates an existing run, or scores files of predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from finecl.errors import SettingsError
from finecl_cli.help import examples
from finecl_cli.options import output_options
from finecl_cli.running import run_stage

METRICS = ("docred", "semeval", "tacred", "accuracy", "bag")
FILE = click.Path(path_type=Path)


@click.command(
    "evaluate",
    epilog=examples(
        "finecl evaluate runs/mine",
        "finecl evaluate result.json dev.json --metric docred --train train_annotated.json",
        "finecl evaluate answers.txt key.txt --metric semeval",
    ),
)
@click.argument("run", metavar="RUN|PREDICTIONS", type=FILE)
@click.argument("gold", required=False, type=FILE)
@click.option("--metric", type=click.Choice(METRICS), help="Metric to score PREDICTIONS with.")
@click.option("--train", type=FILE, help="docred: all annotated training data, for Ign F1 and frequency groups.")
@click.option("--distant", type=FILE, help="docred: distantly labelled training data, for the second Ign F1.")
@click.option(
    "--relations", type=FILE, help="docred: JSON of relations to score separately, such as the difficult ones."
)
@click.option("--no-relation", metavar="NAME", help="docred, accuracy, bag: name of the no-relation label.")
@output_options
def command(run: Path, gold: Path | None, metric: str | None, quiet: bool, as_json: bool, **options: Any) -> None:
    """Evaluate a run, or score PREDICTIONS against GOLD.

    With RUN alone: evaluate the run's extractors on its test documents and write metrics.json and predictions/.

    With GOLD and --metric: PREDICTIONS are a result.json of DocRED (docred), lines of id, TAB and label (semeval), one
    label per line (tacred, accuracy), or JSON objects with entpair, relation and score (bag). GOLD is a file of
    documents, or an answer key (semeval), or one label per line (tacred, accuracy).
    """
    used = {name: value for name, value in {"metric": metric, **options}.items() if value is not None}
    if gold is None:
        _refuse_options(used)
        run_stage(run, "evaluate", only=True, quiet=quiet, as_json=as_json)
        return
    if metric is None:
        raise SettingsError(f"to score {run} against {gold}, choose a metric: --metric {', '.join(METRICS)}")
    if run.is_dir():
        raise SettingsError(
            f"{run}: expected a file of predictions, got a directory; to evaluate a run: finecl evaluate {run}"
        )
    _score(run, gold, metric, quiet, as_json, options)


def _refuse_options(used: dict[str, Any]) -> None:
    if used:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in used)
        raise SettingsError(f"a run is evaluated with its own settings: leave out {names}, or add the argument GOLD")


def _score(predictions: Path, gold: Path, metric: str, quiet: bool, as_json: bool, options: dict[str, Any]) -> None:
    from finecl import registry as plugins
    from finecl.data.distant.properties import read_relations
    from finecl.pipeline.evaluate_files import Inputs, evaluate_files
    from finecl_cli.screen import Screen

    if options["relations"]:
        options["relations"] = read_relations(options["relations"])
    with Screen(quiet=quiet) as screen:
        inputs = Inputs(predictions=predictions, gold=gold, registry=plugins.load(), listener=screen, **options)
        scores = evaluate_files(metric, inputs)
    if as_json:
        click.echo(json.dumps({"metric": metric, **scores}))
        return
    from finecl_cli.scores import show_scores

    show_scores(metric, scores)
