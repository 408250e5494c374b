"""Tests that packed documents have the states that transformers computes for each of them alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModel

from finecl.models.attention import choose_packing, packed_attention, with_lengths
from finecl.models.encoder import Encoder
from finecl.models.precision import Precision
from finecl.tokens.packing import pack
from finecl.tokens.token_table import TokenizedCorpus
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Batch
from tests.conftest import LoadTiny
from tests.helpers import tiny

NOBODY = np.zeros(0, dtype=np.int64)
TEXTS = ("Ada met Babbage .", "Curie", " ".join(["Darwin", *tiny.FILLERS * 2, "Euler"]), "Ada " * 60)


def read_texts(tokenizer: DocumentTokenizer, directory: Path) -> TokenizedCorpus:
    documents = [tiny.document(str(n), [text], [text.split()[0]]) for n, text in enumerate(TEXTS)]
    return tiny.labelled(documents, tokenizer, directory).tokens


def packed_batch(encoder: Encoder, tokens: TokenizedCorpus, numbers: list[int] | None = None) -> Batch:
    packed = pack(tokens.rows(np.array(numbers if numbers is not None else range(len(TEXTS)))))
    return packed.batch(NOBODY, NOBODY, first_position=encoder.first_position)


def alone(model: Any, batch: Batch) -> Tensor:
    """Returns the states that transformers computes for each document, without finecl's attention or positions."""
    with torch.no_grad():
        texts = torch.split(batch.input_ids[0], list(batch.lengths))
        return torch.cat([model(input_ids=ids[None]).last_hidden_state[0] for ids in texts])


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_packed_states_are_those_of_each_document_alone(
    load_tiny: LoadTiny, models: dict[str, Path], family: str, tmp_path: Path
) -> None:
    encoder, tokenizer = load_tiny(family)
    batch = packed_batch(encoder, read_texts(tokenizer, tmp_path))
    assert max(batch.lengths) > 4 * tiny.WINDOW  # local attention leaves something out
    assert batch.position_ids.min().item() == (2 if family == "roberta" else 0)
    theirs = AutoModel.from_pretrained(models[family], attn_implementation="sdpa").eval()
    with torch.no_grad():
        mine = encoder.eval()(batch)
    torch.testing.assert_close(mine, alone(theirs, batch), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_padded_and_checkpointed_passes_have_the_states_and_gradients_of_packed_ones(
    load_tiny: LoadTiny, family: str, tmp_path: Path
) -> None:
    results: list[tuple[Tensor, dict[str, Tensor]]] = []
    for settings in ({"packing": "on"}, {"packing": "off"}, {"packing": "on", "gradient_checkpointing": True}):
        encoder, tokenizer = load_tiny(family, **settings)
        assert encoder.packing == ("padded" if settings["packing"] == "off" else "loop")
        batch = packed_batch(encoder.train(), read_texts(tokenizer, tmp_path))
        states = encoder(batch)
        states.square().sum().backward()
        results.append((states, {n: p.grad for n, p in encoder.named_parameters() if p.grad is not None}))
    for states, gradients in results[1:]:
        torch.testing.assert_close(states, results[0][0], rtol=1e-4, atol=1e-4)
        for name, gradient in results[0][1].items():
            scale = max(gradient.abs().max().item(), 1)
            torch.testing.assert_close(gradients[name], gradient, rtol=1e-3, atol=1e-4 * scale, msg=name)


@pytest.mark.parametrize(
    ("packing", "device", "bf16", "dropout", "chosen"),
    [
        ("auto", "cpu", True, 0.0, "loop"),
        ("off", "cpu", True, 0.0, "padded"),
        ("auto", "cuda", True, 0.0, "varlen"),
        ("auto", "cuda", True, 0.1, "padded"),  # the kernel does not support dropout
        ("auto", "cuda", False, 0.0, "padded"),
        ("on", "cuda", False, 0.0, "loop"),
        ("off", "cuda", True, 0.0, "padded"),
    ],
)
def test_the_packing_that_the_hardware_can_do_is_chosen(
    packing: str, device: str, bf16: bool, dropout: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert choose_packing(packing, device, bf16=bf16, dropout=dropout) == chosen


def test_older_gpus_read_padded_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))
    assert choose_packing("auto", "cuda", bf16=True, dropout=0.0) == "padded"


def test_documents_are_told_apart_by_their_ends() -> None:
    arguments = with_lengths("varlen", (3, 5, 600), torch.device("cpu"))
    assert arguments["ends"].tolist() == [0, 3, 8, 608]
    assert arguments["ends"].dtype == torch.int32
    assert arguments["longest"] == 1024


def test_local_attention_is_local(load_tiny: LoadTiny, models: dict[str, Path], tmp_path: Path) -> None:
    """Without the window every layer would attend globally, and the states would differ."""
    encoder, tokenizer = load_tiny("modernbert")
    batch = packed_batch(encoder, read_texts(tokenizer, tmp_path), [2])
    wide = AutoModel.from_pretrained(models["modernbert"], local_attention=2 * tiny.LONGEST).eval()
    with torch.no_grad():
        assert (encoder.eval()(batch) - alone(wide, batch)).abs().max() > 1e-3


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_gradients_do_not_depend_on_the_pack(load_tiny: LoadTiny, family: str, tmp_path: Path) -> None:
    encoder, tokenizer = load_tiny(family)
    tokens = read_texts(tokenizer, tmp_path)
    encoder(packed_batch(encoder, tokens)).square().sum().backward()
    together = {name: p.grad.clone() for name, p in encoder.named_parameters() if p.grad is not None}
    encoder.zero_grad()
    for number in range(len(TEXTS)):
        encoder(packed_batch(encoder, tokens, [number])).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        if parameter.grad is not None:
            scale = together[name].abs().max().item()
            torch.testing.assert_close(together[name], parameter.grad, rtol=1e-3, atol=1e-5 * max(scale, 1), msg=name)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_document_does_not_see_its_neighbours(load_tiny: LoadTiny, family: str, tmp_path: Path) -> None:
    encoder, tokenizer = load_tiny(family)
    batch = packed_batch(encoder.eval(), read_texts(tokenizer, tmp_path))
    first = batch.lengths[0]
    with torch.no_grad():
        before = encoder(batch)
        batch.input_ids[0, first + 1] = tokenizer.mask
        after = encoder(batch)
    assert torch.equal(before[:first], after[:first])
    assert not torch.equal(before[first:], after[first:])


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_bf16_is_close_and_runs_the_plain_path(load_tiny: LoadTiny, family: str, tmp_path: Path) -> None:
    encoder, tokenizer = load_tiny(family)
    batch = packed_batch(encoder.eval(), read_texts(tokenizer, tmp_path))
    with torch.no_grad():
        full = encoder(batch)
        encoder.precision = Precision(device="cpu", bf16=True)
        half = encoder(batch).float()
    assert 0 < (full - half).abs().max() < 0.15 * full.abs().max()


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_bf16_rows_are_rounded_up_and_the_padding_is_not_learned_from(
    load_tiny: LoadTiny, family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: list[tuple[int, Tensor, dict[str, Tensor]]] = []
    for rows in (64, 1):
        monkeypatch.setattr("finecl.models.encoder._ROW_MULTIPLE", rows)
        encoder, tokenizer = load_tiny(family)
        encoder.precision = Precision(device="cpu", bf16=True)
        batch = packed_batch(encoder.train(), read_texts(tokenizer, tmp_path))
        seen: list[int] = []
        base: Any = encoder.model.base_model
        base.get_input_embeddings().register_forward_hook(lambda _m, _i, out, seen=seen: seen.append(out.shape[1]))
        states = encoder(batch)
        states.float().square().sum().backward()
        results.append((*seen, states, {n: p.grad for n, p in encoder.named_parameters() if p.grad is not None}))
    (rounded, states, gradients), (tokens, alone_states, alone_gradients) = results
    assert rounded == tokens + -tokens % 64 > tokens
    torch.testing.assert_close(states, alone_states, rtol=0.02, atol=0.02)
    for name, gradient in alone_gradients.items():
        scale = max(gradient.abs().max().item(), 1)
        torch.testing.assert_close(gradients[name], gradient, rtol=0.05, atol=0.02 * scale, msg=name)


@pytest.mark.parametrize("window", [None, 3, 100])
def test_plain_and_fused_attention_agree(window: int | None) -> None:
    q, k, v = (torch.randn(1, 2, 11, 8) for _ in range(3))
    how: Any = {"lengths": (4, 7), "scaling": 0.3, "sliding_window": window}
    fused, _ = packed_attention(torch.nn.Module(), q, k, v, None, **how)
    plain, _ = packed_attention(torch.nn.Module(), q.bfloat16(), k.bfloat16(), v.bfloat16(), None, **how)
    torch.testing.assert_close(plain.float(), fused, rtol=0.05, atol=0.05)
    expected = torch.zeros(11, 2, 8)
    for begin, end in ((0, 4), (4, 11)):
        for t in range(begin, end):
            seen = [s for s in range(begin, end) if window is None or abs(s - t) < window]
            for head in range(2):
                weights = torch.softmax(torch.stack([q[0, head, t] @ k[0, head, s] * 0.3 for s in seen]), dim=0)
                expected[t, head] = sum(w * v[0, head, s] for w, s in zip(weights, seen, strict=True))
    torch.testing.assert_close(fused[0], expected, rtol=1e-4, atol=1e-5)


def test_padded_input_is_refused(load_tiny: LoadTiny) -> None:
    encoder, _ = load_tiny()
    model: Any = encoder.model.base_model
    ids = torch.ones(2, 6, dtype=torch.int64)
    with pytest.raises(ValueError, match="one unpadded row whose documents add up to 6 tokens; got 2 rows"):
        model(input_ids=ids, lengths=(6,))
    with pytest.raises(ValueError, match="got 1 rows, lengths that add up to 5"):
        model(input_ids=ids[:1], lengths=(5,))
    q = torch.randn(1, 2, 6, 4)
    with pytest.raises(ValueError, match="unpadded"):
        packed_attention(torch.nn.Module(), q, q, q, torch.zeros(1, 1, 6, 6), lengths=(6,), scaling=1.0)


def test_entities_are_means_over_mentions_of_means_over_tokens(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, tokenizer = load_tiny("roberta")
    samples = tiny.documents(5)
    tokens = tiny.labelled(samples, tokenizer, tmp_path).tokens
    numbers = np.array([4, 0, 3])
    packed, rows = pack(tokens.rows(numbers)), tokens.rows(numbers)
    states = torch.randn(int(rows.lengths.sum()), tiny.WIDTH)
    entities_VH = encoder.entities(states, packed.batch(NOBODY, NOBODY, first_position=2))
    begin = at = row = 0
    for length, mentions, number in zip(rows.lengths, rows.mentions, numbers.tolist(), strict=True):
        for entity in range(len(samples[number].entities)):
            spans = [
                states[begin + rows.start[m] : begin + rows.end[m]].mean(dim=0)
                for m in range(at, at + mentions)
                if rows.entity[m] == entity
            ]
            assert len(spans) == len(samples[number].entities[entity].mentions)
            torch.testing.assert_close(entities_VH[row], torch.stack(spans).mean(dim=0), rtol=1e-5, atol=1e-6)
            row += 1
        begin, at = begin + int(length), at + int(mentions)
    assert row == len(entities_VH)
