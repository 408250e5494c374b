"""Tests of weighted labels in the training of extractors: gradients equal those of the weighted sum over pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from finecl import registry as plugins
from finecl.config.schema import ModelSettings
from finecl.corpus.corpus import Corpus
from finecl.errors import TrainingError
from finecl.extraction.examples import extraction_batch
from finecl.models.extractor import build_extractor
from finecl.models.pretrained import load_encoder
from finecl.pipeline.stages.training_data import held_out, label_weights
from tests.helpers import tiny


@pytest.mark.parametrize("name", ["bilinear", "concat", "adaptive"])
def test_gradients_are_those_of_the_weighted_sum_over_pairs(name: str, models: dict[str, Path], tmp_path: Path) -> None:
    encoder, tokenizer, _ = load_encoder(ModelSettings(name=str(models["bert"]), max_length=48), seed=0)
    data = tiny.labelled(tiny.documents(6), tokenizer, tmp_path)
    weight_I = np.linspace(0, 1, len(data.instances), dtype=np.float32)
    extractor = build_extractor(plugins.load(), name, {}, encoder, data.relations).eval()
    weighted = replace(data, weight_I=weight_I)
    documents = np.arange(len(data.tokens))
    q = extraction_batch(extractor, weighted, documents, negatives=1, seed=0, epoch=0)
    assert q.weight_P is not None
    expected_P = [
        max((weight_I[i] for p, i in zip(q.pairs.pair_I, q.pairs.instance_I, strict=True) if p == pair), default=1.0)
        for pair in range(len(q.pairs))
    ]
    assert q.weight_P.tolist() == pytest.approx(expected_P)
    logits_PR = extractor(q.batch).detach().requires_grad_()
    extractor.loss(q.weighted(logits_PR), q.labels_PR).total.backward()
    found_PR = logits_PR.grad
    single_PR = logits_PR.detach().requires_grad_()
    one_by_one = [
        weight * extractor.loss(single_PR[p : p + 1], q.labels_PR[p : p + 1]).total
        for p, weight in enumerate(expected_P)
    ]
    torch.autograd.backward(torch.stack(one_by_one).sum())
    torch.testing.assert_close(found_PR, single_PR.grad)


def test_labels_are_trimmed_or_weighted_by_the_probability_that_they_are_wrong() -> None:
    p_wrong = np.array([0.9, 0.5, 0.2, 0.0], dtype=np.float32)
    assert label_weights(p_wrong, "all").tolist() == [1, 1, 1, 1]
    assert label_weights(p_wrong, "trimmed").tolist() == [0, 0, 1, 1]
    assert label_weights(p_wrong, "weighted").tolist() == pytest.approx([0.1, 0.5, 0.8, 1.0])


def test_if_no_label_is_likely_right_half_of_them_count() -> None:
    assert label_weights(np.array([0.9, 0.8, 0.7, 0.6], dtype=np.float32), "trimmed").tolist() == [0, 0, 1, 1]


def test_a_tenth_is_held_out_from_the_cleaner_half_of_the_usable_documents(tmp_path: Path) -> None:
    corpus = Corpus.from_documents(tiny.documents(60, labels=3), tmp_path / "a.arrow")
    instances = corpus.instances(corpus.relations)
    p_wrong = (instances.document / 60).astype(np.float32)  # the first documents are the cleanest
    usable = np.unique(instances.document[p_wrong < 0.5])
    sampled = held_out(instances, p_wrong, 60, seed=3)
    assert len(sampled) == round(len(usable) / 10)
    assert set(sampled.tolist()) <= set(usable[: -(-len(usable) // 2)].tolist())
    assert held_out(instances, p_wrong, 60, seed=3).tolist() == sampled.tolist()
    few = Corpus.from_documents(tiny.documents(5), tmp_path / "b.arrow")
    with pytest.raises(TrainingError, match="expected 10 documents with labels that are likely right, got"):
        held_out(few.instances(few.relations), np.zeros(len(few.instances(few.relations)), dtype=np.float32), 5, 0)
