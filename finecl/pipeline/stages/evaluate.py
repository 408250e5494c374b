"""Stage "evaluate": both extractors on the test documents, with the thresholds that dev chose."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from finecl.artifacts.provenance import fingerprint
from finecl.errors import TrainingError
from finecl.extraction.calibration import calibration_errors
from finecl.extraction.decision import DecisionRule
from finecl.extraction.pair_scores import TorchBackend, score_pairs
from finecl.metrics import (
    docred_facts_in_train,
    docred_scores,
    macro_scores,
    precision_recall_auc,
    write_docred_results,
)
from finecl.models.extractor import load_extractor
from finecl.pipeline.context import Context
from finecl.pipeline.stages.extractors import EXTRACTOR, VARIANTS
from finecl.pipeline.stages.finetune import finetune_fingerprint
from finecl.types import Document

PREDICTIONS = "predictions"


def evaluate_fingerprint(context: Context) -> str:
    """Changes when anything that the result depends on does."""
    return fingerprint(finetune_fingerprint(context), context.corpora.test.fingerprint)


def evaluate_stage(context: Context) -> dict[str, Any]:
    """Predicts with both variants, writes ``predictions/<variant>.json`` and returns the scores of each."""
    gold = list(context.corpora.test.documents())
    known = docred_facts_in_train(context.corpora.train.documents())
    return {variant: _variant(context, variant, gold, known) for variant in VARIANTS}


def _variant(context: Context, variant: str, gold: list[Document], known: set[tuple[str, str, str]]) -> dict[str, Any]:
    saved = load_extractor(context.directory / EXTRACTOR / variant, context.registry, context.settings.model)
    test = context.evaluation("test")
    context.listener.begin(f"evaluate {variant}", len(gold), "documents")
    scores = score_pairs(TorchBackend(saved.extractor, context.settings.finetune.max_tokens), test.rows, context.ranks)
    if scores is None:
        raise TrainingError("no test document has two entities within the encoder's reach: raise model.max_length")
    context.listener.advance(len(gold))
    correct = scores.correct(test.gold)
    auc = precision_recall_auc(scores.scores_PR.ravel(), correct.ravel(), len(test.gold))
    rule = DecisionRule.of(saved.config, marked=test.marked)
    errors = calibration_errors(rule.calibration, scores.scores_PR, correct)
    titles = [document.title for document in gold]
    facts = rule.decide(scores).facts(titles, saved.config["relations"])
    if context.ranks.main:
        write_docred_results(context.directory / PREDICTIONS / f"{variant}.json", facts)
    none = context.corpora.test.no_relation
    micro = docred_scores(facts, gold, known, no_relation=none)
    macro = macro_scores(facts, gold, no_relation=none)
    numbers = asdict(micro) | {
        "macro_f1": macro.macro,
        "macro_f1_predicted": macro.macro_predicted,
        "weighted_macro_f1": macro.weighted_macro,
    }
    return numbers | errors | {"auc": auc, "threshold": saved.config["threshold"], "dev_f1": saved.config["dev_f1"]}
