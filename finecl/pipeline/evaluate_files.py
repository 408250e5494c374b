"""Scores a file of predictions against a file of gold, as ``finecl evaluate PREDICTIONS GOLD`` does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from finecl.data.answers import check_labelled, unknown_titles
from finecl.data.formats import DocumentFile
from finecl.errors import FormatError, SettingsError
from finecl.metrics import (
    Fact,
    bag_facts,
    bag_scores,
    docred_facts_in_train,
    docred_scores,
    evidence_scores,
    frequency_groups,
    macro_scores,
    reach_scores,
    read_bag_predictions,
    read_docred_results,
    read_labels,
    read_semeval_gold,
    read_semeval_labels,
    scores_by_group,
    semeval_scores,
    sentence_scores,
    tacred_scores,
)
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.text.none_names import none_note
from finecl.types import Document


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The files of one evaluation. ``train``, ``distant`` and ``relations`` are for the metric docred only.

    ``no_relation`` None selects the default of the metric: "no_relation" in DocRED and TACRED, "NA" in bags, none in
    accuracy. A label that usually means none but counts as a relation is told to the listener.
    """

    predictions: Path
    gold: Path
    registry: Registry
    train: Path | None = None
    distant: Path | None = None
    relations: Collection[str] | None = None
    no_relation: str | None = None
    listener: Listener | None = None

    def none(self, default: str) -> str:
        """Returns the name of the no-relation label."""
        return default if self.no_relation is None else self.no_relation

    def note_none_names(self, relations: Iterable[str], no_relation: str | None) -> None:
        """Tells the listener of labels that usually mean "no relation" but count as relations."""
        note = none_note(relations, no_relation, "--no-relation ")
        if note and self.listener:
            self.listener.note(note)

    def documents(self, path: Path) -> DocumentFile:
        """Opens a file of documents, of any registered format.

        Raises:
            FormatError: no format recognises the file.
        """
        return DocumentFile.open(path, self.registry, listener=self.listener)


def evaluate_files(metric: str, inputs: Inputs) -> dict[str, Any]:
    """Returns the values of a metric (one of ``METRICS``) as nested dictionaries; fractions, 0 .. 1.

    Raises:
        FormatError: a file cannot be read, or predictions and gold do not match.
        SettingsError: an input is set that the metric does not use.
    """
    _check_use(metric, inputs)
    return METRICS[metric](inputs)


def _check_use(metric: str, inputs: Inputs) -> None:
    options = {"--train": inputs.train, "--distant": inputs.distant, "--relations": inputs.relations}
    unused = [name for name, value in options.items() if value is not None and metric != "docred"]
    if inputs.no_relation is not None and metric == "semeval":  # its labels are fixed
        unused.append("--no-relation")
    if unused:
        raise SettingsError(f"--metric {metric} does not use {', '.join(unused)}: leave it out")


def _docred(inputs: Inputs) -> dict[str, Any]:
    none = inputs.none("no_relation")
    evidence = read_docred_results(inputs.predictions)
    gold = list(inputs.documents(inputs.gold))
    inputs.note_none_names({label.relation for document in gold for label in document.labels}, none)
    check_labelled(inputs.gold, gold, none)
    wrong = unknown_titles(inputs.predictions, evidence, inputs.gold, gold)
    if wrong and inputs.listener:
        inputs.listener.note(wrong)
    train = list(inputs.documents(inputs.train)) if inputs.train else []
    results: dict[str, Any] = asdict(docred_scores(evidence, gold, docred_facts_in_train(train), no_relation=none))
    if not inputs.train:
        results = {name: value for name, value in results.items() if name not in _OF_TRAIN}
    if inputs.distant:
        facts = docred_facts_in_train(inputs.documents(inputs.distant))
        distant = docred_scores(evidence, gold, facts, no_relation=none)
        results |= {"ign_distant_precision": distant.ign_precision, "ign_distant_f1": distant.ign_f1}
    macro = macro_scores(evidence, gold, no_relation=none)
    return results | {
        "macro_f1": macro.macro,
        "macro_f1_predicted": macro.macro_predicted,
        "weighted_macro_f1": macro.weighted_macro,
        "evidence": asdict(evidence_scores(evidence, gold, no_relation=none)),
        **asdict(reach_scores(evidence, gold, no_relation=none)),
        "groups": _groups(inputs, evidence, gold, train, none),
        "by_relation": {name: asdict(found) for name, found in macro.by_relation.items()},
    }


_OF_TRAIN = ("ign_precision", "ign_f1", "correct_in_train")


def _groups(
    inputs: Inputs, predictions: Mapping[Fact, Any], gold: list[Document], train: list[Document], none: str
) -> dict[str, Any]:
    groups: dict[str, Collection[str]] = {}
    if inputs.train:
        groups |= frequency_groups(train, gold, no_relation=none)
    if inputs.relations is not None:
        groups["chosen"] = inputs.relations
    scores = scores_by_group(predictions, gold, groups, no_relation=none)
    return {
        name: asdict(of.micro) | {"macro_f1": of.macro_f1, "relations": of.relations} for name, of in scores.items()
    }


def _semeval(inputs: Inputs) -> dict[str, Any]:
    gold = read_semeval_gold(inputs.gold)
    scores = semeval_scores(read_semeval_labels(inputs.predictions, among=gold), gold)
    results: dict[str, Any] = {
        "official_macro_f1": scores.official.macro_f1,
        "accuracy": scores.accuracy,
        "answered": scores.answered,
        "items": scores.items,
    }
    for name in ("official", "directed", "undirected"):
        averages = asdict(getattr(scores, name))
        results[name] = averages.pop("micro") | averages
    return results | {"by_relation": results["official"].pop("by_relation")}


def _tacred(inputs: Inputs) -> dict[str, Any]:
    predictions, gold = _labels(inputs)
    none = inputs.none("no_relation")
    inputs.note_none_names(gold, none)
    return asdict(tacred_scores(predictions, gold, no_relation=none)) | {"items": len(gold)}


def _accuracy(inputs: Inputs) -> dict[str, Any]:
    predictions, gold = _labels(inputs)
    inputs.note_none_names(gold, inputs.no_relation)
    scores = asdict(sentence_scores(predictions, gold, no_relation=inputs.no_relation))
    return {
        "accuracy": scores["accuracy"],
        **scores["micro"],
        "macro_f1": scores["macro_f1"],
        "items": len(gold),
        "by_relation": scores["by_relation"],
    }


def _bag(inputs: Inputs) -> dict[str, Any]:
    none = inputs.none("NA")
    candidates, scores = read_bag_predictions(inputs.predictions)
    gold = bag_facts(inputs.documents(inputs.gold), no_relation=none)
    inputs.note_none_names({fact[2] for fact in gold}, none)
    if not gold:
        raise FormatError(f"{inputs.gold}: expected labels to score against, got none; give the labelled file")
    metrics = asdict(bag_scores(candidates, scores, gold, no_relation=none))
    at = {f"precision_at_{n}": value for n, value in metrics.pop("precision_at").items()}
    return {"auc": metrics.pop("auc"), **at, "precision_at_mean": metrics.pop("precision_at_mean"), **metrics}


def _labels(inputs: Inputs) -> tuple[list[str], list[str]]:
    """Reads the predicted labels, one per line, and the gold labels: one per line, or a file of sentences.

    Raises:
        FormatError: a document does not have exactly one label, or the numbers of labels differ.
    """
    predictions, gold = read_labels(inputs.predictions), _gold_labels(inputs)
    if len(predictions) != len(gold):
        raise FormatError(
            f"{inputs.predictions}: expected {len(gold)} labels, one for each of {inputs.gold}, "
            f"got {len(predictions)}; write one label per line, in the order of the gold file"
        )
    return predictions, gold


def _gold_labels(inputs: Inputs) -> list[str]:
    lines = _lines_or_none(inputs.gold)
    if lines is not None:
        return lines
    labels = []
    for number, document in enumerate(inputs.documents(inputs.gold), start=1):
        if len(document.labels) != 1:
            raise FormatError(
                f"{inputs.gold}: document {number} ('{document.title}'): expected one label, got "
                f"{len(document.labels)}; --metric docred scores documents of several"
            )
        labels.append(document.labels[0].relation)
    return labels


def _lines_or_none(path: Path) -> list[str] | None:
    """Returns the labels of a file with one per line; None for JSON or binary files.

    Raises:
        FormatError: the file cannot be read, or a line is empty.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        start = b""  # the reader raises the error
    return None if start[:1] in (b"[", b"{") or b"\0" in start else read_labels(path)


METRICS: Mapping[str, Callable[[Inputs], dict[str, Any]]] = {
    "docred": _docred,
    "semeval": _semeval,
    "tacred": _tacred,
    "accuracy": _accuracy,
    "bag": _bag,
}
"""The metrics of ``evaluate_files``, by name."""
