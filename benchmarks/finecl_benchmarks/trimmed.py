"""FineCL's Table 2 in small: is what was learned early better to train on than everything, or than as much at random?

Wiki80 is corrupted with known truth, a proxy gives its learning order, and the same extractor is trained on everything,
on the part that was learned early and on a random part of that size. All are tested on clean sentences.
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
from finecl.extraction.prediction import score_pairs
from finecl.metrics import docred_scores
from finecl.models.extractor import build_extractor
from finecl.numerics.ragged import pair_key
from finecl.pipeline.context import Context
from finecl.pipeline.corpora import read_corpus
from finecl.pipeline.stages.evidence_cache import gather
from finecl.progress import Listener
from finecl.scoring.false_negatives import NotFalseNegative
from finecl.types import Bools, Ints, first_epoch
from finecl_benchmarks.downstream import labelled
from finecl_benchmarks.noise import corrupted_settings, wiki80
from finecl_benchmarks.task_files import data_file

_EPOCHS = 6  # of the extractors that are compared
_SHARE = 0.5  # the early part is what was learned by the first epoch at whose end at least this share was


def measure(kind: Kind, rate: float, seed: int, listener: Listener | None = None) -> dict[str, Any]:
    """Accuracy on Wiki80's 10 % training file of extractors trained on each part."""
    registry, setting = plugins.load(), wiki80(kind, rate, seed)
    with tempfile.TemporaryDirectory() as directory:
        settings = corrupted_settings(setting, Path(directory), registry)
        context = Context(Path(directory) / "run", settings, registry, listener or Listener())
        whole = context.labelled("silver").instances
        _, evidence = gather(context, ("dynamics",))
        order = first_epoch(evidence.dynamics("batch").correct)
        data = context.labelled("silver", "marked-sentences")
        by_uid = dict(zip(whole.uid.tolist(), order.tolist(), strict=True))
        early = _early(np.array([by_uid[uid] for uid in data.instances.uid.tolist()]))
        parts = {"everything": np.ones_like(early), "early": early, "random": _random(early, seed)}
        truth = context.corpora.silver.truths(whole.relations)
        right = dict(zip(whole.uid.tolist(), truth.tolist(), strict=True)) if truth is not None else {}
        found = {name: _trained(context, data, kept) for name, kept in parts.items()}
        clean = {
            name: float(np.mean([right[uid] for uid in data.instances.uid[kept].tolist()]))
            for name, kept in parts.items()
        }
    return {
        "benchmark": "trimmed",
        "data": {"name": "wiki80", "kind": kind, "rate": rate},
        "seed": seed,
        "accuracy": found,
        "sentences": {name: int(kept.sum()) for name, kept in parts.items()},
        "label_accuracy": clean,
        "settings": {"proxy": settings.to_dict()["proxy"], "extractor_epochs": _EPOCHS},
        **environment(),
    }


def _early(order: Ints) -> Bools:
    """What was learned by the first epoch at whose end at least half was."""
    last = next(k for k in range(1, int(order.max()) + 1) if ((order > 0) & (order <= k)).mean() >= _SHARE)
    found: Bools = (order > 0) & (order <= last)
    return found


def _random(early: Bools, seed: int) -> Bools:
    kept = np.zeros_like(early)
    kept[np.random.default_rng(seed).choice(len(early), int(early.sum()), replace=False)] = True
    return kept


def _trained(context: Context, data: ExtractionDataset, kept: Bools) -> float:
    """Trains an extractor on some of the sentences and returns its accuracy on the clean ones."""
    settings = replace(context.settings.proxy, num_train_epochs=_EPOCHS)
    encoder, tokenizer = context.encoder()
    own = {"loss": settings.loss, **context.settings.extractor}
    extractor = build_extractor(context.registry, settings.extractor, own, encoder, data.relations)
    part = data.part(np.unique(data.instances.document[kept]))
    train_on(extractor, part, settings, stage="part", seed=context.settings.seed, listener=context.listener)
    clean = read_corpus(data_file("trimmed", "wiki80/train_0.1.txt"), context.settings.data, context.registry)
    test = labelled(clean, tokenizer, context.corpora.relations, marked=True)
    scored = score_pairs(extractor, test)
    best = scored.scores_PR.argmax(axis=1)
    return float(scored.correct(test)[np.arange(len(best)), best].mean())


PARTS = ("everything", "early by batch", "early by epoch", "random")


def measure_run(context: Context, part: str) -> dict[str, Any]:
    """F1 on the test documents of an extractor that is trained on a part of the silver labels, one of ``PARTS``.

    "early" is what the proxy learned in its first epoch (the paper's A_1), by either mode of recording; "random" as
    many labels as are early by batch. Labels that are left out are no no-relation pairs either.

    Raises:
        SettingsError: there is no such part, or nothing was learned in the first epoch.
    """
    if part not in PARTS:
        raise SettingsError(f"parts: expected one of {', '.join(PARTS)}, got '{part}'")
    _, evidence = gather(context, ("dynamics",))
    silver = context.labelled("silver", context.text_of(context.settings.finetune.extractor))
    uids = silver.instances.uid.tolist()
    kept = np.ones(len(uids), dtype=np.bool_)
    if part != "everything":
        first = evidence.dynamics("epoch" if part == "early by epoch" else "batch").correct[0].tolist()
        learned = dict(zip(context.labelled("silver").instances.uid.tolist(), first, strict=True))
        kept = np.array([learned[uid] for uid in uids], dtype=np.bool_)
    if not kept.any():
        raise SettingsError("nothing was learned in the first epoch, so nothing is early; train the proxy harder")
    if part == "random":
        kept = _random(kept, context.settings.seed)
    return {"part": part, "labels": int(kept.sum()), "f1": _f1(context, _kept(silver, kept))}


def _kept(data: ExtractionDataset, kept: Bools) -> ExtractionDataset:
    """The same text with some of the labels; the pairs of the others are asked about by nobody."""
    all_of = data.instances
    if data.tokens.marked:  # a sentence a label
        return data.part(np.unique(all_of.document[kept]))
    dropped = np.unique(pair_key(all_of.document[~kept], all_of.head[~kept], all_of.tail[~kept]))
    return replace(data, instances=all_of.part(kept, document=all_of.document), pair_filter=NotFalseNegative(dropped))


def _f1(context: Context, data: ExtractionDataset) -> float:
    settings, text = context.settings.finetune, context.text_of(context.settings.finetune.extractor)
    encoder, _ = context.encoder()
    own = {"loss": settings.loss, **context.settings.extractor}
    extractor = build_extractor(context.registry, settings.extractor, own, encoder, data.relations)
    dev, test = context.labelled("dev", text), context.labelled("test", text)
    seed, listener = context.settings.seed, context.listener
    found = finetune(extractor, data, dev, settings, seed=seed, stage="part", listener=listener)
    scored = score_pairs(extractor, test, max_tokens=settings.max_tokens).placed(test.tokens)
    corpus = context.corpora.test
    facts = scored.facts(found.threshold, corpus.titles, test.instances.relations)
    return docred_scores(facts, list(corpus.documents()), set(), no_relation=corpus.no_relation).f1
