"""Masked language modelling: which tokens are masked and how; the loss equals that over all positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from finecl.pretraining.mlm_masking import Masked, mask_tokens
from finecl.tokens.packing import Packed, pack
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Ints
from tests.conftest import LoadTiny
from tests.helpers import tiny

NOBODY = np.zeros(0, dtype=np.int64)
SHARE = 0.15


@pytest.fixture(scope="module")
def tokenizer(load_tiny: LoadTiny) -> DocumentTokenizer:
    return load_tiny()[1]


@pytest.fixture(scope="module")
def read(tokenizer: DocumentTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Token table of 30 documents."""
    return tiny.labelled(tiny.documents(30, words=25), tokenizer, tmp_path_factory.mktemp("mlm")).tokens


def masked(
    read: Any, tokenizer: DocumentTokenizer, documents: Ints, share: float = SHARE, **moment: int
) -> tuple[Packed, Masked]:
    packed = pack(read.rows(documents))
    return packed, mask_tokens(packed, documents, share, tokenizer, **{"seed": 0, "step": 0} | moment)


def open_tokens(packed: Packed, tokenizer: DocumentTokenizer) -> set[int]:
    """Returns the positions of tokens that are neither special nor in a mention, in a plain loop."""
    mentioned, special = set(packed.member_M.tolist()), set(tokenizer.special.tolist())
    return {t for t, token in enumerate(packed.ids_T.tolist()) if t not in mentioned and token not in special}


def test_with_probability_one_exactly_the_maskable_tokens_are_masked(read: Any, tokenizer: DocumentTokenizer) -> None:
    packed, masked_tokens = masked(read, tokenizer, np.arange(30), share=1.0)
    assert set(masked_tokens.position_I.tolist()) == open_tokens(packed, tokenizer)
    assert packed.member_M.size  # some tokens belong to mentions


def test_entities_and_special_tokens_keep_their_ids(read: Any, tokenizer: DocumentTokenizer) -> None:
    for step in range(20):
        packed, masked_tokens = masked(read, tokenizer, np.arange(30), step=step)
        assert set(masked_tokens.position_I.tolist()) <= open_tokens(packed, tokenizer)
        untouched = np.setdiff1d(np.arange(len(packed.ids_T)), masked_tokens.position_I)
        assert (masked_tokens.ids_T[untouched] == packed.ids_T[untouched]).all()
        assert (masked_tokens.label_I == packed.ids_T[masked_tokens.position_I]).all()


def test_15_percent_are_masked_in_proportions_80_10_10(read: Any, tokenizer: DocumentTokenizer) -> None:
    chosen = available = masks = unchanged = 0
    for step in range(60):
        packed, masked_tokens = masked(read, tokenizer, np.arange(30), step=step)
        now = masked_tokens.ids_T[masked_tokens.position_I]
        available += len(open_tokens(packed, tokenizer))
        chosen += len(now)
        masks += int((now == tokenizer.mask).sum())
        unchanged += int((now == masked_tokens.label_I).sum())
    random_hits = 1 / tokenizer.vocabulary  # the proportion of random tokens that are the mask or the same token
    for count, of, share in (
        (chosen, available, SHARE),
        (masks, chosen, 0.8 + 0.1 * random_hits),
        (unchanged, chosen, 0.1 + 0.1 * random_hits),
    ):
        assert abs(count - of * share) < 4.5 * (of * share * (1 - share)) ** 0.5


def test_a_documents_mask_does_not_depend_on_its_neighbours(read: Any, tokenizer: DocumentTokenizer) -> None:
    together, masked_tokens = masked(read, tokenizer, np.array([3, 8, 20]), step=4)
    pieces = np.split(masked_tokens.ids_T, np.cumsum(together.lengths)[:-1])
    for document, piece in zip((3, 8, 20), pieces, strict=True):
        _, single = masked(read, tokenizer, np.array([document]), step=4)
        assert single.ids_T.tolist() == piece.tolist()


def test_another_step_or_seed_masks_other_tokens(read: Any, tokenizer: DocumentTokenizer) -> None:
    draws = [
        masked(read, tokenizer, np.arange(30), **moment)[1].position_I.tolist()
        for moment in ({}, {"step": 1}, {"seed": 1}, {})
    ]
    assert draws[0] == draws[3]
    assert draws[0] != draws[1] != draws[2] != draws[0]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_loss_equals_cross_entropy_with_other_positions_ignored(
    load_tiny: LoadTiny, family: str, tmp_path: Any
) -> None:
    encoder, tokenizer = load_tiny(family)
    tokens = tiny.labelled(tiny.documents(3, words=25), tokenizer, tmp_path).tokens
    packed, masked_tokens = masked(tokens, tokenizer, np.arange(3), share=0.4)
    batch = packed.batch(NOBODY, NOBODY, first_position=encoder.first_position, ids_T=masked_tokens.ids_T)
    loss = encoder.mlm_loss(
        encoder(batch), torch.from_numpy(masked_tokens.position_I), torch.from_numpy(masked_tokens.label_I)
    )
    torch.autograd.backward(loss.total)
    gradients = {name: p.grad.clone() for name, p in encoder.named_parameters() if p.grad is not None}
    encoder.zero_grad()

    labels = torch.full((len(packed.ids_T),), -100)
    labels[torch.from_numpy(masked_tokens.position_I)] = torch.from_numpy(masked_tokens.label_I)
    model: Any = encoder.model
    logits = model(input_ids=batch.input_ids, position_ids=batch.position_ids, lengths=batch.lengths).logits[0]
    expected = torch.nn.functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
    torch.autograd.backward(expected)
    assert loss.terms == len(masked_tokens.label_I) > 5
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-5)
    expected_gradients = {name: p.grad for name, p in encoder.named_parameters() if p.grad is not None}
    assert gradients.keys() == expected_gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected_gradients[name], rtol=1e-4, atol=1e-4, msg=name)


def test_without_masked_tokens_there_are_no_terms_and_no_loss(load_tiny: LoadTiny) -> None:
    encoder, _ = load_tiny()
    states = torch.randn(5, tiny.WIDTH, requires_grad=True)
    nothing = torch.zeros(0, dtype=torch.int64)
    loss = encoder.mlm_loss(states, nothing, nothing)
    torch.autograd.backward(loss.total)
    assert (loss.total.item(), loss.terms) == (0.0, 0)
