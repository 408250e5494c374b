"""Stage "evaluate": all extractors of a run on the test documents, with the thresholds that dev chose."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from finecl.artifacts.run_directory import PRETRAINED, RunDirectory
from finecl.distributed.process_group import current
from finecl.errors import TrainingError
from finecl.extraction.calibration import calibration_errors
from finecl.extraction.decision import DecisionRule
from finecl.extraction.pair_scores import TorchBackend, score_pairs
from finecl.metrics import (
    Fact,
    bootstrap_f1,
    counts_by_document,
    docred_facts_in_train,
    docred_scores,
    macro_scores,
    precision_recall_auc,
    write_docred_results,
)
from finecl.models.extractor import load_extractor
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from finecl.progress import Listener
from finecl.types import Document


def evaluate_stage(spec: RunSpec, data: RunData, files: RunDirectory, listener: Listener) -> dict[str, Any]:
    """Predicts with every variant, writes ``predictions/<variant>.json`` and returns the scores of each.

    Without gold documents nothing is evaluated, and the scores are empty.

    ``f1_interval`` is the 95 % interval of F1 by the bootstrap over test documents, ``f1_gain`` that of the pre-trained
    encoder's F1 minus the variant's.
    """
    if not data.corpora.has_gold:
        files.output("evaluate").mkdir(exist_ok=True)
        return {}
    gold = list(data.corpora.test.documents())
    known = docred_facts_in_train(data.corpora.train.documents())
    _tell_left_out(data, listener)
    numbers, counts = {}, {}
    for variant in spec.variants:
        listener.begin(f"evaluate {variant}", len(gold), "documents")
        facts, numbers[variant] = _variant(variant, gold, known, spec, data, files)
        counts[variant] = counts_by_document(facts, gold, no_relation=data.corpora.test.no_relation)
        numbers[variant]["f1_interval"] = list(bootstrap_f1(counts[variant]))
        if variant != PRETRAINED:
            numbers[variant]["f1_gain"] = list(bootstrap_f1(counts[PRETRAINED], counts[variant]))
        listener.advance(len(gold))
    return numbers


def _variant(
    variant: str,
    gold: list[Document],
    known: set[tuple[str, str, str]],
    spec: RunSpec,
    data: RunData,
    files: RunDirectory,
) -> tuple[list[Fact], dict[str, Any]]:
    saved = load_extractor(files.extractor(variant), spec.registry, spec.settings.model)
    test, backend = data.evaluation("test"), TorchBackend(saved.extractor, spec.settings.finetune.max_tokens)
    scores = score_pairs(backend, test.rows, current())
    if scores is None:
        raise TrainingError("no test document has two entities within the encoder's reach: raise model.max_length")
    correct = scores.correct(test.gold)
    rule = DecisionRule.of(saved.config, marked=test.marked)
    facts = rule.decide(scores).facts([document.title for document in gold], saved.config["relations"])
    if current().main:
        write_docred_results(files.predictions(variant), facts)
    none = data.corpora.test.no_relation
    macro = macro_scores(facts, gold, no_relation=none)
    return facts, {
        **asdict(docred_scores(facts, gold, known, no_relation=none)),
        "macro_f1": macro.macro,
        "macro_f1_predicted": macro.macro_predicted,
        "weighted_macro_f1": macro.weighted_macro,
        **calibration_errors(rule.calibration, scores.scores_PR, correct),
        "auc": precision_recall_auc(scores.scores_PR.ravel(), correct.ravel(), len(test.gold)),
        "threshold": saved.config["threshold"],
        "dev_f1": saved.config["dev_f1"],
        "labels_left_out": test.labels_left_out,
    }


def _tell_left_out(data: RunData, listener: Listener) -> None:
    test = data.evaluation("test")
    if test.labels_left_out:
        what = "a common sentence" if test.marked else "a common window"
        listener.note(
            f"test: {test.labels_left_out:,} of {len(test.gold):,} labels join entities without {what}: they are not "
            "scored and count as missed"
        )
