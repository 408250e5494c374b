"""Files of predictions scored against files of gold: what ``finecl evaluate PREDICTIONS GOLD`` does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
from finecl.types import Document


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The files of one evaluation. ``train``, ``distant`` and ``relations`` are for the metric docred only.

    ``no_relation`` None is the metric's own: "no_relation" in DocRED and TACRED, "NA" in bags, none for accuracy.
    """

    predictions: Path
    gold: Path
    registry: Registry
    train: Path | None = None
    distant: Path | None = None
    relations: Collection[str] | None = None
    no_relation: str | None = None
    listener: Listener | None = None

    def documents(self, path: Path) -> DocumentFile:
        """The documents in a file, of whatever format.

        Raises:
            FormatError: no format recognises the file.
        """
        return DocumentFile.open(path, self.registry, listener=self.listener)


def evaluate_files(metric: str, inputs: Inputs) -> dict[str, Any]:
    """The numbers of a metric (one of ``METRICS``), nested by what they are of; fractions, 0 .. 1.

    Raises:
        FormatError: a file cannot be read, or the two do not fit together.
        SettingsError: something is given that the metric has no use for.
    """
    _check_use(metric, inputs)
    return METRICS[metric](inputs)


def _check_use(metric: str, inputs: Inputs) -> None:
    given = {"--train": inputs.train, "--distant": inputs.distant, "--relations": inputs.relations}
    idle = [name for name, value in given.items() if value is not None and metric != "docred"]
    # SemEval's and TACRED's scorers compare with a literal label.
    if inputs.no_relation is not None and metric in ("semeval", "tacred"):
        idle.append("--no-relation")
    if idle:
        raise SettingsError(f"--metric {metric} has no use for {', '.join(idle)}: leave it out")


def _docred(inputs: Inputs) -> dict[str, Any]:
    none = "no_relation" if inputs.no_relation is None else inputs.no_relation
    evidence = read_docred_results(inputs.predictions)
    gold = list(inputs.documents(inputs.gold))
    train = list(inputs.documents(inputs.train)) if inputs.train else []
    told: dict[str, Any] = asdict(docred_scores(evidence, gold, docred_facts_in_train(train), no_relation=none))
    if not inputs.train:
        told = {name: value for name, value in told.items() if name not in _OF_TRAIN}
    if inputs.distant:
        facts = docred_facts_in_train(inputs.documents(inputs.distant))
        distant = docred_scores(evidence, gold, facts, no_relation=none)
        told |= {"ign_distant_precision": distant.ign_precision, "ign_distant_f1": distant.ign_f1}
    macro = macro_scores(evidence, gold, no_relation=none)
    return told | {
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
    found = scores_by_group(predictions, gold, groups, no_relation=none)
    return {name: asdict(of.micro) | {"macro_f1": of.macro_f1, "relations": of.relations} for name, of in found.items()}


def _semeval(inputs: Inputs) -> dict[str, Any]:
    gold = read_semeval_gold(inputs.gold)
    found = semeval_scores(read_semeval_labels(inputs.predictions, among=gold), gold)
    told: dict[str, Any] = {
        "official_macro_f1": found.official.macro_f1,
        "accuracy": found.accuracy,
        "answered": found.answered,
        "items": found.items,
    }
    for name in ("official", "directed", "undirected"):
        averages = asdict(getattr(found, name))
        told[name] = averages.pop("micro") | averages
    return told | {"by_relation": told["official"].pop("by_relation")}


def _tacred(inputs: Inputs) -> dict[str, Any]:
    predictions, gold = _labels(inputs)
    return asdict(tacred_scores(predictions, gold)) | {"items": len(gold)}


def _accuracy(inputs: Inputs) -> dict[str, Any]:
    predictions, gold = _labels(inputs)
    found = asdict(sentence_scores(predictions, gold, no_relation=inputs.no_relation))
    return {
        "accuracy": found["accuracy"],
        **found["micro"],
        "macro_f1": found["macro_f1"],
        "items": len(gold),
        "by_relation": found["by_relation"],
    }


def _bag(inputs: Inputs) -> dict[str, Any]:
    none = "NA" if inputs.no_relation is None else inputs.no_relation
    candidates, scores = read_bag_predictions(inputs.predictions)
    gold = bag_facts(inputs.documents(inputs.gold), no_relation=none)
    found = asdict(bag_scores(candidates, scores, gold, no_relation=none))
    at = {f"precision_at_{n}": value for n, value in found.pop("precision_at").items()}
    return {"auc": found.pop("auc"), **at, "precision_at_mean": found.pop("precision_at_mean"), **found}


def _labels(inputs: Inputs) -> tuple[list[str], list[str]]:
    """Predictions, one a line, and gold likewise or in a file of sentences.

    Raises:
        FormatError: a document has not just one label, or there are not as many of one as of the other.
    """
    predictions, gold = read_labels(inputs.predictions), _gold_labels(inputs)
    if len(predictions) != len(gold):
        raise FormatError(
            f"{inputs.predictions}: expected {len(gold)} labels, one for each of {inputs.gold}, "
            f"got {len(predictions)}; write one label a line, in the order of the gold file"
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
    """The labels of a file that has one a line; None if it is something else: JSON, or no text.

    Raises:
        FormatError: the file cannot be read, or a line is empty.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        start = b""  # the reader says what is wrong
    return None if start[:1] in (b"[", b"{") or b"\0" in start else read_labels(path)


METRICS: Mapping[str, Callable[[Inputs], dict[str, Any]]] = {
    "docred": _docred,
    "semeval": _semeval,
    "tacred": _tacred,
    "accuracy": _accuracy,
    "bag": _bag,
}
"""What ``evaluate_files`` knows, by name."""
