"""Training and dev data of the extractors: gold documents, or without any, silver documents by their scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from finecl.artifacts.run_directory import RunDirectory
from finecl.artifacts.scores_table import find_rows, read_wrong_probabilities
from finecl.corpus.corpus import Corpus
from finecl.errors import TrainingError
from finecl.extraction.evaluation_data import EvaluationDataset
from finecl.extraction.examples import ExtractionDataset
from finecl.numerics.ragged import find
from finecl.types import Bools, Floats, Instances, Ints

if TYPE_CHECKING:
    from finecl.pipeline.run_data import RunData
    from finecl.pipeline.run_spec import RunSpec

_DEV = 0.1  # share of the silver documents that is held out to choose the epoch and the threshold
_WRONG = 0.5  # labels that are at least so probably wrong are trimmed, and are not gold in dev


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What an extractor is trained on, what its epoch and its threshold are chosen on, and the training documents."""

    train: ExtractionDataset
    dev: EvaluationDataset
    documents: Corpus


def training_data(spec: RunSpec, data: RunData, files: RunDirectory) -> TrainingData:
    """Returns the gold documents of the run, or without any, its silver documents (setting ``finetune.silver``).

    Raises:
        TrainingError: there are too few silver documents to hold some out.
    """
    chosen = spec.settings.finetune
    input_format = spec.input_format(chosen.extractor)
    if data.corpora.has_gold:
        train = data.dataset("train", input_format)
        return TrainingData(train=train, dev=data.evaluation("dev"), documents=data.corpora.train)
    corpus, instances = data.corpora.silver, data.dataset("silver").instances
    p_wrong = read_wrong_probabilities(files.scores, instances.uid)
    dev = held_out(instances, p_wrong, len(corpus), spec.settings.seed)
    rest = np.setdiff1d(np.arange(len(corpus)), dev)
    silver = data.dataset("silver", input_format)
    weight = label_weights(p_wrong, chosen.silver)[find_rows(instances.uid, silver.instances.uid)]
    train = replace(silver, weight_I=weight).part(rest)
    position = find(dev, instances.document)
    right: Bools = (position >= 0) & likely_right(p_wrong)
    evaluated = data.evaluation_of(corpus.select(dev), instances.part(right, document=position))
    return TrainingData(train=train, dev=evaluated, documents=corpus.select(rest))


def label_weights(p_wrong: Floats, how: str) -> Floats:
    """Returns the weight of each label in training ``[N]``: 1, 1 - p_wrong, or 1 if it is likely right and else 0."""
    if how == "all":
        return np.ones(len(p_wrong), dtype=np.float32)
    return np.asarray(1.0 - p_wrong if how == "weighted" else likely_right(p_wrong), dtype=np.float32)


def likely_right(p_wrong: Floats) -> Bools:
    """Returns which labels are more likely right than wrong ``[N]``; if none is, the half least likely wrong."""
    right: Bools = p_wrong < _WRONG
    return right if right.any() else p_wrong <= np.median(p_wrong)


def held_out(instances: Instances, p_wrong: Floats, documents: int, seed: int) -> Ints:
    """Returns a random tenth of the documents that have a label which is likely right.

    They are sampled from the half of these documents whose labels are on average least likely wrong.

    Raises:
        TrainingError: there are fewer than 10 such documents.
    """
    count_D = np.bincount(instances.document, minlength=documents)
    usable = np.unique(instances.document[likely_right(p_wrong)])
    if len(usable) < 1 / _DEV:
        expected = "10 documents with labels that are likely right"
        raise TrainingError(f"fine-tuning on silver labels: expected {expected}, got {len(usable)}; add documents")
    mean_D = np.bincount(instances.document, weights=p_wrong, minlength=documents) / np.maximum(count_D, 1)
    cleanest = usable[np.argsort(mean_D[usable], kind="stable")][: -(-len(usable) // 2)]
    sampled: Ints = np.sort(np.random.default_rng(seed).permutation(cleanest)[: round(_DEV * len(usable))])
    return sampled
