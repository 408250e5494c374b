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
from finecl.data.corrupt import Kind
from finecl.extraction import Labelled, build_extractor, train_on
from finecl.finetune import score_pairs
from finecl.inputs import read_corpus
from finecl.progress import Listener
from finecl.records import environment
from finecl.stages.context import Context
from finecl.stages.gathering import gather
from finecl.types import Bools, Ints, first_epoch
from finecl_benchmarks.downstream import labelled
from finecl_benchmarks.noise import corrupted_settings, wiki80
from finecl_benchmarks.task_files import data_directory

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


def _trained(context: Context, data: Labelled, kept: Bools) -> float:
    """Trains an extractor on some of the sentences and returns its accuracy on the clean ones."""
    settings = replace(context.settings.proxy, num_train_epochs=_EPOCHS)
    encoder, reader = context.encoder()
    own = {"loss": settings.loss, **context.settings.extractor}
    extractor = build_extractor(context.registry, settings.extractor, own, encoder, data.relations)
    part = data.part(np.unique(data.instances.document[kept]))
    train_on(extractor, part, settings, stage="part", seed=context.settings.seed, listener=context.listener)
    clean = read_corpus(data_directory() / "wiki80" / "train_0.1.txt", context.settings.data, context.registry)
    test = labelled(clean, reader, context.corpora.relations, marked=True)
    scored = score_pairs(extractor, test)
    best = scored.scores_PR.argmax(axis=1)
    return float(scored.correct(test)[np.arange(len(best)), best].mean())
