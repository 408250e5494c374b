"""What cleaning gains: an extractor trained on all silver labels, on cleaned, on weighted and on right ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from finecl.artifacts.scores_table import Scores, find_rows
from finecl.corpus.corpus import Corpus
from finecl.data.convert import convert
from finecl.errors import SettingsError
from finecl.extraction.calibration import expected_calibration_error
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.loop import train_on
from finecl.extraction.pair_scores import TorchBackend, score_pairs
from finecl.labels.cleaning import Change, Cleaned, Rules
from finecl.models.extractor import build_extractor, extractor_settings
from finecl.pipeline.corpora import read_corpus
from finecl.pipeline.run import Run
from finecl.pipeline.scored_labels import ScoredLabels
from finecl_benchmarks.downstream import evaluation_dataset, extraction_dataset
from finecl_benchmarks.task_files import data_file
from finecl_benchmarks.task_metrics import outcomes_of

RULES: Mapping[str, Rules] = {"dropped": Rules(drop=0.5), "relabelled": Rules(drop=0.5, relabel=0.5)}
"""The compared rules of `finecl clean`: for labels that are more likely wrong than right, and their suggestions."""
CLEANINGS = ("all", *RULES, "weighted", "gold")
"""Training labels: all silver labels; what the rules make of them; all, by the probability that they are right; the
same sentences with right labels."""


def measure_cleaning(run: Run, cleaning: str, test: str) -> dict[str, Any]:
    """Trains an extractor on one of ``CLEANINGS`` of a scored run's sentences and returns its accuracy on other ones.

    All extractors are trained for the same number of epochs (``finetune.num_train_epochs``), without dev sentences.
    ``test`` is the data file of sentences with right labels. The record also holds the number of labels, the changes
    made and how many of them were right, and the run's estimate of the share of wrong labels beside the true one.

    Raises:
        SettingsError: the truth of some labels is unknown, or the share of wrong labels was not estimated.
    """
    scores = Scores.read(run.files.scores)
    if scores.truth is None or None in scores.truth.tolist() or scores.p_wrong is None:
        raise SettingsError("cleaning: expected labels with known truth and an estimate, found none")
    changes = _changes(run, scores, cleaning)
    corpus = _changed(run, changes, cleaning) if changes else run.data.corpora.silver
    _, tokenizer = run.data.encoder()
    train = extraction_dataset(corpus, tokenizer, run.data.corpora.relations, marked=True)
    if cleaning == "weighted":
        train = replace(train, weight_I=1.0 - scores.p_wrong[find_rows(scores.uid, train.instances.uid)])
    answers, gold = _answers(run, train, test)
    return {
        "cleaning": cleaning,
        "accuracy": float(np.mean(np.array(answers) == np.array(gold))),
        "labels": len(train.instances),
        "changes": {} if cleaning == "gold" else _counts(changes, scores),
        "estimate": _estimate(run, scores),
        "outcomes": outcomes_of([str(n) for n in range(len(gold))], answers, gold),
    }


def _changes(run: Run, scores: Scores, cleaning: str) -> list[Change]:
    """Returns the changes that turn the silver labels into those of a cleaning; none for "all" and "weighted"."""
    if cleaning in RULES:
        return ScoredLabels(run).changes(**vars(RULES[cleaning]))
    if cleaning != "gold":
        return []
    assert scores.truth is not None
    rows = zip(*_places(scores), _names(scores), scores.truth.tolist(), strict=True)
    return [
        Change(action="relabel", document=d, head=h, tail=t, relation=relation, new=true, reason="truth")
        for d, h, t, relation, true in rows
        if relation != true
    ]


def _changed(run: Run, changes: Sequence[Change], cleaning: str) -> Corpus:
    """Writes the silver documents with these changes into the run directory and returns them."""
    path = run.directory / f"{cleaning}.jsonl"
    cleaned = Cleaned(documents=run.data.corpora.silver.documents(), changes=changes, empty_documents="drop")
    convert(iter(cleaned), run.registry.create("format", "jsonl", {}), path)
    return read_corpus(path, run.spec.settings.data, run.registry)


def _answers(run: Run, train: ExtractionDataset, test: str) -> tuple[list[str], list[str]]:
    """Trains an extractor and returns its best relation of each test sentence, and the right one."""
    settings, registry = run.spec.settings, run.registry
    chosen = settings.finetune
    encoder, tokenizer = run.data.encoder()
    head = extractor_settings(registry, chosen.extractor, chosen.loss, settings.extractor)
    extractor = build_extractor(registry, chosen.extractor, head, encoder, train.relations)
    train_on(extractor, train, chosen, stage="cleaning", seed=settings.seed, listener=run.listener)
    corpus = read_corpus(data_file("cleaning", test), settings.data, registry)
    relations = run.data.corpora.relations
    evaluated = evaluation_dataset(corpus, tokenizer, relations, chosen, marked=True)
    scores = score_pairs(TorchBackend(extractor, None), evaluated.rows)
    assert scores is not None
    is_right_PR = scores.correct(evaluated.gold)
    best, right = scores.scores_PR.argmax(axis=1).tolist(), is_right_PR.argmax(axis=1).tolist()
    return [relations[r] for r in best], [relations[r] for r in right]


def _places(scores: Scores) -> tuple[list[int], list[int], list[int]]:
    return scores.document.tolist(), scores.head.tolist(), scores.tail.tolist()


def _names(scores: Scores) -> list[str]:
    """Returns the relation of each label by name."""
    return [scores.relations[r] for r in scores.relation.tolist()]


def _counts(changes: Sequence[Change], scores: Scores) -> dict[str, dict[str, int]]:
    """Counts the changes of each kind, and those that were right: a wrong label dropped, the right relation given."""
    assert scores.truth is not None
    true_at = dict(zip(zip(*_places(scores), strict=True), scores.truth.tolist(), strict=True))
    counts: dict[str, dict[str, int]] = {}
    for change in changes:
        true = true_at[change.document, change.head, change.tail]
        count = counts.setdefault(change.action, {"made": 0, "right": 0, "of_right_labels": 0})
        count["made"] += 1
        count["right"] += change.relation != true if change.new is None else change.new == true
        count["of_right_labels"] += change.relation == true
    return counts


def _estimate(run: Run, scores: Scores) -> dict[str, Any]:
    """Returns the share of wrong labels, the run's estimate with its interval, and the calibration error of p_wrong."""
    assert scores.p_wrong is not None
    assert scores.truth is not None
    metrics, wrong = run.metrics["score"], np.array(_names(scores), dtype=object) != scores.truth
    return {
        "wrong": float(wrong.mean()),
        "estimated": metrics["wrong_share"],
        "interval": metrics["wrong_share_interval"],
        "ece": expected_calibration_error(scores.p_wrong[:, None], wrong[:, None]),
    }
