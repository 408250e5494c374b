"""Stage "score": computes evidence, noise and weights of every silver instance; writes ``scores.parquet``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from finecl.artifacts.run_directory import RunDirectory
from finecl.artifacts.scores_table import write_scores
from finecl.corpus.corpus import Corpus
from finecl.corpus.entity_table import type_only_accuracy
from finecl.distributed.process_group import current
from finecl.extraction.calibration import expected_calibration_error
from finecl.metrics.noise import noise_scores
from finecl.pipeline.fingerprints import required_evidence
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec, part_settings
from finecl.pipeline.stages.evidence_cache import GatheredEvidence, gather
from finecl.pipeline.stages.scorer_comparison import nearest_labels, other_scorers, write_neighbours
from finecl.progress import Listener
from finecl.review.verdicts import apply_verdicts, estimate, judged, read_verdicts
from finecl.scoring.proxy import ProxyRun
from finecl.scoring.suggestions import Suggestions
from finecl.scoring.validation import checked_noise, checked_weights
from finecl.scoring.wrong_labels import WrongLabels, wrong_labels
from finecl.types import Bools, Dynamics, Evidence, Floats, Instances, NoiseScorer, declared, first_epoch

_TYPES_DECIDE = 0.8  # share of labels: above it, the report says that entity types alone determine the relation


def score(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> dict[str, Any]:
    """Scores and weights the silver instances; writes ``scores.parquet`` and returns the metrics of the stage."""
    instances, method = data.dataset("silver").instances, spec.method
    gathered, noise = _noise(spec, data, files, listener)
    evidence, proxy, false_negatives = gathered.evidence, gathered.proxy, gathered.false_negatives
    weights = checked_weights(method.weighting, spec.weighting.weigh(noise), noise)
    truth = data.corpora.silver.truths(instances.relations)
    record: dict[str, Any] = {"scorer": method.scorer, "weighting": method.weighting}
    if spec.scorer:
        record |= {"scorer_settings": part_settings(spec.scorer)} | _noise_record(noise, truth)
    verdicts = read_verdicts(files.path)
    verdict_N = judged(instances.uid, verdicts)
    dynamics = evidence.batch or evidence.epoch
    confidence_EN = dynamics.confidence if dynamics else None
    wrong = wrong_labels(noise, verdict_N == "wrong", verdict_N == "right", confidence_EN)
    noise, weights = apply_verdicts(noise, weights, verdict_N)
    record |= wrong.record() | _p_wrong_record(wrong, truth, verdict_N == None)  # noqa: E711 - an array of objects
    record |= {"review": estimate(verdicts.values()).to_dict()} if verdicts else {}
    record["type_only_accuracy"] = _type_only_accuracy(spec, data, listener)
    record |= {"instances": len(instances), "effective_sample_size": effective_sample_size(weights)}
    if proxy:
        record |= _proxy_record(proxy) | _learning_record(evidence, truth, declared(spec.scorer, NoiseScorer, "mode"))
    if false_negatives:
        record["suspected_pairs"] = len(false_negatives.document)
    near = nearest_labels(data, instances, noise) if len(np.unique(noise)) > 1 else None
    if current().main:
        if false_negatives:
            false_negatives.write(files.path, instances.relations, data.corpora.silver.titles)
        if near:
            write_neighbours(files.neighbours, near)
            write_scores(files.scorers, instances.uid, other_scorers(spec, instances, evidence, listener))
        _write(files, data.corpora.silver, instances, noise, weights, wrong.p_wrong, evidence, verdict_N)
    return record


def _noise(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> tuple[GatheredEvidence, Floats]:
    """Returns the evidence that the scorer requires, and the noise of each instance ``[N]``."""
    instances = data.dataset("silver").instances
    gathered = gather(required_evidence(spec), spec, data, files, listener)
    if spec.scorer is None or spec.method.scorer is None:
        return gathered, np.zeros(len(instances), dtype=np.float32)
    noise = spec.scorer.score(instances, gathered.evidence)
    return gathered, checked_noise(spec.method.scorer, noise, len(instances))


def _type_only_accuracy(spec: RunSpec, data: RunData, listener: Listener) -> float | None:
    """Returns the share of silver labels that entity types alone determine; warns if a proxy may not need the text."""
    share = type_only_accuracy(data.corpora.silver.entities, data.dataset("silver").instances)
    if share is not None and share >= _TYPES_DECIDE and spec.scorer:
        listener.note(
            f"entity types alone determine {share:.0%} of the silver labels, so a proxy may learn wrong labels as "
            "early as correct ones; consider proxy.no_relation=type-matched and proxy.mentions=type"
        )
    return share


def effective_sample_size(weights: Floats) -> float:
    """Returns how many equally weighted instances would be as many: (sum w)^2 / sum w^2 (Kish)."""
    squares = float((weights.astype(np.float64) ** 2).sum())
    return float(weights.sum(dtype=np.float64)) ** 2 / squares if squares else 0.0


def _proxy_record(run: ProxyRun) -> dict[str, Any]:
    return {
        "proxy_train_seconds": run.train_seconds,
        "record_seconds": run.record_seconds,
        "epoch_pass_seconds": run.epoch_pass_seconds,
    }


def _noise_record(noise: Floats, truth: Bools | None) -> dict[str, Any]:
    if truth is None:
        return {"noise_auroc": None, "noise_average_precision": None, "silver_accuracy": None}
    scores = noise_scores(noise, ~truth)
    return {
        "noise_auroc": scores.auroc,
        "noise_average_precision": scores.average_precision,
        "noise_precision_at_10_percent": scores.precision_at_10_percent,
        "silver_accuracy": float(truth.mean()),
    }


def _p_wrong_record(wrong: WrongLabels, truth: Bools | None, open_N: Bools) -> dict[str, Any]:
    """Returns the expected calibration error of p_wrong on labels without a verdict; None without a truth."""
    if truth is None or wrong.share is None or not open_N.any():
        return {"p_wrong_ece": None}
    return {"p_wrong_ece": expected_calibration_error(wrong.p_wrong[open_N, None], ~truth[open_N, None])}


def _learning_record(evidence: Evidence, truth: Bools | None, mode: str) -> dict[str, Any]:
    """Returns the share learned by the end of each epoch (paper, Figure 2), and label accuracy by learning order."""
    recorded = {"batch": evidence.batch, "epoch": evidence.epoch}
    shares = {
        f"learned_share_{name}": np.maximum.accumulate(dynamics.correct, axis=0).mean(axis=1).tolist()
        for name, dynamics in recorded.items()
        if dynamics
    }
    judged = recorded.get(mode) or evidence.batch or evidence.epoch
    assert judged is not None
    order = first_epoch(judged.correct)
    by_order = [
        {"order": k or None, "instances": int((order == k).sum()), "accuracy": float(truth[order == k].mean())}
        for k in [*range(1, len(judged.correct) + 1), 0]
        if truth is not None and (order == k).any()
    ]
    share = shares.get(f"learned_share_{mode}") or next(iter(shares.values()))
    return {"learned_share": share, **shares, "label_accuracy_by_order": by_order or None}


def _write(
    files: RunDirectory,
    corpus: Corpus,
    instances: Instances,
    noise: Floats,
    weights: Floats,
    p_wrong: Floats,
    evidence: Evidence,
    verdicts: Any,
) -> None:
    titles, count = corpus.titles, len(instances)
    unknown: list[str | None] = [None] * count
    columns: dict[str, Any] = {
        "document": instances.document,
        "title": [titles[d] for d in instances.document.tolist()],
        "head": instances.head,
        "tail": instances.tail,
        "relation": np.array(instances.relations, dtype=object)[instances.relation],
        "noise": noise,
        "p_wrong": p_wrong,
        "weight": weights,
        "truth": pa.array(corpus.true_relations(instances.relations) or unknown, type=pa.string()),
        "verdict": pa.array(verdicts.tolist(), type=pa.string()),
    }
    for mode, dynamics in (("batch", evidence.batch), ("epoch", evidence.epoch)):
        columns[f"learned_{mode}"] = first_epoch(dynamics.correct) if dynamics else np.zeros(count, dtype=int)
    columns |= _summaries(evidence.batch or evidence.epoch, count) | _suggested(evidence, instances.relations)
    write_scores(files.scores, instances.uid, columns)


def _suggested(evidence: Evidence, relations: Sequence[str]) -> dict[str, Any]:
    """Returns the suggested relation of each label (empty: none) and its probability, if held-out proxies made any."""
    if evidence.held_out is None:
        return {}
    suggestions = Suggestions.of(evidence.held_out)
    names = np.array([*relations, ""], dtype=object)
    return {"suggested": names[suggestions.relation], "suggested_confidence": suggestions.confidence}


def _summaries(dynamics: Dynamics | None, count: int) -> dict[str, Any]:
    """Returns data-map statistics over epochs (Swayamdipta et al. 2020), area under the margin, forgetting events."""
    if dynamics is None:
        return {}
    shown = np.isfinite(dynamics.loss)
    times = np.maximum(shown.sum(axis=0), 1)
    return {
        "confidence_mean": dynamics.confidence.sum(axis=0) / times,
        "variability": dynamics.confidence.std(axis=0),
        "margin_mean": np.where(shown, dynamics.margin, 0).sum(axis=0) / times,
        "loss_mean": np.where(shown, dynamics.loss, 0).sum(axis=0) / times,
        "forgetting": (dynamics.correct[:-1] & ~dynamics.correct[1:]).sum(axis=0),
    }
