"""Runs downstream tasks: fine-tunes an encoder on a fraction of the training data and evaluates it on test data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from finecl import registry as plugins
from finecl.artifacts.files import cache_directory
from finecl.artifacts.provenance import environment
from finecl.config.resolve import resolve
from finecl.config.schema import FinetuneSettings, Settings
from finecl.corpus.corpus import Corpus
from finecl.data.split import low_resource, random_shares
from finecl.errors import TrainingError
from finecl.extraction.evaluation_data import EvaluationDataset
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.finetune import finetune
from finecl.extraction.pair_scores import TorchBackend, score_pairs
from finecl.models.extractor import build_extractor, extractor_settings
from finecl.models.pretrained import load_encoder
from finecl.pipeline.corpora import load_corpora, read_corpus
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.tokens.marked_sentences import MarkedSentences
from finecl.tokens.token_table import TokenizedCorpus
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Extractor, declared
from finecl_benchmarks.few_shot import episode_scores
from finecl_benchmarks.peak_memory import peak_gigabytes, reset_peak
from finecl_benchmarks.task_files import Task
from finecl_benchmarks.task_metrics import METRICS

_SPLIT_SEED = 42  # of the held-out dev and test sets: the same for all seeds of a task


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Corpora of a task. ``whole`` is all of its training data, ``train`` the fraction to train on."""

    whole: Corpus
    train: Corpus
    dev: Corpus
    test: Corpus

    @property
    def relations(self) -> tuple[str, ...]:
        """Relations of all splits, sorted."""
        return tuple(sorted({*self.whole.relations, *self.dev.relations, *self.test.relations}))


def run_task(
    task: Task,
    *,
    model: str = "minilm",
    fraction: float = 100,
    seed: int = 42,
    overrides: Mapping[str, Any] | None = None,
    listener: Listener | None = None,
) -> dict[str, Any]:
    """Fine-tunes the encoder ``model`` (a name, or a run's ``encoder/``), evaluates it and returns the record.

    Raises:
        SettingsError: a file of the task does not exist, or a setting is unknown.
    """
    registry, listener, began = plugins.load(), listener or Listener(), time.perf_counter()
    reset_peak()
    settings = task_settings(task, model, fraction, seed, overrides or {})
    if task.metric == "episodes":
        numbers = episode_scores(task, settings, registry)
    else:
        splits = read_splits(task, fraction, seed, settings, registry)
        numbers = _finetune_and_evaluate(task, splits, settings, registry, listener)
    return {
        "benchmark": "task",
        "task": task.name,
        "model": model,
        "fraction": fraction,
        "seed": seed,
        "headline": task.headline,
        "value": numbers[task.headline],
        "outcomes": numbers.pop("outcomes", None),
        "metrics": numbers,
        "settings": {key: settings.to_dict()[key] for key in ("model", "finetune", "extractor")},
        "seconds": time.perf_counter() - began,
        "peak_memory_gb": peak_gigabytes(),
        **environment(),
    }


def task_settings(task: Task, model: str, fraction: float, seed: int, overrides: Mapping[str, Any]) -> Settings:
    """Returns the task's settings, overridden by those of the fraction and then by ``overrides``."""
    merged = {**task.settings, **task.by_fraction.get(f"{fraction:g}", {}), **overrides}
    if not task.is_built_in:
        merged["data.test"] = str(task.path("test" if "test" in task.data else "train"))
    return resolve(overrides={**merged, "model.name": model, "seed": seed})


def read_splits(task: Task, fraction: float, seed: int, settings: Settings, registry: Registry) -> Splits:
    """Reads the task's corpora; the fraction of train is stratified by relation and depends on the seed.

    Of the built-in corpus, which itself depends on the seed, a fraction is the first training documents: those of a
    smaller fraction are also those of a run with as many training documents.
    """
    if task.is_built_in:
        corpora = load_corpora(settings.data, registry, seed)
        first = np.arange(round(len(corpora.train) * fraction / 100))
        return Splits(whole=corpora.train, train=corpora.train.select(first), dev=corpora.dev, test=corpora.test)
    fields = {"format": task.data.get("format", "auto"), "no_relation": task.data.get("no_relation", "no_relation")}
    data = type(settings.data)(**fields, without_entities="skip")
    splits = {s: read_corpus(task.path(s), data, registry) for s in ("train", "dev", "test") if s in task.data}
    train = splits["train"]
    if "test" not in splits:
        share = float(task.data["test_share"])
        parts = random_shares(len(train), {"train": 1 - share, "test": share}, _SPLIT_SEED)
        splits["test"], train = train.select(parts["test"]), train.select(parts["train"])
    if "dev" not in splits:
        share = float(task.data["dev_share"])
        parts = random_shares(len(train), {"train": 1 - share, "dev": share}, _SPLIT_SEED)
        splits["dev"], train = train.select(parts["dev"]), train.select(parts["train"])
    sampled = train if fraction == 100 else train.select(low_resource(train.documents(), fraction / 100, seed))
    return Splits(whole=train, train=sampled, dev=splits["dev"], test=splits["test"])


def _finetune_and_evaluate(
    task: Task, splits: Splits, settings: Settings, registry: Registry, listener: Listener
) -> dict[str, Any]:
    """Fine-tunes an extractor and returns the metrics of the task on its test documents, with counts and speed."""
    tuning, relations = settings.finetune, splits.relations
    marked = (
        declared(registry.part("extractor", tuning.extractor).factory, Extractor, "input_format") == "marked-sentences"
    )
    encoder, tokenizer, _ = load_encoder(settings.model, seed=settings.seed, markers=marked)
    train = extraction_dataset(splits.train, tokenizer, relations, marked=marked)
    dev, test = (evaluation_dataset(c, tokenizer, relations, tuning, marked=marked) for c in (splits.dev, splits.test))
    head_settings = extractor_settings(registry, tuning.extractor, tuning.loss, settings.extractor)
    extractor = build_extractor(registry, tuning.extractor, head_settings, encoder, train.relations)
    began = time.perf_counter()
    finetuned = finetune(extractor, train, dev, tuning, seed=settings.seed, stage=task.name, listener=listener)
    seconds = time.perf_counter() - began
    scores = score_pairs(TorchBackend(extractor, tuning.max_tokens), test.rows)
    if scores is None:
        raise TrainingError(f"{task.name}: no test document has an entity pair to score")
    numbers = METRICS[task.metric](scores, test, splits, finetuned)
    tokens = int(train.tokens.lengths.sum()) * tuning.num_train_epochs
    return numbers | {
        "dev_f1": finetuned.dev_f1,
        "epoch": finetuned.epoch,
        "threshold": finetuned.threshold,
        "train_documents": len(splits.train),
        "train_instances": len(train.instances),
        "test_documents": len(splits.test),
        "finetune_seconds": seconds,
        "tokens_per_second": tokens / seconds,
    }


def extraction_dataset(
    corpus: Corpus, tokenizer: DocumentTokenizer, relations: tuple[str, ...], *, marked: bool
) -> ExtractionDataset:
    """Tokenises a corpus for an extractor: documents, or marked sentences if ``marked``."""
    instances = corpus.instances(relations)
    if not marked:
        return ExtractionDataset(tokens=TokenizedCorpus.of(corpus, tokenizer, cache_directory()), instances=instances)
    sentences = MarkedSentences.of(corpus, tokenizer, cache_directory())
    return ExtractionDataset(tokens=sentences, instances=sentences.instances(instances))


def evaluation_dataset(
    corpus: Corpus, tokenizer: DocumentTokenizer, relations: tuple[str, ...], tuning: FinetuneSettings, *, marked: bool
) -> EvaluationDataset:
    """Returns dev or test documents as rows to score."""
    windows, documents = tuning.long_documents == "windows", list(corpus.documents())
    return EvaluationDataset.of(documents, corpus.instances(relations), tokenizer, marked=marked, windows=windows)
