"""SSAN, ATLOP and DocRED's word models equal their formulas, evaluated pair by pair and token by token."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from finecl_extractors.adaptive import Adaptive
from finecl_extractors.heads import mean_entities
from finecl_extractors.ssan import SSAN, structures_of, token_means
from finecl_extractors.words import CNN, BiLSTM, read_embeddings
from torch import Tensor, nn

from finecl import registry
from finecl.config.schema import FinetuneSettings, ModelSettings
from finecl.errors import ModelError, SettingsError
from finecl.extraction.examples import ExtractionDataset, extraction_batch
from finecl.extraction.loop import train_on
from finecl.extraction.pair_scores import TorchBackend, score_pairs
from finecl.models.extractor import build_extractor, load_extractor, save_extractor
from finecl.types import Batch
from tests.conftest import LoadTiny
from tests.helpers import tiny

PEOPLE = ["Ada", "Curie", "Darwin"]
ALL = ("adaptive", "ssan", "cnn", "bilstm")


def read(
    load_tiny: LoadTiny, directory: Path, family: str = "bert", **settings: Any
) -> tuple[Any, Any, ExtractionDataset]:
    encoder, tokenizer = load_tiny(family, **settings)
    documents = [
        tiny.document("one", ["Ada met Curie and Ada", "Darwin saw Ada", "so did Curie"], PEOPLE, (0, "P0", 1)),
        tiny.document("two", ["Curie left", "Darwin and Curie met Ada"], PEOPLE, (1, "P1", 2)),
    ]
    return encoder, tokenizer, tiny.labelled(documents, tokenizer, directory)


def attention_bias(extractor: Any, batch: Batch) -> Any:
    """Returns the function that computes SSAN's attention bias."""
    structures = structures_of(batch)
    return lambda layer, document, q, k: extractor.layers[layer](q, k, structures[document])


def all_pairs(extractor: Any, data: ExtractionDataset) -> Batch:
    return extraction_batch(extractor, data, np.arange(len(data.tokens)), negatives=None, seed=0, epoch=0).batch


def _record_input(recorded: dict[str, Tensor], module: nn.Module, args: Any, kwargs: Any) -> None:
    """Records the input of an attention layer."""
    recorded["x"] = args[0] if args else kwargs["hidden_states"]


# ------------------------------------------------- SSAN


def plain_structure(batch: Batch) -> list[list[list[int]]]:
    """Computes the five structures for each token pair, as defined in the paper's Figure 2."""
    owner: dict[int, int] = {}
    ends = [*batch.offset_V.tolist()[1:], len(batch.member_M)]
    for entity, (begin, end) in enumerate(zip(batch.offset_V.tolist(), ends, strict=True)):
        for token in batch.member_M[begin:end].tolist():
            owner[token] = entity  # the last of several
    structures, first = [], 0
    for length in batch.lengths:
        rows = []
        for i in range(first, first + length):
            row = []
            for j in range(first, first + length):
                near = int(batch.sentence_T[i]) == int(batch.sentence_T[j])
                if i not in owner or (j not in owner and not near):
                    row.append(-1)
                elif j not in owner:
                    row.append(2)
                elif owner[i] == owner[j]:
                    row.append(0 if near else 3)
                else:
                    row.append(1 if near else 4)
            rows.append(row)
        structures.append(rows)
        first += length
    return structures


def test_structures_are_those_of_a_double_loop(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, _, data = read(load_tiny, tmp_path)
    batch = all_pairs(SSAN(encoder, data.relations), data)
    structures = [s.tolist() for s in structures_of(batch)]
    assert structures == plain_structure(batch)
    assert {t for s in structures for row in s for t in row} == {-1, 0, 1, 2, 3, 4}


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("family", ["bert", "roberta"])
@pytest.mark.parametrize("structure", ["biaffine", "decomposed"])
def test_attention_is_the_formula_token_by_token(
    at: int, family: str, structure: Any, load_tiny: LoadTiny, tmp_path: Path
) -> None:
    """In each layer, on its recorded input: alpha = softmax((q.k + sum_t M_t * (...)) / sqrt(d))."""
    encoder, _, data = read(load_tiny, tmp_path, family)
    torch.manual_seed(1)
    extractor: Any = SSAN(encoder, data.relations, structure=structure).eval()
    for layer in extractor.layers:
        nn.init.normal_(layer.bias)
    batch = all_pairs(extractor, data)
    recorded: dict[str, Tensor] = {}
    module = encoder.model.base_model.encoder.layer[at].attention.self
    handles = [
        module.register_forward_pre_hook(partial(_record_input, recorded), with_kwargs=True),
        module.register_forward_hook(lambda m, a, out: recorded.update(out=out[0])),
    ]
    with torch.no_grad():
        extractor(batch)
    for handle in handles:
        handle.remove()
    heads, width = encoder.attention_shape[1:]
    with torch.no_grad():
        q, k, v = ((part(recorded["x"][0])).view(-1, heads, width) for part in (module.query, module.key, module.value))
    layer, first = extractor.layers[at], 0
    for length, rows in zip(batch.lengths, plain_structure(batch), strict=True):
        for i in range(length):
            for h in range(heads):
                scores = []
                for j in range(length):
                    score, t = q[first + i, h] @ k[first + j, h], rows[i][j]
                    if t >= 0 and structure == "biaffine":
                        score = score + q[first + i, h] @ layer.matrix[t, h] @ k[first + j, h] + layer.bias[t, h]
                    elif t >= 0:
                        score = score + q[first + i, h] @ layer.of_query[t, h] + layer.of_key[t, h] @ k[first + j, h]
                        score = score + layer.bias[t, h]
                    scores.append(score / math.sqrt(width))
                alpha = torch.stack(scores).softmax(dim=0)
                expected = (alpha[:, None] * v[first : first + length, h]).sum(dim=0)
                actual = recorded["out"].reshape(-1, heads, width)[first + i, h]
                assert torch.allclose(actual, expected, atol=1e-5)
        first += length


@pytest.mark.parametrize("structure", ["biaffine", "decomposed"])
def test_every_part_of_ssan_learns(structure: Any, load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, _, data = read(load_tiny, tmp_path)
    extractor: Any = SSAN(encoder, data.relations, structure=structure, dropout=0.0)
    logits = extractor(all_pairs(extractor, data))
    (logits**2).sum().backward()
    for name, weight in extractor.layers.named_parameters():
        assert weight.grad is not None, name
        assert (weight.grad.flatten(1) != 0).any(dim=1).all(), name  # for each structure


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_without_structure_it_is_the_plain_encoder(family: str, load_tiny: LoadTiny, tmp_path: Path) -> None:
    for packing in ("on", "off"):
        encoder, _, data = read(load_tiny, tmp_path, family, packing=packing)
        extractor = SSAN(encoder, data.relations).eval()
        for parameter in extractor.layers.parameters():
            nn.init.zeros_(parameter)
        batch = all_pairs(extractor, data)
        with torch.no_grad():
            plain = encoder(batch)
            biased = encoder.with_attention_bias(batch, attention_bias(extractor, batch))
        assert torch.allclose(plain, biased, atol=1e-5)
        assert torch.allclose(encoder(batch), plain, atol=1e-6)  # the bias is removed afterwards


def test_entities_are_means_over_all_their_tokens(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, _, data = read(load_tiny, tmp_path)
    batch = all_pairs(SSAN(encoder, data.relations), data)
    states = torch.randn(sum(batch.lengths), 5)
    ends = [*batch.offset_V.tolist()[1:], len(batch.member_M)]
    for entity, (begin, end) in enumerate(zip(batch.offset_V.tolist(), ends, strict=True)):
        expected = states[batch.member_M[begin:end]].mean(dim=0)
        assert torch.allclose(token_means(states, batch)[entity], expected, atol=1e-6)
    assert torch.allclose(mean_entities(states, batch), encoder.entities(states, batch), atol=1e-6)


def test_attention_cannot_be_steered_when_it_is_computed_twice(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, _, data = read(load_tiny, tmp_path, gradient_checkpointing=True)
    extractor = SSAN(encoder, data.relations)
    with pytest.raises(ModelError, match=r"leave out model\.gradient_checkpointing"):
        extractor(all_pairs(extractor, data))


def test_the_width_of_adaptive_is_a_multiple_of_its_block(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, _, data = read(load_tiny, tmp_path)
    with pytest.raises(SettingsError, match=r"expected a multiple of extractor\.block = 64, got 100"):
        Adaptive(encoder, data.relations, width=100)


def test_a_saved_word_model_does_not_need_the_vectors_that_it_began_with(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, tokenizer, data = read(load_tiny, tmp_path)
    (tmp_path / "vectors.txt").write_text("ada 1 2 3\n")
    settings = {"width": 3, "embeddings": str(tmp_path / "vectors.txt")}
    extractor = build_extractor(registry.load(), "cnn", dict(settings), encoder, data.relations)
    card = {"extractor": "cnn", "settings": settings, "relations": list(data.instances.relations), "threshold": 0.0}
    save_extractor(extractor, tokenizer, card, tmp_path / "saved")
    (tmp_path / "vectors.txt").unlink()
    saved = load_extractor(tmp_path / "saved", registry.load(), ModelSettings(precision="float32", device="cpu"))
    assert torch.equal(saved.extractor.words.weight, extractor.words.weight)


def test_modernbert_is_refused(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, _, data = read(load_tiny, tmp_path, "modernbert")
    extractor = SSAN(encoder, data.relations)
    batch = all_pairs(extractor, data)
    with pytest.raises(ModelError, match="in models of the BERT and RoBERTa families only"):
        extractor(batch)


# ------------------------------------------------- ATLOP


def test_adaptive_logits_are_the_formula_pair_by_pair(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, _, data = read(load_tiny, tmp_path)
    extractor = Adaptive(encoder, data.relations, width=8, block=4).eval()
    batch = all_pairs(extractor, data)
    heads, width = encoder.attention_shape[1:]
    last = encoder.model.base_model.encoder.layer[-1].attention.self
    recorded: dict[str, Tensor] = {}
    handle = last.register_forward_pre_hook(partial(_record_input, recorded), with_kwargs=True)
    with torch.no_grad():
        logits = extractor(batch)
        states = encoder(batch)
        q, k = (part(recorded["x"][0]).view(-1, heads, width) for part in (last.query, last.key))
    handle.remove()
    ends = [*batch.offset_V.tolist()[1:], len(batch.member_M)]
    spans = list(zip(batch.offset_V.tolist(), ends, strict=True))
    begins = np.cumsum([0, *batch.lengths])
    for p, (h, t) in enumerate(zip(batch.head_P.tolist(), batch.tail_P.tolist(), strict=True)):
        sides, attends = [], []
        for entity in (h, t):
            tokens = batch.member_M[slice(*spans[entity])]
            document = int(np.searchsorted(begins, int(tokens[0]), side="right")) - 1
            window = slice(begins[document], begins[document + 1])
            sides.append(states[tokens].logsumexp(dim=0))
            weights = torch.stack(
                [
                    (torch.einsum("hd,lhd->hl", q[token], k[window]) / math.sqrt(width)).softmax(dim=1) * share
                    for token, share in zip(tokens.tolist(), batch.share_M[slice(*spans[entity])].tolist(), strict=True)
                ]
            ).sum(dim=0)
            attends.append(weights)
        shared = (attends[0] * attends[1]).sum(dim=0)
        context = (shared / shared.sum()) @ states[window]
        zh = torch.tanh(extractor.head(torch.cat([sides[0], context])))
        zt = torch.tanh(extractor.tail(torch.cat([sides[1], context])))
        products = [zh[g * 4 + i] * zt[g * 4 + j] for g in range(2) for i in range(4) for j in range(4)]
        expected = extractor.bilinear(torch.stack(products))
        assert torch.allclose(logits[p], expected, atol=1e-4)


def test_the_adaptive_threshold_loss_is_its_two_parts() -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 4, generator=rng)
    labels = torch.tensor([[1, 0, 0, 0], [0, 0, 0, 1], [1, 1, 0, 0], [0, 0, 0, 1], [1, 1, 1, 0], [0, 1, 0, 0.0]])
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        positive = [r for r in range(3) if label[r]]
        others = [r for r in range(3) if not label[r]]
        for r in positive:
            total -= math.log(math.exp(row[r]) / sum(math.exp(row[s]) for s in [*positive, 3]))
        total -= math.log(math.exp(row[3]) / sum(math.exp(row[s]) for s in [*others, 3]))
    loss = Adaptive.loss(None, logits, labels)  # type: ignore[arg-type]
    assert loss.total.item() == pytest.approx(total, rel=1e-5)
    assert loss.terms == 6


# ------------------------------------------------- words


@pytest.mark.parametrize("kind", [CNN, BiLSTM])
def test_word_models_read_each_document_by_itself(kind: Any, load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, _, data = read(load_tiny, tmp_path)
    extractor = kind(encoder, data.relations, width=6, hidden=5).eval()
    tokenizer = extractor.reader
    documents = tuple(torch.randn(n, 6) for n in (4, 9, 2))
    together = tokenizer(documents)
    alone = torch.cat([tokenizer((document,)) for document in documents])
    assert torch.allclose(together, alone, atol=1e-6)
    if kind is CNN:
        weight, bias = tokenizer.convolve.weight, tokenizer.convolve.bias
        padded = torch.cat([torch.zeros(1, 6), documents[1], torch.zeros(1, 6)])
        for at in range(9):
            window = padded[at : at + 3]
            expected = torch.relu(torch.stack([(weight[c] * window.T).sum() for c in range(5)]) + bias)
            assert torch.allclose(together[4 + at], expected, atol=1e-5)


def test_given_embeddings_stand_in_the_places_of_their_words(tmp_path: Path) -> None:
    vocabulary = ["[PAD]", "ada", "##met", "\u0120Zoe", "##s"]
    path = tmp_path / "vectors.txt"
    path.write_text("2 3\nada 1 2 3\nzoe 4 5 6\nunknown 7 8 9\nmet 0 0 1\n")
    words = nn.Embedding(5, 3)
    before = words.weight.detach().clone()
    assert read_embeddings(words, vocabulary, path) == 3
    assert words.weight[1].tolist() == [1, 2, 3]
    assert words.weight[3].tolist() == [4, 5, 6]
    assert words.weight[2].tolist() == [0, 0, 1]
    assert torch.equal(words.weight[[0, 4]], before[[0, 4]])
    for width in (2, 4):
        with pytest.raises(ModelError, match=rf"line 2: expected a word and {width} numbers .*, got 4 columns"):
            read_embeddings(nn.Embedding(5, width), vocabulary, path)
    path.write_text(". . . 1 1 1\nto ada@x.org 2 2 2\nada 3 3 3\n")  # as in glove.840B
    assert read_embeddings(words, vocabulary, path) == 1
    assert words.weight[1].tolist() == [3, 3, 3]
    path.write_text("ada 1 2 x\n")
    with pytest.raises(ModelError, match="expected words and their vectors as text"):
        read_embeddings(words, vocabulary, path)
    with pytest.raises(ModelError, match="expected words and their vectors as text"):
        read_embeddings(words, vocabulary, tmp_path / "nothing.txt")


# ------------------------------------------------- all of them


@pytest.mark.parametrize("name", ALL)
def test_each_learns_and_is_the_same_when_it_is_loaded(name: str, load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, tokenizer = load_tiny("bert")
    data = tiny.labelled(tiny.documents(12, labels=2), tokenizer, tmp_path)
    plugins = registry.load()
    small = {"adaptive": {"width": 16, "block": 4}, "cnn": {"width": 16}, "bilstm": {"width": 16}}.get(name, {})
    torch.manual_seed(0)
    extractor = build_extractor(plugins, name, dict(small), encoder, data.relations)
    before = extractor.loss(*_logits_and_labels(extractor, data)).total.item()
    settings = FinetuneSettings(num_train_epochs=12, batch_size=4, learning_rate=3e-3, negatives=1.0)
    train_on(extractor, data, settings, stage="test", seed=0)
    extractor.eval()
    assert extractor.loss(*_logits_and_labels(extractor, data)).total.item() < 0.7 * before
    card = {"extractor": name, "settings": small, "relations": list(data.instances.relations), "threshold": 0.0}
    save_extractor(extractor, tokenizer, card, tmp_path / "saved")
    saved = load_extractor(tmp_path / "saved", plugins, ModelSettings(precision="float32", device="cpu"))
    rows = tiny.evaluation(tiny.documents(12, labels=2), tokenizer, tmp_path).rows
    same, scores = (score_pairs(TorchBackend(e, None), rows) for e in (saved.extractor, extractor))
    assert same is not None
    assert scores is not None
    assert np.allclose(scores.scores_PR, same.scores_PR, atol=1e-5)


def _logits_and_labels(extractor: Any, data: ExtractionDataset) -> tuple[Tensor, Tensor]:
    q = extraction_batch(extractor, data, np.arange(len(data.tokens)), negatives=None, seed=0, epoch=0)
    with torch.no_grad():
        return extractor(q.batch), q.labels_PR
