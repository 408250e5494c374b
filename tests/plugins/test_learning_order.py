"""Learning order equals a slow re-implementation of the paper's two algorithms; the weights equal the paper's f(k)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finecl_extractors.bilinear import Bilinear
from finecl_learning_order.exponential import Exponential, Uniform
from finecl_learning_order.scorer import LearningOrder
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from finecl.config.schema import ProxySettings
from finecl.errors import TrainingError
from finecl.extraction.examples import ExtractionDataset, extraction_batch
from finecl.extraction.loop import Training
from finecl.progress import Listener
from finecl.scoring.proxy import train_proxy
from finecl.tokens.candidate_pairs import CandidatePairs
from finecl.types import Batch, Bools, Dynamics, Evidence, Floats, Instances, Ints
from tests.conftest import LoadTiny
from tests.helpers import tiny

EPOCHS = 6


def instances_of(relation: Ints, pair: Ints | None = None) -> Instances:
    count = np.arange(len(relation), dtype=np.int64)
    return Instances(
        uid=count.astype(np.uint64),
        document=count,
        head=count,
        tail=count + 1,
        relation=relation,
        pair=count if pair is None else pair,
        relations=tuple(f"P{i}" for i in range(int(relation.max(initial=0)) + 1)),
    )


def evidence_of(correct: Bools, top: Bools | None = None, **other: Bools) -> Evidence:
    def dynamics(correct: Bools, top: Bools) -> Dynamics:
        blank = np.zeros(correct.shape, dtype=np.float32)
        return Dynamics(correct=correct, top=top, confidence=blank, margin=blank, loss=blank)

    batch = dynamics(correct, correct if top is None else top)
    return Evidence(batch=batch, epoch=dynamics(other["epoch"], other["epoch"]) if "epoch" in other else None)


# ------------------------------------------------- the paper's algorithms, slowly


class Shadow:
    """Repeats the training with the same seed and records each instance's first epoch with a correct arg-max."""

    def __init__(self, load_tiny: LoadTiny, directory: Path) -> None:
        self.load, self.directory = load_tiny, directory
        self.settings = ProxySettings(
            num_train_epochs=EPOCHS, batch_size=4, max_tokens=150, learning_rate=4e-3, negatives=1.0, warmup_steps=0
        )

    def start(self) -> tuple[Any, ExtractionDataset]:
        torch.manual_seed(0)
        encoder, tokenizer = self.load(hidden_dropout=0.1)
        at = self.directory / f"{len(list(self.directory.iterdir()))}"
        data = tiny.labelled([d for d in tiny.documents(14, labels=3) if one_label_a_pair(d)], tokenizer, at)
        return Bilinear(encoder, data.relations, projection=16, distance=4, loss="ce"), data

    def predicted(self, logits: torch.Tensor, candidates: Any) -> Iterator[tuple[int, bool]]:
        for instance, pair, relation in zip(
            candidates.instance_I, candidates.pair_I, candidates.relation_I, strict=True
        ):
            row = logits[pair].tolist()
            yield int(instance), row.index(max(row)) == relation

    def orders(self) -> tuple[list[float], list[float]]:
        """Algorithm 1 (batch-based) and Algorithm 2 (epoch-based)."""
        extractor, data = self.start()
        by_batch, by_epoch = ([math.inf] * len(data.instances) for _ in range(2))

        def observe(epoch: int, candidates: Any, logits: torch.Tensor, _: torch.Tensor) -> None:
            for instance, correct in self.predicted(logits, candidates):
                if correct and math.isinf(by_batch[instance]):
                    by_batch[instance] = epoch + 1

        options: Any = {"stage": "proxy", "seed": 0, "listener": Listener(), "observe": observe}
        for epoch in Training(extractor=extractor, data=data, settings=self.settings, **options).epochs():
            extractor.eval()
            for number in range(len(data.tokens)):
                q = extraction_batch(extractor, data, np.array([number]), negatives=None, seed=0, epoch=0)
                with torch.no_grad():
                    logits = extractor(q.batch)
                for instance, correct in self.predicted(logits, q.pairs):
                    if correct and math.isinf(by_epoch[instance]):
                        by_epoch[instance] = epoch + 1
        return by_batch, by_epoch


def one_label_a_pair(document: Any) -> bool:
    return len({(label.head, label.tail) for label in document.labels}) == len(document.labels)


def test_both_orders_equal_the_slow_reimplementation(load_tiny: LoadTiny, tmp_path: Path) -> None:
    shadow = Shadow(load_tiny, tmp_path)
    extractor, data = shadow.start()
    evidence = train_proxy(extractor, data, shadow.settings, seed=0).evidence
    by_batch, by_epoch = shadow.orders()
    plain: Any = {"floor": 0.0, "epochs": EPOCHS}
    assert LearningOrder(mode="batch", **plain).score(data.instances, evidence).tolist() == by_batch
    assert LearningOrder(mode="epoch", **plain).score(data.instances, evidence).tolist() == by_epoch
    assert by_batch != by_epoch
    assert len(set(by_batch)) > 2
    # For pairs with one label the two definitions of "correct" coincide.
    assert evidence.batch is not None
    assert (evidence.batch.correct == evidence.batch.top).all()


class Recording(Bilinear):
    """Records its logits, with its mode and the sum of its weights at that time."""

    calls: list[tuple[torch.Tensor, bool, float]]

    def forward(self, batch: Batch) -> torch.Tensor:
        logits = super().forward(batch)
        self.calls.append((logits.detach(), self.training, self.weights()))
        return logits

    def weights(self) -> float:
        return sum(p.double().sum().item() for p in self.parameters())


def test_batch_dynamics_are_seen_on_the_training_pass_itself_before_the_update(
    load_tiny: LoadTiny, tmp_path: Path
) -> None:
    """Algorithm 1 uses the predictions that the loss is computed from: no separate pass, dropout on."""
    encoder, tokenizer = load_tiny(hidden_dropout=0.3)
    data = tiny.labelled(tiny.documents(6), tokenizer, tmp_path)
    extractor = Recording(encoder, data.relations, projection=8, distance=2)
    extractor.calls = []
    settings = ProxySettings(num_train_epochs=2, batch_size=3, max_tokens=100, warmup_steps=0)
    observed: list[torch.Tensor] = []

    def observe(epoch: int, candidates: CandidatePairs, logits: torch.Tensor, labels: torch.Tensor) -> None:
        output, training, weights = extractor.calls[-1]
        assert training
        assert torch.equal(output, logits)
        assert weights == extractor.weights()
        observed.append(logits)

    options: Any = {"stage": "proxy", "seed": 0, "listener": Listener(), "observe": observe}
    list(Training(extractor=extractor, data=data, settings=settings, **options).epochs())
    assert len(observed) == len(extractor.calls) > 8  # batches of more than max_tokens take several passes
    assert len({weights for *_, weights in extractor.calls}) == 4  # two updates an epoch, each after all its passes


def test_recording_epochs_does_not_change_the_training(load_tiny: LoadTiny, tmp_path: Path) -> None:
    shadow = Shadow(load_tiny, tmp_path)
    evidence = []
    for record in ("batch", "both"):
        extractor, data = shadow.start()
        settings = ProxySettings(**(vars(shadow.settings) | {"record": record}))
        evidence.append(train_proxy(extractor, data, settings, seed=0).evidence)
    assert evidence[0].batch is not None
    assert evidence[1].batch is not None
    for name, column in evidence[0].batch.columns().items():
        assert (column == evidence[1].batch.columns()[name]).all(), name
    assert evidence[0].epoch is None
    with pytest.raises(TrainingError, match="no epoch-based dynamics: run with"):
        LearningOrder(mode="epoch").score(data.instances, evidence[0])


# ------------------------------------------------- the scorer on tables


@st.composite
def tables(draw: st.DrawFn) -> tuple[Bools, Ints]:
    epochs, count = draw(st.integers(1, 6)), draw(st.integers(1, 30))
    correct = draw(hnp.arrays(np.bool_, (epochs, count), elements=st.sampled_from([False, False, True])))
    relation = draw(hnp.arrays(np.int64, count, elements=st.integers(0, 3)))
    return correct, relation


@given(tables(), st.integers(1, 8))
def test_the_order_is_the_first_right_epoch_among_the_first_k(case: tuple[Bools, Ints], k: int) -> None:
    correct, relation = case
    expected = [
        next((e + 1.0 for e in range(min(k, len(correct))) if correct[e, i]), math.inf) for i in range(len(relation))
    ]
    order = LearningOrder(epochs=k, floor=0.0).score(instances_of(relation), evidence_of(correct))
    assert order.dtype == np.float32
    assert order.tolist() == expected


@given(tables(), st.integers(1, 8), st.sampled_from([0.25, 0.5, 1.0]))
def test_the_floor_lifts_every_relation_and_touches_no_learned_instance(
    case: tuple[Bools, Ints], k: int, floor: float
) -> None:
    correct, relation = case
    instances, evidence = instances_of(relation), evidence_of(correct)
    plain = LearningOrder(epochs=k, floor=0.0).score(instances, evidence)
    lifted = LearningOrder(epochs=k, floor=floor).score(instances, evidence)
    assert (lifted[np.isfinite(plain)] == plain[np.isfinite(plain)]).all()
    last = min(k, len(correct))
    for code in set(relation.tolist()):
        after, before = lifted[relation == code], plain[relation == code]
        learned = int(np.isfinite(after).sum())
        assert learned == max(math.ceil(floor * len(after)), int(np.isfinite(before).sum()))
        assert all(1 <= order <= last and order == int(order) for order in after[np.isfinite(after)].tolist())
    again = LearningOrder(epochs=k, floor=floor).score(instances, evidence)
    assert lifted.tolist() == again.tolist()


def test_the_lifted_ones_are_spread_over_the_epochs_and_drawn_by_seed() -> None:
    relation = np.zeros(400, dtype=np.int64)
    evidence = evidence_of(np.zeros((4, 400), dtype=np.bool_))
    draws = [LearningOrder(seed=seed).score(instances_of(relation), evidence) for seed in (0, 1)]
    assert draws[0].tolist() != draws[1].tolist()
    counts = np.bincount(draws[0][np.isfinite(draws[0])].astype(int), minlength=5)
    assert counts[0] == 0
    assert counts[1:].sum() == 200
    assert counts[1:].min() > 30


def test_never_right_is_infinitely_noisy_and_the_mode_chooses_the_evidence() -> None:
    never, always = np.zeros((3, 2), dtype=np.bool_), np.ones((3, 2), dtype=np.bool_)
    instances = instances_of(np.zeros(2, dtype=np.int64))
    evidence = evidence_of(never, epoch=always)
    assert LearningOrder(floor=0.0).score(instances, evidence).tolist() == [math.inf, math.inf]
    assert LearningOrder(floor=0.0, mode="epoch").score(instances, evidence).tolist() == [1.0, 1.0]


def test_multi_label_pairs_any_looks_at_all_labels_sample_at_one_an_epoch() -> None:
    """The two labels of one pair rank above all others in each epoch; the arg-max is the first of them."""
    instances = instances_of(np.array([0, 1, 2]), pair=np.array([0, 0, 1]))
    epochs = 40
    correct = np.ones((epochs, 3), dtype=np.bool_)
    top = np.tile(np.array([True, False, True]), (epochs, 1))
    evidence = evidence_of(correct, top)
    both = LearningOrder(floor=0.0, epochs=epochs).score(instances, evidence)
    assert both.tolist() == [1.0, 1.0, 1.0]
    sampled = np.stack(
        [
            LearningOrder(floor=0.0, epochs=epochs, multi_label="sample", seed=s).score(instances, evidence)
            for s in range(60)
        ]
    )
    assert np.isinf(sampled[:, 1]).all()  # drawn, but never the arg-max
    assert (sampled[:, 2] == 1).all()  # the only label of its pair is always drawn
    drawn_in_epoch_1 = (sampled[:, 0] == 1).mean()
    assert 0.25 < drawn_in_epoch_1 < 0.75  # one of two
    assert sampled[:, 0].max() > 2


# ------------------------------------------------- the weightings


def test_the_table_of_f_of_the_facts() -> None:
    orders = np.arange(15, dtype=np.float32)  # the release counts epochs from 0
    first = [2.7183, 2.5309, 2.3564, 2.1940, 2.0427]
    plain, clamped = Exponential().weigh(orders), Exponential(clamp=5).weigh(orders)
    assert plain[:8].tolist() == pytest.approx([*first, 1.9019, 1.7708, 1.6487], abs=5e-5)
    assert plain[14] == 1
    assert clamped[:5].tolist() == pytest.approx(first, abs=5e-5)
    assert (clamped[5:] == 1).all()


NOISE = hnp.arrays(
    np.float32,
    st.integers(0, 30),
    elements=st.floats(allow_nan=False, width=32) | st.sampled_from([1.0, 2.0, math.inf, -math.inf]),
)
WEIGHTINGS = st.builds(
    Exponential,
    alpha=st.floats(1.0, 50.0),
    clamp=st.none() | st.floats(-10, 10),
    unlearned=st.sampled_from(["last", "drop"]),
) | st.builds(Uniform)


@given(NOISE, WEIGHTINGS)
def test_weights_are_finite_and_never_rise_with_noise(noise: Floats, weighting: Exponential | Uniform) -> None:
    weights = weighting.weigh(noise)
    assert weights.shape == noise.shape
    assert weights.dtype == np.float32
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    for a, b in np.ndindex(len(noise), len(noise)):
        if noise[a] < noise[b]:
            assert weights[a] >= weights[b]
        if noise[a] == noise[b]:
            assert weights[a] == weights[b]


@given(st.floats(-1e6, 1e6, width=32), st.integers(1, 9), WEIGHTINGS)
def test_equal_noise_weighs_one(noise: float, count: int, weighting: Exponential | Uniform) -> None:
    assert weighting.weigh(np.full(count, noise, dtype=np.float32)).tolist() == [1.0] * count


def test_the_cleanest_weighs_alpha_and_unlearned_ones_are_last_or_dropped() -> None:
    noise = np.array([3, 1, math.inf, 5], dtype=np.float32)
    weights = Exponential(alpha=4.0).weigh(noise)
    assert weights.tolist() == pytest.approx([2.0, 4.0, 1.0, 1.0])
    assert Exponential(alpha=4.0, unlearned="drop").weigh(noise).tolist() == pytest.approx([2.0, 4.0, 0.0, 1.0])


def test_with_one_epoch_what_was_learned_outweighs_what_was_not() -> None:
    """The paper's k = 1 (its ablation of k): subset A_1 and the rest."""
    noise = np.array([1, math.inf, 1], dtype=np.float32)
    assert Exponential(alpha=4.0).weigh(noise).tolist() == [4.0, 1.0, 4.0]
    nothing = np.full(2, math.inf, dtype=np.float32)
    assert Exponential().weigh(nothing).tolist() == [1.0, 1.0]
    assert Exponential(unlearned="drop").weigh(nothing).tolist() == [0.0, 0.0]


def test_pairs_without_a_label_weigh_alpha_to_the_exponent() -> None:
    assert Exponential().unscored == 1.0
    assert Exponential(no_relation=0.5).unscored == pytest.approx(1.648721)
    assert Uniform().unscored == 1.0
