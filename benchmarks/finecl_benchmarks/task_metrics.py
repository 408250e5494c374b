"""Metrics of a task, from the scores of its test documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from finecl.corpus.corpus import Corpus
from finecl.extraction.calibration import Calibration
from finecl.extraction.decision import DecisionRule
from finecl.extraction.evaluation_data import EvaluationDataset
from finecl.extraction.finetune import Finetuned
from finecl.extraction.pair_scores import PairScores
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

if TYPE_CHECKING:
    from finecl_benchmarks.downstream import Splits


def decision_rule(finetuned: Finetuned, test: EvaluationDataset) -> DecisionRule:
    """Returns the rule that predicts with the threshold chosen on dev."""
    threshold_R = np.full(len(test.gold.relations), finetuned.threshold, dtype=np.float32)
    return DecisionRule(threshold_R=threshold_R, calibration=Calibration(), marked=test.marked)


def predicted_relations(
    scores: PairScores, test: EvaluationDataset, corpus: Corpus, rule: DecisionRule
) -> dict[tuple[int, int, int], str]:
    """Returns the predicted relation of each labelled pair (document, head, tail): the highest-scoring one that the
    rule predicts, or the corpus's no-relation label.
    """
    best: dict[tuple[int, int, int], str] = {}
    predicted = rule.decide(scores)
    order = np.argsort(predicted.score, kind="stable")  # the highest last
    columns = (getattr(predicted, name)[order].tolist() for name in ("document", "head", "tail", "relation"))
    for document, head, tail, relation in zip(*columns, strict=True):
        best[document, head, tail] = test.gold.relations[relation]
    return {
        (number, label.head, label.tail): best.get((number, label.head, label.tail), corpus.no_relation)
        for number, document in enumerate(corpus.documents())
        for label in document.labels
    }


def _sentences(
    scores: PairScores, test: EvaluationDataset, splits: Splits, finetuned: Finetuned
) -> tuple[list[str], list[str], list[str]]:
    """Returns titles, predictions and gold labels of the test sentences."""
    predicted = predicted_relations(scores, test, splits.test, decision_rule(finetuned, test))
    titles, answers, gold = [], [], []
    for number, document in enumerate(splits.test.documents()):
        label = document.labels[0]
        titles.append(document.title)
        answers.append(predicted[number, label.head, label.tail])
        gold.append(label.relation)
    return titles, answers, gold


def _semeval(scores: PairScores, test: EvaluationDataset, splits: Splits, finetuned: Finetuned) -> dict[str, Any]:
    titles, answers, gold = _sentences(scores, test, splits, finetuned)
    semeval = semeval_scores(dict(zip(titles, answers, strict=True)), dict(zip(titles, gold, strict=True)))
    return {
        "official_macro_f1": semeval.official.macro_f1,
        "micro_f1": semeval.official.micro.f1,
        "undirected_macro_f1": semeval.undirected.macro_f1,
        "accuracy": semeval.accuracy,
        "outcomes": outcomes_of(titles, answers, gold),
    }


def outcomes_of(titles: Sequence[str], answers: Sequence[str], gold: Sequence[str]) -> dict[str, Any]:
    """Returns the predictions and gold labels of the test sentences as label numbers, for significance tests."""
    labels = sorted({*answers, *gold})
    number = {label: n for n, label in enumerate(labels)}
    return {"labels": labels, "answers": [number[a] for a in answers], "gold": [number[g] for g in gold]}


def _accuracy(scores: PairScores, test: EvaluationDataset, splits: Splits, finetuned: Finetuned) -> dict[str, Any]:
    titles, answers, gold = _sentences(scores, test, splits, finetuned)
    sentences = sentence_scores(answers, gold, no_relation=splits.test.no_relation)
    metrics = {"accuracy": sentences.accuracy, "micro_f1": sentences.micro.f1, "macro_f1": sentences.macro_f1}
    return metrics | {"outcomes": outcomes_of(titles, answers, gold)}


def _tacred(scores: PairScores, test: EvaluationDataset, splits: Splits, finetuned: Finetuned) -> dict[str, Any]:
    titles, answers, gold = _sentences(scores, test, splits, finetuned)
    return asdict(tacred_scores(answers, gold)) | {"outcomes": outcomes_of(titles, answers, gold)}


def _docred(scores: PairScores, test: EvaluationDataset, splits: Splits, finetuned: Finetuned) -> dict[str, Any]:
    gold, corpus = list(splits.test.documents()), splits.test
    facts = decision_rule(finetuned, test).decide(scores).facts(corpus.titles, test.gold.relations)
    # Ign F1 excludes the facts of all training data whatever the fraction, as CodaLab does (facts.md 4.1).
    known = docred_facts_in_train(splits.whole.documents())
    micro = docred_scores(facts, gold, known, no_relation=corpus.no_relation)
    auc = precision_recall_auc(scores.scores_PR.ravel(), scores.correct(test.gold).ravel(), len(test.gold))
    macro = macro_scores(facts, gold, no_relation=corpus.no_relation)
    metrics = asdict(micro) | {"auc": auc, "macro_f1": macro.macro, "weighted_macro_f1": macro.weighted_macro}
    counts = counts_by_document(facts, gold, no_relation=corpus.no_relation)
    return metrics | {"outcomes": {"counts": counts.tolist()}}


METRICS: Mapping[str, Callable[[PairScores, EvaluationDataset, Splits, Finetuned], dict[str, Any]]] = {
    "semeval": _semeval,
    "accuracy": _accuracy,
    "tacred": _tacred,
    "docred": _docred,
}
"""Metrics of the test documents by the name that a task file gives them."""
