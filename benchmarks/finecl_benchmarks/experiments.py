"""Runs single experiments of a suite: one function per kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from finecl.artifacts.scores_table import Scores
from finecl.config.schema import ModelSettings
from finecl.errors import SettingsError
from finecl.extraction.prediction import pair_vectors
from finecl.metrics import counts_by_document, group_scores, read_docred_results
from finecl.models.pretrained import load_encoder
from finecl.pipeline.run import Run
from finecl.scoring.order_similarity import compare_runs
from finecl_benchmarks import noise, trimmed
from finecl_benchmarks.cleaning import measure_cleaning
from finecl_benchmarks.downstream import run_task
from finecl_benchmarks.probes import probe
from finecl_benchmarks.runs import SuiteContext, cost_of, finished_run
from finecl_benchmarks.suite_files import Experiment
from finecl_benchmarks.task_files import read_task

_DIFFICULT = 0.8  # relations of whose labels the proxy learned a smaller share are difficult (FineCL, Table 7)


def run_experiment(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    """Runs an experiment and returns its record: ``value`` is the headline metric, ``headline`` its name.

    Raises:
        FineCLError: the experiment cannot be run, for example because the method does not support the input format.
    """
    return _KINDS[experiment.kind](experiment, context)


def _run(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    run = finished_run(experiment, context, "evaluate")
    facts, test = read_docred_results(run.directory / "predictions" / "pretrained.json"), run.data.corpora.test
    counts = counts_by_document(facts, list(test.documents()), no_relation=test.no_relation)
    return {
        "headline": "f1",
        "value": run.metrics["evaluate"]["pretrained"]["f1"],
        "metrics": run.metrics["evaluate"],
        "outcomes": {"counts": counts.tolist()},
        "cost": cost_of(run),
    }


def _task(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    run = finished_run(experiment, context, "pretrain")
    varied = experiment.varied
    tried = [
        run_task(
            read_task(varied["task"]),
            model=str(run.directory / "encoder"),
            fraction=varied["fraction"],
            seed=varied["seed"],
            overrides=settings,
            listener=context.listener,
        )
        for settings in experiment.chosen_from()
    ]
    record = max(tried, key=lambda each: each["metrics"].get("dev_f1", 0.0))  # the first of equals
    cost = {"seconds": sum(each["seconds"] for each in tried), "pretraining": cost_of(run)}
    keys = ("headline", "value", "metrics", "outcomes")
    measured = {key: record[key] for key in keys} | {"cost": cost | {"tokens_per_second": _rate(record)}}
    return measured | ({"choices": _choices(experiment, tried)} if experiment.choices else {})


def _choices(experiment: Experiment, tried: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the chosen settings that were tried, with F1 on dev and the headline metric on test."""
    return [
        {
            "settings": {key: settings[key] for key in experiment.choices},
            "dev_f1": each["metrics"].get("dev_f1"),
            "value": each["value"],
        }
        for settings, each in zip(experiment.chosen_from(), tried, strict=True)
    ]


def _probe(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    """Probes of the frozen encoder on the run's gold documents: what its pair vectors tell without fine-tuning."""
    run = finished_run(experiment, context, "pretrain")
    encoder, _, _ = load_encoder(
        ModelSettings(name=str(run.directory / "encoder"), max_length=run.spec.settings.model.max_length)
    )
    train, test = (run.data.dataset(split) for split in ("train", "test"))
    measured = probe(
        pair_vectors(encoder, train), train.instances.relation, pair_vectors(encoder, test), test.instances.relation
    )
    cost = {"seconds": cost_of(run)["seconds"]}
    return {
        "headline": "1-NN accuracy",
        "value": measured["nearest"],
        "metrics": measured,
        "outcomes": None,
        "cost": cost,
    }


def _score(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    """Share of labels learned by the end of each epoch: the curves of FineCL's Figures 2 and 4."""
    run = finished_run(experiment, context, "score")
    score = _score_metrics(experiment, run)
    scores = Scores.read(run.directory / "scores.parquet")
    learned = scores.learned()
    by_relation = {}
    if learned is not None:
        share_RE = scores.learned_by_relation(learned, len(score["learned_share"]))
        by_relation = dict(zip(scores.relations, share_RE.tolist(), strict=True))
    return {
        "headline": "labels learned in the end",
        "value": score["learned_share"][-1],
        "metrics": score | {"learned_by_relation": by_relation},
        "outcomes": None,
        "cost": cost_of(run),
    }


def _orders(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    """Similarity of the labels that two proxies learn: FineCL's Figure 3."""
    assert experiment.other_settings is not None
    second = replace(experiment, settings=experiment.other_settings)
    runs = [finished_run(each, context, "score") for each in (experiment, second)]
    for run in runs:
        _score_metrics(experiment, run)
    similarity = compare_runs(runs[0].directory, runs[1].directory)
    return {
        "headline": "Jaccard of the labels learned in the end",
        "value": similarity.of_learned[-1],
        "metrics": asdict(similarity),
        "outcomes": None,
        "cost": {"seconds": sum(cost_of(run)["seconds"] for run in runs)},
    }


def _difficult(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    """F1 on relations of which the proxy of ``finecl`` learned less than 80 % of the labels: FineCL's Table 7."""
    with_finecl = replace(experiment, varied={**experiment.varied, "method": "finecl"})
    score = _score(with_finecl, context)
    difficult = [name for name, share in score["metrics"]["learned_by_relation"].items() if share[-1] < _DIFFICULT]
    run = finished_run(experiment, context, "evaluate")
    gold = list(run.data.corpora.test.documents())
    facts = read_docred_results(run.directory / "predictions" / "pretrained.json")
    scores = group_scores(facts, gold, difficult, no_relation=run.data.corpora.test.no_relation)
    return {
        "headline": "micro F1 of difficult relations",
        "value": scores.micro.f1,
        "metrics": asdict(scores) | {"difficult": difficult, "all": run.metrics["evaluate"]["pretrained"]},
        "outcomes": None,
        "cost": cost_of(run),
    }


def _trimmed_documents(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    """Training on the labels learned in the first epoch: FineCL's Table 2."""
    run = finished_run(experiment, context, "score")
    _score_metrics(experiment, run)
    record = trimmed.measure_run(run, experiment.varied["part"])
    return {
        "headline": "F1",
        "value": record["f1"],
        "metrics": record,
        "outcomes": None,
        "cost": cost_of(run),
    }


def _cleaning(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    """Training on silver labels, and on what `finecl clean` makes of them."""
    run = finished_run(experiment, context, "score")
    record = measure_cleaning(run, experiment.varied["cleaning"], experiment.silver["test"])
    outcomes = record.pop("outcomes")
    return {
        "headline": "accuracy",
        "value": record["accuracy"],
        "metrics": record,
        "outcomes": outcomes,
        "cost": cost_of(run),
    }


def _score_metrics(experiment: Experiment, run: Run) -> dict[str, Any]:
    """Returns the metrics of the stage "score".

    Raises:
        SettingsError: the method's scorer trains no proxy, so there is no learning order.
    """
    score: dict[str, Any] = run.metrics["score"]
    if not score.get("learned_share"):
        raise SettingsError(f"{experiment.name}: expected a method whose scorer trains a proxy, got none; use 'finecl'")
    return score


def _noise(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    varied = experiment.varied
    demo = varied["data"] == "demo"
    seed, rate = varied["seed"], varied.get("rate", 0.5)
    setting = noise.demo(seed, rate) if demo else noise.wiki80(varied["noise"], rate, seed)
    overrides = {**setting.overrides, **experiment.settings}
    evidence = tuple(experiment.silver.get("evidence", setting.evidence))
    gold = context.directory / "gold" / f"{varied['data']}-seed{varied['seed']}"
    record = noise.measure(replace(setting, overrides=overrides, evidence=evidence), context.listener, gold)
    scores = {name: values["auroc"] for name, values in record["on_the_rest"].items()}
    return {
        "headline": "AUROC of the best scorer",
        "value": max(scores.values()),
        "metrics": record["on_the_rest"],
        "label_accuracy_by_order": record["label_accuracy_by_order"],
        "silver_accuracy": record["silver_accuracy"],
        "p_wrong": record["p_wrong"],
        "outcomes": None,
        "cost": {"seconds": record["proxy_train_seconds"]},
    }


def _trimmed(experiment: Experiment, context: SuiteContext) -> dict[str, Any]:
    record = trimmed.measure("type-consistent", experiment.varied["rate"], experiment.varied["seed"], context.listener)
    return {
        "headline": "accuracy",
        "value": record["accuracy"]["early"],
        "metrics": record,
        "outcomes": None,
        "cost": {},
    }


_KINDS: Mapping[str, Callable[[Experiment, SuiteContext], dict[str, Any]]] = {
    "run": _run,
    "task": _task,
    "probe": _probe,
    "noise": _noise,
    "trimmed": _trimmed,
    "score": _score,
    "orders": _orders,
    "difficult": _difficult,
    "trimmed-documents": _trimmed_documents,
    "cleaning": _cleaning,
}


def _rate(record: Mapping[str, Any]) -> float | None:
    rate: float | None = record["metrics"].get("tokens_per_second")
    return rate
