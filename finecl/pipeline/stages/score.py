"""Stage "score": evidence, noise and weights of every silver instance, as ``scores.parquet``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from finecl.artifacts.provenance import fingerprint
from finecl.artifacts.scores_table import write_scores
from finecl.corpus.entity_table import type_only_accuracy
from finecl.metrics import noise_scores
from finecl.pipeline.context import Context, effective_sample_size
from finecl.pipeline.stages.evidence_cache import evidence_fingerprint, gather, needs
from finecl.pipeline.stages.scorer_comparison import nearest_labels, other_scorers, write_comparison, write_neighbours
from finecl.review.verdicts import apply_verdicts, estimate, judged, read_verdicts
from finecl.scoring.proxy import ProxyRun
from finecl.scoring.validation import checked_noise, checked_weights
from finecl.types import Bools, Dynamics, Evidence, Floats, Instances, first_epoch

SCORES = "scores.parquet"
_TELLING = 0.8  # of the labels: from here on types alone are said to give them away


def score_fingerprint(context: Context) -> str:
    """Changes when anything that the scores depend on does."""
    s = context.settings
    method = context.method
    chosen = (method.scorer, dict(s.scorer), method.weighting, dict(s.weighting), s.compat, dict(method.settings))
    code = [context.code_of("weighting", method.weighting)]
    code += [context.code_of("scorer", method.scorer)] if method.scorer else []
    silver = (context.corpora.silver.fingerprint, context.corpora.relations)
    made = (silver, [evidence_fingerprint(context, need) for need in needs(context)], chosen, code)
    verdicts = [(uid, verdict.verdict) for uid, verdict in sorted(read_verdicts(context.directory).items())]
    return fingerprint(*made, verdicts) if verdicts else fingerprint(*made)


def score(context: Context) -> dict[str, Any]:
    """Scores and weighs the silver instances; writes ``scores.parquet`` and returns the record's numbers."""
    instances = context.labelled("silver").instances
    record: dict[str, Any] = {"scorer": context.method.scorer, "weighting": context.method.weighting}
    weighting = context.part("weighting", context.method.weighting, context.settings.weighting)
    run, evidence = None, Evidence()
    noise = np.zeros(len(instances), dtype=np.float32)
    if context.method.scorer:
        scorer = context.part("scorer", context.method.scorer, context.settings.scorer)
        run, evidence = gather(context, needs(context))
        noise = checked_noise(context.method.scorer, scorer.score(instances, evidence), len(instances))
        record |= {"scorer_settings": {k: v for k, v in vars(scorer).items() if not k.startswith("_")}}
    weights = checked_weights(context.method.weighting, weighting.weigh(noise), noise)
    found_noise, said = noise, read_verdicts(context.directory)
    verdicts = judged(instances.uid, said)
    noise, weights = apply_verdicts(noise, weights, verdicts)
    truth = context.corpora.silver.truths(instances.relations)
    record |= {"review": estimate(said.values()).to_dict()} if said else {}
    record["type_only_accuracy"] = _shortcut(context, instances)
    record |= {"instances": len(instances), "effective_sample_size": effective_sample_size(weights)}
    record |= _noise_record(found_noise, truth) if context.method.scorer else {}
    if run:
        record |= _proxy_record(run) | _learning_record(evidence, truth, getattr(scorer, "mode", "batch"))
    if run:
        record["suspected_pairs"] = len(run.false_negatives.document)
    near = nearest_labels(context, instances, noise) if len(np.unique(noise)) > 1 else None
    if context.ranks.main:
        if run:
            run.false_negatives.write(context.directory, instances.relations, context.corpora.silver.titles)
        if near:
            write_neighbours(context.directory, near)
            write_comparison(
                context.directory, instances.uid, other_scorers(context, instances, evidence, needs(context))
            )
        _write(context, instances, noise, weights, evidence, verdicts)
    return record


def _shortcut(context: Context, instances: Instances) -> float | None:
    """How many silver labels the entities' types tell alone; the user is warned where a proxy may not need to read."""
    found = type_only_accuracy(context.corpora.silver.entities, instances)
    if found is not None and found >= _TELLING and context.method.scorer:
        context.listener.note(
            f"the types of head and tail alone give away {found:.0%} of the silver labels: a proxy may learn right and "
            "wrong labels alike; consider proxy.no_relation=type-matched and proxy.mentions=type"
        )
    return found


def _proxy_record(run: ProxyRun) -> dict[str, Any]:
    return {
        "proxy_train_seconds": run.train_seconds,
        "record_seconds": run.record_seconds,
        "epoch_pass_seconds": run.epoch_pass_seconds,
    }


def _noise_record(noise: Floats, truth: Bools | None) -> dict[str, Any]:
    if truth is None:
        return {"noise_auroc": None, "noise_average_precision": None, "silver_accuracy": None}
    found = noise_scores(noise, ~truth)
    return {
        "noise_auroc": found.auroc,
        "noise_average_precision": found.average_precision,
        "noise_precision_at_10_percent": found.precision_at_10_percent,
        "silver_accuracy": float(truth.mean()),
    }


def _learning_record(evidence: Evidence, truth: Bools | None, mode: str) -> dict[str, Any]:
    """Share learned by the end of each epoch (paper, Figure 2), and how right the labels learned in each are."""
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
    context: Context, instances: Instances, noise: Floats, weights: Floats, evidence: Evidence, verdicts: Any
) -> None:
    corpus = context.corpora.silver
    titles = corpus.titles
    names = np.array(instances.relations, dtype=object)
    columns: dict[str, Any] = {
        "document": instances.document,
        "title": [titles[d] for d in instances.document.tolist()],
        "head": instances.head,
        "tail": instances.tail,
        "relation": names[instances.relation],
        "noise": noise,
        "weight": weights,
    }
    unknown: list[str | None] = [None] * len(instances)
    columns["truth"] = pa.array(corpus.true_relations(instances.relations) or unknown, type=pa.string())
    columns["verdict"] = pa.array(verdicts.tolist(), type=pa.string())
    for mode, dynamics in (("batch", evidence.batch), ("epoch", evidence.epoch)):
        columns[f"learned_{mode}"] = first_epoch(dynamics.correct) if dynamics else np.zeros(len(instances), dtype=int)
    columns |= _summaries(evidence.batch or evidence.epoch, len(instances))
    write_scores(context.directory / SCORES, instances.uid, columns)


def _summaries(dynamics: Dynamics | None, count: int) -> dict[str, Any]:
    """Data-map statistics over epochs (Swayamdipta et al. 2020), area under the margin, forgetting events."""
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
