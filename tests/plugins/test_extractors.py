"""The bilinear extractor equals ERICA's code, and learns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finecl_extractors.bilinear import Bilinear
from finecl_extractors.concat import Concat
from finecl_extractors.heads import distance_buckets

from finecl.config.schema import ProxySettings
from finecl.distributed.parallel import Parallel
from finecl.distributed.process_group import Ranks
from finecl.extraction.examples import ExtractionDataset, extraction_batch
from finecl.extraction.loop import Training
from finecl.extraction.prediction import predict_logits
from finecl.progress import Listener
from tests.conftest import LoadTiny
from tests.helpers import tiny

SMALL: dict[str, Any] = {"projection": 8, "distance": 3}


def build(load_tiny: LoadTiny, directory: Path, **settings: Any) -> tuple[Bilinear, ExtractionDataset]:
    encoder, tokenizer = load_tiny()
    data = tiny.labelled(tiny.documents(8), tokenizer, directory)
    return Bilinear(encoder, data.relations, **SMALL | settings).eval(), data


def bucket(distance: int) -> int:
    """Buckets 0; 1; 2-3; 4-7; ...; >= 256, with the sign of the distance."""
    size = abs(distance)
    number = 0 if size == 0 else min(int(math.log2(size)) + 1, 9)
    return number if distance > 0 else -number


def test_distances_fall_into_signed_powers_of_two() -> None:
    distances = list(range(-600, 601))
    assert distance_buckets(torch.tensor(distances)).tolist() == [bucket(d) for d in distances]


def test_logits_are_those_of_the_formula_pair_by_pair(load_tiny: LoadTiny, tmp_path: Path) -> None:
    """ERICA projects each token before averaging; the extractor projects the averages."""
    extractor, data = build(load_tiny, tmp_path)
    q = extraction_batch(extractor, data, np.array([0, 3, 5]), negatives=None, seed=0, epoch=0)
    with torch.no_grad():
        logits = extractor(q.batch)
        encoder: Any = extractor.encoder
        projected = extractor.project(encoder(q.batch))
        rows = data.tokens.rows(np.array([0, 3, 5]))
        begins = np.cumsum(rows.lengths) - rows.lengths
        owner = np.repeat(np.arange(3), rows.mentions)
        for p in range(len(q.pairs)):
            sides = []
            for entity in (int(q.pairs.head_P[p]), int(q.pairs.tail_P[p])):
                document = int(q.pairs.document_P[p])
                mentions = np.flatnonzero((owner == document) & (rows.entity == entity))
                starts, ends = begins[document] + rows.start, begins[document] + rows.end
                means = [projected[starts[m] : ends[m]].mean(dim=0) for m in mentions]
                sides.append((torch.stack(means).mean(dim=0), int(rows.start[mentions].min())))
            (head, head_at), (tail, tail_at) = sides
            distances = extractor.pairs.distance(
                torch.tensor([10 + bucket(head_at - tail_at), 10 - bucket(head_at - tail_at)])
            )
            h, t = torch.cat([head, distances[0]]), torch.cat([tail, distances[1]])
            form = extractor.pairs.bilinear
            expected = torch.stack([h @ weight @ t for weight in form.weight]) + form.bias
            torch.testing.assert_close(logits[p], expected, rtol=1e-4, atol=1e-5)
    assert logits.shape == (len(q.pairs), data.relations)


def test_labels_are_multi_hot_and_pairs_without_one_are_no_relation(load_tiny: LoadTiny, tmp_path: Path) -> None:
    extractor, data = build(load_tiny, tmp_path)
    q = extraction_batch(extractor, data, np.arange(8), negatives=None, seed=0, epoch=0)
    i = data.instances
    labels = set(zip(*(c.tolist() for c in (i.document, i.head, i.tail, i.relation)), strict=True))
    for p in range(len(q.pairs)):
        pair = (int(q.pairs.document_P[p]), int(q.pairs.head_P[p]), int(q.pairs.tail_P[p]))
        expected = [float((*pair, r) in labels) for r in range(data.relations - 1)]
        assert q.labels_PR[p].tolist() == [*expected, float(not any(expected))]
    assert q.labels_PR[:, :-1].sum() == len(labels)
    assert (q.labels_PR.sum(dim=1) > 1).any()


def test_the_answers_of_a_document_do_not_depend_on_the_pass(load_tiny: LoadTiny, tmp_path: Path) -> None:
    extractor, data = build(load_tiny, tmp_path)

    def logits_by_pair(max_tokens: int) -> dict[tuple[int, int, int], torch.Tensor]:
        by_pair: dict[tuple[int, int, int], torch.Tensor] = {}
        for documents, candidates, logits, _ in predict_logits(
            extractor, data, np.arange(8), max_tokens=max_tokens, every_pair=True
        ):
            numbers = documents[candidates.document_P].tolist()
            pairs = zip(numbers, candidates.head_P.tolist(), candidates.tail_P.tolist(), strict=True)
            by_pair |= dict(zip(pairs, logits, strict=True))
        return by_pair

    together, alone = logits_by_pair(10_000), logits_by_pair(1)
    assert together.keys() == alone.keys()
    assert len(together) == sum(n * (n - 1) for n in data.tokens.entities.tolist())
    for pair, row in together.items():
        torch.testing.assert_close(row, alone[pair], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("loss", "total"), [("ce", 1.0), ("bce", None)])
def test_scores_are_probabilities_of_the_relations(
    load_tiny: LoadTiny, tmp_path: Path, loss: str, total: float | None
) -> None:
    extractor, data = build(load_tiny, tmp_path, loss=loss)
    logits = torch.randn(5, data.relations)
    scores = extractor.scores(logits)
    assert scores.shape == (5, data.relations - 1)
    assert ((scores > 0) & (scores < 1)).all()
    if total:
        assert (scores.sum(dim=1) < total).all()
    else:
        torch.testing.assert_close(scores, 1 / (1 + torch.exp(-logits[:, :-1])))


@pytest.mark.parametrize("loss", ["ce", "bce"])
def test_it_learns_its_training_labels(load_tiny: LoadTiny, tmp_path: Path, loss: str) -> None:
    torch.manual_seed(0)
    extractor, data = build(load_tiny, tmp_path, loss=loss)
    settings = ProxySettings(num_train_epochs=25, batch_size=8, learning_rate=1e-2, warmup_steps=0)
    losses: list[float] = []

    class LossRecorder(Listener):
        def advance(self, amount: int, figures: str = "") -> None:
            losses.append(float(figures.split()[-1]))

    for _ in Training(
        extractor=extractor, data=data, settings=settings, stage="proxy", seed=0, listener=LossRecorder()
    ).epochs():
        pass
    assert len(losses) == 25
    assert losses[-1] < 0.5 * losses[0]


def test_gradients_and_loss_of_a_step_do_not_depend_on_max_tokens(load_tiny: LoadTiny, tmp_path: Path) -> None:
    torch.manual_seed(0)
    extractor, data = build(load_tiny, tmp_path)
    steps: list[tuple[float, int, dict[str, torch.Tensor]]] = []
    passes: list[int] = []
    for max_tokens in (10_000, 100, 1):
        passes.clear()
        settings = ProxySettings(max_tokens=max_tokens, negatives=1.0)
        training = Training(
            extractor=extractor,
            data=data,
            settings=settings,
            stage="proxy",
            seed=0,
            listener=Listener(),
            observe=lambda *arguments: passes.append(arguments[0]),
        )
        loss = training._step(Parallel(extractor, Ranks()), np.arange(8), 0, 0)
        steps.append((loss, len(passes), {n: p.grad for n, p in extractor.named_parameters() if p.grad is not None}))
        extractor.zero_grad()
    assert steps[0][1] == 1 < steps[1][1] < steps[2][1] == 8
    for loss, _, gradients in steps[1:]:
        assert loss == pytest.approx(steps[0][0], rel=1e-5)
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, steps[0][2][name], rtol=1e-4, atol=1e-5, msg=name)


def test_concat_is_a_perceptron_on_head_tail_and_distance(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, tokenizer = load_tiny()
    data = tiny.labelled(tiny.documents(8), tokenizer, tmp_path)
    extractor = Concat(encoder, data.relations, hidden=7, distance=3).eval()
    q = extraction_batch(extractor, data, np.array([0, 3, 5]), negatives=None, seed=0, epoch=0)
    with torch.no_grad():
        entities, start = encoder.entities(encoder(q.batch), q.batch), q.batch.start_V
        for p, logits in enumerate(extractor(q.batch)):
            head, tail = int(q.batch.head_P[p]), int(q.batch.tail_P[p])
            distance = extractor.distance.weight[10 + bucket(int(start[head] - start[tail]))]
            pair = torch.cat([entities[head], entities[tail], distance])
            expected = extractor.classify(torch.nn.functional.gelu(extractor.hidden(pair)))
            torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
