"""A downstream task, run: an encoder fine-tuned on a fraction of the training data, and its metric on the test data."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from finecl import registry as plugins
from finecl.artifacts.files import cache_directory
from finecl.artifacts.provenance import environment
from finecl.config.resolve import resolve
from finecl.config.schema import Settings
from finecl.corpus.corpus import Corpus
from finecl.data.split import low_resource, random_shares
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.finetune import Finetuned, finetune
from finecl.extraction.prediction import PairScores, score_pairs
from finecl.metrics import (
    counts_by_document,
    docred_facts_in_train,
    docred_scores,
    macro_scores,
    precision_recall_auc,
    semeval_scores,
    sentence_scores,
    tacred_scores,
)
from finecl.models.extractor import build_extractor
from finecl.models.pretrained import load_encoder
from finecl.pipeline.corpora import read_corpus
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.tokens.marked_sentences import MarkedSentences
from finecl.tokens.token_table import TokenizedCorpus
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl_benchmarks.few_shot import episode_scores
from finecl_benchmarks.peak import peak_gigabytes, reset_peak
from finecl_benchmarks.task_files import Task

_SPLIT_SEED = 42  # of the development set that is held out: the same for all seeds of a task


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The corpora of a task. ``whole`` is all of its training data, of which ``train`` is a fraction."""

    whole: Corpus
    train: Corpus
    dev: Corpus
    test: Corpus

    @property
    def relations(self) -> tuple[str, ...]:
        """All relations of all splits, sorted."""
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
    """Fine-tunes the encoder ``model`` (a name, or a run's ``encoder/``) and evaluates it; the record of that.

    Raises:
        SettingsError: a file of the task is not there, or a setting is not known.
    """
    registry, listener, began = plugins.load(), listener or Listener(), time.perf_counter()
    reset_peak()
    settings = task_settings(task, model, fraction, seed, overrides or {})
    if task.metric == "episodes":
        numbers = episode_scores(task, settings, registry)
    else:
        splits = read_splits(task, fraction, seed, settings, registry)
        numbers = _finetuned(task, splits, settings, registry, listener)
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
    """The settings by which a task is fine-tuned: its own, those of the fraction, and ``overrides``; later ones win."""
    chosen = {**task.settings, **task.by_fraction.get(f"{fraction:g}", {}), **overrides}
    return resolve(
        overrides={
            **chosen,
            "data.test": str(task.path("test" if "test" in task.data else "train")),
            "model.name": model,
            "seed": seed,
        }
    )


def read_splits(task: Task, fraction: float, seed: int, settings: Settings, registry: Registry) -> Splits:
    """The task's corpora; the fraction of train is stratified and depends on the seed."""
    wanted = {"format": task.data.get("format", "auto"), "no_relation": task.data.get("no_relation", "no_relation")}
    data = type(settings.data)(**wanted, without_entities="skip")
    found = {s: read_corpus(task.path(s), data, registry) for s in ("train", "dev", "test") if s in task.data}
    train = found["train"]
    if "test" not in found:
        share = float(task.data["test_share"])
        parts = random_shares(len(train), {"train": 1 - share, "test": share}, _SPLIT_SEED)
        found["test"], train = train.select(parts["test"]), train.select(parts["train"])
    if "dev" not in found:
        share = float(task.data["dev_share"])
        parts = random_shares(len(train), {"train": 1 - share, "dev": share}, _SPLIT_SEED)
        found["dev"], train = train.select(parts["dev"]), train.select(parts["train"])
    some = train if fraction == 100 else train.select(low_resource(train.documents(), fraction / 100, seed))
    return Splits(whole=train, train=some, dev=found["dev"], test=found["test"])


def _finetuned(
    task: Task, splits: Splits, settings: Settings, registry: Registry, listener: Listener
) -> dict[str, Any]:
    chosen, relations = settings.finetune, splits.relations
    marked = getattr(registry.part("extractor", chosen.extractor).factory, "text", "documents") == "marked-sentences"
    encoder, tokenizer, _ = load_encoder(settings.model, seed=settings.seed, markers=marked)
    train, dev, test = (
        labelled(c, tokenizer, relations, marked=marked) for c in (splits.train, splits.dev, splits.test)
    )
    own = {"loss": chosen.loss, **settings.extractor}
    extractor = build_extractor(registry, chosen.extractor, own, encoder, train.relations)
    began = time.perf_counter()
    found = finetune(extractor, train, dev, chosen, seed=settings.seed, stage=task.name, listener=listener)
    seconds = time.perf_counter() - began
    scored = score_pairs(extractor, test, max_tokens=chosen.max_tokens)
    numbers = _EVALUATE[task.metric](scored, test, splits, found)
    tokens = int(train.tokens.lengths.sum()) * chosen.num_train_epochs
    return numbers | {
        "dev_f1": found.dev_f1,
        "epoch": found.epoch,
        "threshold": found.threshold,
        "train_documents": len(splits.train),
        "train_instances": len(train.instances),
        "test_documents": len(splits.test),
        "finetune_seconds": seconds,
        "tokens_per_second": tokens / seconds,
    }


def labelled(
    corpus: Corpus, tokenizer: DocumentTokenizer, relations: tuple[str, ...], *, marked: bool
) -> ExtractionDataset:
    """A corpus as an extractor meets it."""
    instances = corpus.instances(relations)
    if not marked:
        return ExtractionDataset(tokens=TokenizedCorpus.of(corpus, tokenizer, cache_directory()), instances=instances)
    sentences = MarkedSentences.of(corpus, tokenizer, cache_directory())
    return ExtractionDataset(tokens=sentences, instances=sentences.instances(instances))


def answered(
    scored: PairScores, test: ExtractionDataset, corpus: Corpus, threshold: float
) -> dict[tuple[int, int, int], str]:
    """The relation that is predicted for each labelled pair (document, head, tail), the surest one if several are;
    what is not predicted to have one has the corpus's no-relation label.
    """
    best: dict[tuple[int, int, int], str] = {}
    placed = scored.placed(test.tokens)
    row, relation = np.nonzero(scored.predicted(threshold))
    order = np.argsort(scored.scores_PR[row, relation], kind="stable")  # the surest last
    for p, r in zip(row[order].tolist(), relation[order].tolist(), strict=True):
        pair = int(placed.document[p]), int(placed.head[p]), int(placed.tail[p])
        best[pair] = test.instances.relations[r]
    return {
        (number, label.head, label.tail): best.get((number, label.head, label.tail), corpus.no_relation)
        for number, document in enumerate(corpus.documents())
        for label in document.labels
    }


def _sentences(
    scored: PairScores, test: ExtractionDataset, splits: Splits, found: Finetuned
) -> tuple[list[str], list[str], list[str]]:
    """Titles, predictions and gold labels of the test sentences."""
    predicted = answered(scored, test, splits.test, found.threshold)
    titles, answers, gold = [], [], []
    for number, document in enumerate(splits.test.documents()):
        label = document.labels[0]
        titles.append(document.title)
        answers.append(predicted[number, label.head, label.tail])
        gold.append(label.relation)
    return titles, answers, gold


def _semeval(scored: PairScores, test: ExtractionDataset, splits: Splits, found: Finetuned) -> dict[str, Any]:
    titles, answers, gold = _sentences(scored, test, splits, found)
    scores = semeval_scores(dict(zip(titles, answers, strict=True)), dict(zip(titles, gold, strict=True)))
    return {
        "official_macro_f1": scores.official.macro_f1,
        "micro_f1": scores.official.micro.f1,
        "undirected_macro_f1": scores.undirected.macro_f1,
        "accuracy": scores.accuracy,
        "outcomes": outcomes_of(titles, answers, gold),
    }


def outcomes_of(titles: Sequence[str], answers: Sequence[str], gold: Sequence[str]) -> dict[str, Any]:
    """What was answered to each test sentence, for tests of significance: labels by number, and their names."""
    labels = sorted({*answers, *gold})
    number = {label: n for n, label in enumerate(labels)}
    return {"labels": labels, "answers": [number[a] for a in answers], "gold": [number[g] for g in gold]}


def _accuracy(scored: PairScores, test: ExtractionDataset, splits: Splits, found: Finetuned) -> dict[str, Any]:
    titles, answers, gold = _sentences(scored, test, splits, found)
    scores = sentence_scores(answers, gold, no_relation=splits.test.no_relation)
    found_scores = {"accuracy": scores.accuracy, "micro_f1": scores.micro.f1, "macro_f1": scores.macro_f1}
    return found_scores | {"outcomes": outcomes_of(titles, answers, gold)}


def _tacred(scored: PairScores, test: ExtractionDataset, splits: Splits, found: Finetuned) -> dict[str, Any]:
    titles, answers, gold = _sentences(scored, test, splits, found)
    return asdict(tacred_scores(answers, gold)) | {"outcomes": outcomes_of(titles, answers, gold)}


def _docred(scored: PairScores, test: ExtractionDataset, splits: Splits, found: Finetuned) -> dict[str, Any]:
    gold, corpus = list(splits.test.documents()), splits.test
    facts = scored.placed(test.tokens).facts(found.threshold, corpus.titles, test.instances.relations)
    # Whatever the fraction, Ign F1 leaves out the facts of all training data, as CodaLab does (facts 4.1).
    known = docred_facts_in_train(splits.whole.documents())
    scores = docred_scores(facts, gold, known, no_relation=corpus.no_relation)
    auc = precision_recall_auc(scored.scores_PR.ravel(), scored.correct(test).ravel(), len(test.instances))
    macro = macro_scores(facts, gold, no_relation=corpus.no_relation)
    found_scores = asdict(scores) | {"auc": auc, "macro_f1": macro.macro, "weighted_macro_f1": macro.weighted_macro}
    counts = counts_by_document(facts, gold, no_relation=corpus.no_relation)
    return found_scores | {"outcomes": {"counts": counts.tolist()}}


_EVALUATE: Mapping[str, Callable[[PairScores, ExtractionDataset, Splits, Finetuned], dict[str, Any]]] = {
    "semeval": _semeval,
    "accuracy": _accuracy,
    "tacred": _tacred,
    "docred": _docred,
}
