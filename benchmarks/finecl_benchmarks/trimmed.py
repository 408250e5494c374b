"""FineCL's Table 2, scaled down: training on early-learned labels, on all labels, and on a random sample of equal size.

Corrupts Wiki80 with known truth, computes the learning order with a proxy, trains the same extractor on each part and
evaluates it on clean sentences.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from finecl import registry as plugins
from finecl.artifacts.provenance import environment
from finecl.data.corrupt import Kind
from finecl.errors import SettingsError
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.finetune import finetune
from finecl.extraction.loop import train_on
from finecl.extraction.pair_scores import TorchBackend, score_pairs
from finecl.metrics import docred_scores
from finecl.models.extractor import build_extractor, extractor_settings
from finecl.numerics.ragged import pair_key
from finecl.pipeline.corpora import read_corpus
from finecl.pipeline.run import Run
from finecl.progress import Listener
from finecl.scoring.false_negatives import NotFalseNegative
from finecl.types import Bools, Ints, first_epoch
from finecl_benchmarks.downstream import evaluation_dataset
from finecl_benchmarks.noise import corrupted_settings, wiki80
from finecl_benchmarks.task_files import data_file
from finecl_benchmarks.task_metrics import decision_rule

_EPOCHS = 6  # of the compared extractors
_SHARE = 0.5  # early: learned up to the first epoch by whose end at least this share is learned


def measure(kind: Kind, rate: float, seed: int, listener: Listener | None = None) -> dict[str, Any]:
    """Trains an extractor on each part and returns the record of their accuracies on Wiki80's 10 % training file."""
    registry, setting = plugins.load(), wiki80(kind, rate, seed)
    with tempfile.TemporaryDirectory() as directory:
        settings = corrupted_settings(setting, Path(directory), registry)
        run = Run(Path(directory) / "run", settings, registry, listener)
        instances = run.data.dataset("silver").instances
        evidence = run.evidence(("dynamics",)).evidence
        order = first_epoch(evidence.dynamics("batch").correct)
        data = run.data.dataset("silver", "marked-sentences")
        by_uid = dict(zip(instances.uid.tolist(), order.tolist(), strict=True))
        early = _early(np.array([by_uid[uid] for uid in data.instances.uid.tolist()]))
        parts = {"everything": np.ones_like(early), "early": early, "random": _random(early, seed)}
        truth = run.data.corpora.silver.truths(instances.relations)
        is_correct = dict(zip(instances.uid.tolist(), truth.tolist(), strict=True)) if truth is not None else {}
        accuracy = {name: _accuracy(run, data, part) for name, part in parts.items()}
        label_accuracy = {
            name: float(np.mean([is_correct[uid] for uid in data.instances.uid[part].tolist()]))
            for name, part in parts.items()
        }
    return {
        "benchmark": "trimmed",
        "data": {"name": "wiki80", "kind": kind, "rate": rate},
        "seed": seed,
        "accuracy": accuracy,
        "sentences": {name: int(part.sum()) for name, part in parts.items()},
        "label_accuracy": label_accuracy,
        "settings": {"proxy": settings.to_dict()["proxy"], "extractor_epochs": _EPOCHS},
        **environment(),
    }


def _early(order: Ints) -> Bools:
    """Selects the labels learned up to the first epoch by whose end at least half are learned."""
    last = next(k for k in range(1, int(order.max()) + 1) if ((order > 0) & (order <= k)).mean() >= _SHARE)
    early: Bools = (order > 0) & (order <= last)
    return early


def _random(early: Bools, seed: int) -> Bools:
    """Selects as many labels as ``early`` does, at random."""
    selected = np.zeros_like(early)
    selected[np.random.default_rng(seed).choice(len(early), int(early.sum()), replace=False)] = True
    return selected


def _accuracy(run: Run, data: ExtractionDataset, selected: Bools) -> float:
    """Trains an extractor on the selected sentences and returns its accuracy on clean sentences."""
    settings = replace(run.spec.settings.proxy, num_train_epochs=_EPOCHS)
    encoder, tokenizer = run.data.encoder()
    head_settings = extractor_settings(run.registry, settings.extractor, settings.loss, run.spec.settings.extractor)
    extractor = build_extractor(run.registry, settings.extractor, head_settings, encoder, data.relations)
    part = data.part(np.unique(data.instances.document[selected]))
    train_on(extractor, part, settings, stage="part", seed=run.spec.settings.seed, listener=run.listener)
    clean = read_corpus(data_file("trimmed", "wiki80/train_0.1.txt"), run.spec.settings.data, run.registry)
    test = evaluation_dataset(clean, tokenizer, run.data.corpora.relations, run.spec.settings.finetune, marked=True)
    scores = score_pairs(TorchBackend(extractor, None), test.rows)
    assert scores is not None
    best = scores.scores_PR.argmax(axis=1)
    return float(scores.correct(test.gold)[np.arange(len(best)), best].mean())


PARTS = ("everything", "early by batch", "early by epoch", "random")


def measure_run(run: Run, part: str) -> dict[str, Any]:
    """Trains an extractor on one of ``PARTS`` of the silver labels and returns its F1 on the test documents.

    "early" labels are those the proxy learned in its first epoch (the paper's A_1), recorded by batch or by epoch;
    "random" are as many as are early by batch. Pairs whose labels are not selected are not used as no-relation pairs.

    Raises:
        SettingsError: the part is unknown, or no label was learned in the first epoch.
    """
    if part not in PARTS:
        raise SettingsError(f"parts: expected one of {', '.join(PARTS)}, got '{part}'")
    evidence = run.evidence(("dynamics",)).evidence
    silver = run.data.dataset("silver", run.spec.input_format(run.spec.settings.finetune.extractor))
    uids = silver.instances.uid.tolist()
    selected = np.ones(len(uids), dtype=np.bool_)
    if part != "everything":
        first = evidence.dynamics("epoch" if part == "early by epoch" else "batch").correct[0].tolist()
        learned = dict(zip(run.data.dataset("silver").instances.uid.tolist(), first, strict=True))
        selected = np.array([learned[uid] for uid in uids], dtype=np.bool_)
    if not selected.any():
        raise SettingsError("expected labels learned in the first epoch, got none; raise proxy.learning_rate")
    if part == "random":
        selected = _random(selected, run.spec.settings.seed)
    return {"part": part, "labels": int(selected.sum()), "f1": _f1(run, _select(silver, selected))}


def _select(data: ExtractionDataset, selected: Bools) -> ExtractionDataset:
    """Keeps the selected labels; the pairs of the other labels are excluded from training."""
    instances = data.instances
    if data.tokens.marked:  # one sentence per label
        return data.part(np.unique(instances.document[selected]))
    dropped = np.unique(pair_key(instances.document[~selected], instances.head[~selected], instances.tail[~selected]))
    return replace(
        data, instances=instances.part(selected, document=instances.document), pair_filter=NotFalseNegative(dropped)
    )


def _f1(run: Run, data: ExtractionDataset) -> float:
    settings = run.spec.settings.finetune
    encoder, _ = run.data.encoder()
    head_settings = extractor_settings(run.registry, settings.extractor, settings.loss, run.spec.settings.extractor)
    extractor = build_extractor(run.registry, settings.extractor, head_settings, encoder, data.relations)
    dev, test = run.data.evaluation("dev"), run.data.evaluation("test")
    seed, listener = run.spec.settings.seed, run.listener
    finetuned = finetune(extractor, data, dev, settings, seed=seed, stage="part", listener=listener)
    scores = score_pairs(TorchBackend(extractor, settings.max_tokens), test.rows)
    assert scores is not None
    corpus = run.data.corpora.test
    facts = decision_rule(finetuned, test).decide(scores).facts(corpus.titles, test.gold.relations)
    return docred_scores(facts, list(corpus.documents()), set(), no_relation=corpus.no_relation).f1
