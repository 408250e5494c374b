"""Recorded dynamics equal their definition, computed one instance at a time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from finecl_extractors.bilinear import Bilinear
from hypothesis import given
from hypothesis import strategies as st

from finecl.config.schema import ProxySettings
from finecl.errors import TrainingError
from finecl.extraction.examples import ExtractionDataset
from finecl.scoring.dynamics import Recorder, label_dynamics
from finecl.scoring.proxy import train_proxy
from finecl.tokens.candidate_pairs import CandidatePairs
from finecl.types import Dynamics, Evidence, first_epoch
from tests.conftest import LoadTiny
from tests.helpers import tiny

Record = Literal["batch", "epoch"]
RELATIONS = 4  # and no-relation as the last
LABELS = st.lists(st.booleans(), min_size=RELATIONS, max_size=RELATIONS).filter(any)
LOGIT = st.integers(-60, 60).map(lambda n: n / 10)
LOGITS = st.lists(LOGIT, min_size=RELATIONS + 1, max_size=RELATIONS + 1, unique=True)


@given(st.lists(st.tuples(LOGITS, LABELS), min_size=1, max_size=4))
def test_dynamics_equal_their_definitions(pairs: list[tuple[list[float], list[bool]]]) -> None:
    instances = [(p, r) for p, (_, labels) in enumerate(pairs) for r, carried in enumerate(labels) if carried]
    logits = torch.tensor([row for row, _ in pairs])
    multi_hot = torch.tensor([[float(c) for c in labels] + [0.0] for _, labels in pairs])
    columns = label_dynamics(logits, multi_hot, *(torch.tensor(column) for column in zip(*instances, strict=True)))
    for i, (p, r) in enumerate(instances):
        row, carried = pairs[p][0], [*pairs[p][1], False]
        rivals = [value for value, its in zip(row, carried, strict=True) if not its]
        confidence = math.exp(row[r]) / (math.exp(row[r]) + sum(map(math.exp, rivals)))
        assert bool(columns["correct"][i]) == (row[r] > max(rivals))
        assert bool(columns["top"][i]) == (row[r] == max(row))
        assert columns["confidence"][i].item() == pytest.approx(confidence, rel=1e-4)
        assert columns["margin"][i].item() == pytest.approx(row[r] - max(rivals), abs=1e-4)
        assert columns["loss"][i].item() == pytest.approx(-math.log(confidence), rel=1e-4, abs=1e-6)


def test_extreme_logits_stay_finite() -> None:
    logits = torch.tensor([[500.0, -500.0, 0.0], [-500.0, 500.0, 0.0]])
    labels = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    columns = label_dynamics(logits, labels, torch.tensor([0, 1]), torch.tensor([0, 0]))
    assert columns["confidence"].tolist() == [1.0, 0.0]
    assert columns["loss"].tolist() == [0.0, 1000.0]
    assert columns["margin"].tolist() == [500.0, -1000.0]


def test_half_precision_logits_are_compared_in_float32() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0]], dtype=torch.bfloat16)
    columns = label_dynamics(logits, torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([0]), torch.tensor([0]))
    assert columns["loss"].dtype == torch.float32
    assert columns["loss"].item() == pytest.approx(0.407606, abs=1e-5)


def test_dynamics_are_computed_on_the_device_of_the_logits() -> None:
    """Indices of pairs are created on the CPU; "meta" represents any other device."""
    logits, labels = torch.zeros(2, 3, device="meta"), torch.zeros(2, 3, device="meta")
    columns = label_dynamics(logits, labels, torch.tensor([0, 1]), torch.tensor([0, 0]))
    assert {column.device.type for column in columns.values()} == {"meta"}


def asked_of(instance: list[int], pair: list[int], relation: list[int]) -> CandidatePairs:
    nobody = np.zeros(2, dtype=np.int64)
    return CandidatePairs(
        document_P=nobody,
        head_P=nobody,
        tail_P=nobody,
        head_row_P=nobody,
        tail_row_P=nobody,
        instance_I=np.array(instance, dtype=np.int64),
        pair_I=np.array(pair, dtype=np.int64),
        relation_I=np.array(relation, dtype=np.int64),
    )


def test_unseen_instances_stay_empty_and_epochs_are_separate() -> None:
    recorder = Recorder(2, 4)
    logits, labels = torch.tensor([[3.0, 0.0, 1.0], [0.0, 2.0, 4.0]]), torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
    recorder.observe(1, asked_of([2, 0], [0, 1], [0, 1]), logits, labels)
    recorder.observe(1, asked_of([], [], []), logits, labels)
    d = recorder.dynamics
    assert d.correct.tolist() == [[False] * 4, [False, False, True, False]]
    assert d.margin[1].tolist() == [-2.0, -math.inf, 2.0, -math.inf]
    blank = Dynamics.empty(2, 4)
    for name, column in d.columns().items():
        assert (column[0] == blank.columns()[name][0]).all()
        assert (column[1, [1, 3]] == blank.columns()[name][1, [1, 3]]).all()
        assert column.dtype == blank.columns()[name].dtype
    assert first_epoch(d.correct).tolist() == [0, 0, 2, 0]


def test_evidence_of_a_mode_that_was_not_recorded_is_an_error() -> None:
    with pytest.raises(TrainingError, match=r"no batch-based dynamics: run with proxy\.record = 'both'"):
        Evidence().dynamics("batch")


def proxy_data(load_tiny: LoadTiny, directory: Path) -> tuple[Bilinear, ExtractionDataset]:
    torch.manual_seed(0)
    encoder, tokenizer = load_tiny()
    beyond = tiny.document("far", [" ".join(["Ada", *["the"] * tiny.LONGEST, "Euler"])], ["Ada", "Euler"], (0, "P0", 1))
    data = tiny.labelled([*tiny.documents(5), beyond], tokenizer, directory)
    return Bilinear(encoder, data.relations, projection=8, distance=2, loss="ce"), data


def test_every_instance_within_the_maximum_length_is_recorded_once_per_epoch(
    load_tiny: LoadTiny, tmp_path: Path
) -> None:
    extractor, data = proxy_data(load_tiny, tmp_path)
    settings = ProxySettings(num_train_epochs=3, batch_size=2, max_tokens=120, learning_rate=1e-3)
    run = train_proxy(extractor, data, settings, seed=1)
    for dynamics in (run.evidence.batch, run.evidence.epoch):
        assert dynamics is not None
        shown = np.isfinite(dynamics.loss)
        assert shown[:, :-1].all()
        assert not shown[:, -1].any()  # the tail of the last document lies beyond the encoder's maximum length
        assert (dynamics.confidence[shown] > 0).all()
        assert ((dynamics.margin > 0) == dynamics.correct).all()
    assert min(run.train_seconds, run.record_seconds, run.epoch_pass_seconds) > 0


@pytest.mark.parametrize(("record", "missing"), [("batch", "epoch"), ("epoch", "batch")])
def test_only_requested_dynamics_are_recorded(
    load_tiny: LoadTiny, tmp_path: Path, record: Record, missing: str
) -> None:
    extractor, data = proxy_data(load_tiny, tmp_path)
    settings = ProxySettings(num_train_epochs=1, record=record)
    evidence = train_proxy(extractor, data, settings, seed=1).evidence
    assert getattr(evidence, record) is not None
    assert getattr(evidence, missing) is None


def test_a_corpus_without_labels_is_an_error(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, tokenizer = load_tiny()
    data = tiny.labelled([tiny.document("none", ["Ada met Euler ."], ["Ada", "Euler"])], tokenizer, tmp_path)
    with pytest.raises(TrainingError, match="the silver corpus has no labels: nothing to score"):
        train_proxy(Bilinear(encoder, 1), data, ProxySettings(), seed=0)
