"""Tests that a pre-training step is a sum over terms divided by their number, however it is split into passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from finecl_erica.entity_discrimination import EntityDiscrimination
from finecl_erica.relation_discrimination import RelationDiscrimination
from torch import Tensor

from finecl.config.schema import PretrainSettings
from finecl.distributed.parallel import Parallel
from finecl.distributed.process_group import Ranks
from finecl.errors import TrainingError
from finecl.models.encoder import Encoder
from finecl.pretraining.contrast_groups import SilverData, UnitRows
from finecl.pretraining.gradient_cache import _represent
from finecl.pretraining.loop import pretrain, train_step
from finecl.pretraining.micro_batch import PretrainingModel
from finecl.pretraining.step_plan import MLM, GroupBatch, PretrainingTask, count_terms
from finecl.testing import samples
from finecl.tokens.token_table import reached
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.training.optimizer import NotFiniteError
from finecl.types import Objective
from tests.conftest import LoadTiny
from tests.helpers import tiny

COEFFICIENTS = {"entity-discrimination": 0.5, "relation-discrimination": 2.0, MLM: 0.25}
SETTINGS = PretrainSettings(
    batch_size=8, max_steps=3, contrast_group=4, no_relation_pairs=3, warmup_steps=0, learning_rate=1e-3
)


@pytest.fixture(scope="module")
def silver(load_tiny: LoadTiny, tmp_path_factory: pytest.TempPathFactory) -> SilverData:
    _, tokenizer = load_tiny()
    data = tiny.labelled(tiny.documents(12), tokenizer, tmp_path_factory.mktemp("step"))
    rng = np.random.default_rng(0)
    weight = np.where(rng.random(len(data.instances)) < 0.2, 0, rng.uniform(1, np.e, len(data.instances)))
    return SilverData(
        tokens=data.tokens,
        instances=data.instances,
        weight=weight.astype(np.float32),
        unscored=1.0,
        relation_tokens=[tokenizer.encode(name) for name in data.instances.relations],
        usable=reached(data.instances, data.tokens) & (weight > 0),
    )


def prepared(
    silver: SilverData, tokenizer: DocumentTokenizer, settings: PretrainSettings = SETTINGS, *, seed: int = 0
) -> PretrainingTask:
    objectives: dict[str, Objective] = {
        "entity-discrimination": EntityDiscrimination(temperature=0.5),
        "relation-discrimination": RelationDiscrimination(temperature=0.5),
    }
    return PretrainingTask(
        silver=silver,
        tokenizer=tokenizer,
        settings=settings,
        objectives=objectives,
        coefficients=COEFFICIENTS,
        seed=seed,
    )


def gradients(encoder: Encoder) -> dict[str, Tensor]:
    gradient_by_name = {name: p.grad.clone() for name, p in encoder.named_parameters() if p.grad is not None}
    encoder.zero_grad()
    return gradient_by_name


def alone(encoder: Encoder) -> Parallel:
    return Parallel(PretrainingModel(encoder), Ranks())


def total_of(encoder: Encoder, work: GroupBatch, name: str) -> Tensor:
    """Computes the summed loss of a group directly from the encoder's states."""
    nobody = np.zeros(0, dtype=np.int64)
    ids = work.masked.ids_T
    batch = work.group.packed.batch(nobody, nobody, first_position=encoder.first_position, ids_T=ids)
    states = encoder(batch)
    if name == MLM:
        masked = (torch.from_numpy(a) for a in (work.masked.position_I, work.masked.label_I))
        return encoder.mlm_loss(states, *masked).total
    entities = encoder.entities(states, batch)
    (term,) = [t for t in work.terms if t.name == name]
    x, y = (
        torch.cat([entities[torch.from_numpy(r)] for r in rows.entity_rows], dim=1)
        for rows in (term.anchors, term.candidates)
    )
    return term.objective.loss(x, y, term.pairs, term.anchors.table, term.candidates.table).total


def test_gradients_are_those_of_one_sum_over_all_terms(load_tiny: LoadTiny, silver: SilverData) -> None:
    encoder, tokenizer = load_tiny()
    run = prepared(silver, tokenizer)
    work = list(run.group_batches(0))
    assert len(work) == 4  # two contrast groups of plain documents, two of queried ones
    losses = train_step(alone(encoder), run, work)
    in_passes = gradients(encoder)

    whole, means = torch.zeros(()), {}
    for name, coefficient in COEFFICIENTS.items():
        groups = [w for w in work if name == MLM or any(t.name == name for t in w.terms)]
        pairs = {MLM: [len(w.masked.label_I) for w in work]}.get(
            name, [t.pairs.terms for w in groups for t in w.terms if t.name == name]
        )
        mean = torch.stack([total_of(encoder, w, name) for w in groups]).sum() / sum(pairs)
        means[name] = mean.item()
        whole = whole + coefficient * mean
    torch.autograd.backward(whole)
    assert losses == pytest.approx(means, rel=1e-5)
    at_once = gradients(encoder)
    assert in_passes.keys() == at_once.keys()
    for name, gradient in in_passes.items():
        torch.testing.assert_close(gradient, at_once[name], rtol=1e-4, atol=1e-5, msg=name)


def test_the_order_of_the_passes_does_not_matter(load_tiny: LoadTiny, silver: SilverData) -> None:
    encoder, tokenizer = load_tiny()
    run = prepared(silver, tokenizer)
    work = list(run.group_batches(1))
    forward = train_step(alone(encoder), run, work)
    first = gradients(encoder)
    assert train_step(alone(encoder), run, work[::-1]) == pytest.approx(forward, rel=1e-5)
    second = gradients(encoder)
    for name, gradient in first.items():
        torch.testing.assert_close(gradient, second[name], rtol=1e-4, atol=1e-5, msg=name)


def test_groups_with_different_numbers_of_terms_weigh_by_them(load_tiny: LoadTiny, silver: SilverData) -> None:
    """A mean of the groups' means would differ, because the groups have different numbers of terms."""
    encoder, tokenizer = load_tiny()
    run = prepared(silver, tokenizer)
    name = "relation-discrimination"
    for step in range(20):
        work = list(run.group_batches(step))
        terms = [t.pairs.terms for w in work for t in w.terms if t.name == name]
        if terms[0] != terms[1] and min(terms) > 0:
            break
    groups = [w for w in work if any(t.name == name for t in w.terms)]
    totals = [total_of(encoder, w, name).item() for w in groups]
    loss = train_step(alone(encoder), run, work)[name]
    assert loss == pytest.approx(sum(totals) / sum(terms), rel=1e-5)
    assert abs(loss - np.mean([t / n for t, n in zip(totals, terms, strict=True)])) > 1e-4
    assert count_terms(work)[name] == sum(terms)


def test_the_same_seed_gives_the_same_losses_and_weights(load_tiny: LoadTiny, silver: SilverData) -> None:
    logs, weights = [], []
    for seed in (3, 3, 4):
        encoder, tokenizer = load_tiny(hidden_dropout=0.1)
        logs.append(pretrain(encoder, prepared(silver, tokenizer, seed=seed)).losses)
        weights.append(torch.cat([p.detach().flatten() for p in encoder.parameters()]))
    assert logs[0] == logs[1] != logs[2]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert set(logs[0]) == set(COEFFICIENTS)


def test_work_is_a_pure_function_of_seed_and_step(load_tiny: LoadTiny, silver: SilverData) -> None:
    _, tokenizer = load_tiny()
    run, again = prepared(silver, tokenizer), prepared(silver, tokenizer)
    list(run.group_batches(0))  # earlier steps must not affect later ones
    for mine, theirs in zip(run.group_batches(5), again.group_batches(5), strict=True):
        assert mine.group.documents.tolist() == theirs.group.documents.tolist()
        assert mine.masked.ids_T.tolist() == theirs.masked.ids_T.tolist()
        for a, b in zip(mine.terms, theirs.terms, strict=True):
            assert a.pairs.negative_AK.tolist() == b.pairs.negative_AK.tolist()
            assert a.pairs.positive_AP.tolist() == b.pairs.positive_AP.tolist()


def test_a_step_holds_batch_size_documents_of_either_kind_and_an_epoch_holds_all(
    load_tiny: LoadTiny, silver: SilverData
) -> None:
    _, tokenizer = load_tiny()
    run = prepared(silver, tokenizer, replace(SETTINGS, batch_size=6))
    seen: list[int] = []
    for step in range(2):
        work = list(run.group_batches(step))
        plain = [w.group.documents.tolist() for w in work if "pair" in w.group.units]
        queried = [w.group.documents.tolist() for w in work if "query" in w.group.units]
        assert [len(g) for g in plain] == [len(g) for g in queried] == [4, 2]
        seen += [d for group in plain for d in group]
    assert sorted(seen) == list(range(12))


def test_training_lowers_every_loss(load_tiny: LoadTiny, silver: SilverData) -> None:
    encoder, tokenizer = load_tiny()
    settings = replace(SETTINGS, batch_size=12, max_steps=40, learning_rate=1e-2, warmup_steps=2)
    losses = pretrain(encoder, prepared(silver, tokenizer, settings)).losses
    for name, values in losses.items():
        known = [v for v in values if v is not None]
        assert np.mean(known[-10:]) < 0.97 * np.mean(known[:5]), name


def test_weights_decide_by_how_much_an_instance_moves_the_encoder(load_tiny: LoadTiny, silver: SilverData) -> None:
    """Doubling the weight of every instance doubles the weight of positives, which increases the gradients."""
    encoder, tokenizer = load_tiny()
    gradient_vectors = []
    for factor in (1.0, 2.0):
        heavier = replace(silver, weight=silver.weight * np.float32(factor), unscored=factor)
        run = prepared(heavier, tokenizer)
        coefficients = {"relation-discrimination": 1.0, "entity-discrimination": 0.0, MLM: 0.0}
        train_step(alone(encoder), replace(run, coefficients=coefficients), list(run.group_batches(0)))
        gradient_vectors.append(torch.cat([g.flatten() for g in gradients(encoder).values()]))
    assert gradient_vectors[1].norm() > 1.2 * gradient_vectors[0].norm()


def test_an_objective_without_positives_is_named(load_tiny: LoadTiny, silver: SilverData) -> None:
    encoder, tokenizer = load_tiny()
    run = prepared(silver, tokenizer, replace(SETTINGS, contrast_group=1, batch_size=2))
    lonely = {"relation-discrimination": run.objectives["relation-discrimination"]}
    dropped = replace(silver, weight=np.zeros_like(silver.weight), usable=np.zeros_like(silver.usable))
    with pytest.raises(TrainingError, match="'relation-discrimination' found no positive pair in 3 steps"):
        pretrain(encoder, replace(run, silver=dropped, objectives=lonely))


def test_a_loss_that_is_not_a_number_is_an_error_that_holds_the_instances(
    load_tiny: LoadTiny, silver: SilverData
) -> None:
    encoder, tokenizer = load_tiny()
    with torch.no_grad():
        next(encoder.parameters()).fill_(torch.nan)
    with pytest.raises(NotFiniteError, match=r"pretrain: the loss is nan; lower pretrain\.learning_rate") as caught:
        pretrain(encoder, prepared(silver, tokenizer))
    known = set(silver.instances.uid.tolist())
    assert set(caught.value.uids.tolist()) <= known
    assert len(caught.value.uids)


def test_gradients_of_rows_that_are_picked_often_are_the_same_every_time() -> None:
    """Runs on two threads, unlike other tests: the order in which threads add to a row must not vary."""
    rng = np.random.default_rng(0)
    picked = UnitRows(table=samples.tables()["pair"], entity_rows=(rng.integers(0, 8, 8000), rng.integers(0, 8, 8000)))
    upstream = torch.from_numpy(rng.standard_normal((8000, 128), dtype=np.float32))
    results = []
    torch.set_num_threads(2)
    try:
        for _ in range(8):
            entities_VH = torch.zeros(8, 64, requires_grad=True)
            (_represent(entities_VH, picked) * upstream).sum().backward()  # type: ignore[no-untyped-call]
            assert entities_VH.grad is not None
            results.append(entities_VH.grad)
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(gradient, results[0]) for gradient in results)
    assert results[0].abs().max() > 1
