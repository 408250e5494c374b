"""Masked language modelling: which tokens are masked, with what, and a loss equal to that over all positions."""

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
    """The tokens of 30 documents."""
    return tiny.labelled(tiny.documents(30, words=25), tokenizer, tmp_path_factory.mktemp("mlm")).tokens


def masked(
    read: Any, tokenizer: DocumentTokenizer, documents: Ints, share: float = SHARE, **moment: int
) -> tuple[Packed, Masked]:
    packed = pack(read.rows(documents))
    return packed, mask_tokens(packed, documents, share, tokenizer, **{"seed": 0, "step": 0} | moment)


def open_tokens(packed: Packed, tokenizer: DocumentTokenizer) -> set[int]:
    """Positions of the tokens that are neither special nor of a mention, one by one."""
    mentioned, special = set(packed.member_M.tolist()), set(tokenizer.special.tolist())
    return {t for t, token in enumerate(packed.ids_T.tolist()) if t not in mentioned and token not in special}


def test_everything_that_may_be_masked_is_masked_at_share_one_and_nothing_else(
    read: Any, tokenizer: DocumentTokenizer
) -> None:
    packed, found = masked(read, tokenizer, np.arange(30), share=1.0)
    assert set(found.position_I.tolist()) == open_tokens(packed, tokenizer)
    assert packed.member_M.size  # there were mentions to spare


def test_entities_and_special_tokens_keep_their_ids(read: Any, tokenizer: DocumentTokenizer) -> None:
    for step in range(20):
        packed, found = masked(read, tokenizer, np.arange(30), step=step)
        assert set(found.position_I.tolist()) <= open_tokens(packed, tokenizer)
        untouched = np.setdiff1d(np.arange(len(packed.ids_T)), found.position_I)
        assert (found.ids_T[untouched] == packed.ids_T[untouched]).all()
        assert (found.label_I == packed.ids_T[found.position_I]).all()


def test_the_share_is_15_percent_and_the_kinds_80_10_10(read: Any, tokenizer: DocumentTokenizer) -> None:
    chosen = available = masks = kept = 0
    for step in range(60):
        packed, found = masked(read, tokenizer, np.arange(30), step=step)
        now = found.ids_T[found.position_I]
        available += len(open_tokens(packed, tokenizer))
        chosen += len(now)
        masks += int((now == tokenizer.mask).sum())
        kept += int((now == found.label_I).sum())
    random_hits = 1 / tokenizer.vocabulary  # of the random tokens, this share is the mask and the same one again
    for count, of, share in (
        (chosen, available, SHARE),
        (masks, chosen, 0.8 + 0.1 * random_hits),
        (kept, chosen, 0.1 + 0.1 * random_hits),
    ):
        assert abs(count - of * share) < 4.5 * (of * share * (1 - share)) ** 0.5


def test_a_documents_mask_does_not_depend_on_its_neighbours(read: Any, tokenizer: DocumentTokenizer) -> None:
    together, found = masked(read, tokenizer, np.array([3, 8, 20]), step=4)
    pieces = np.split(found.ids_T, np.cumsum(together.lengths)[:-1])
    for document, piece in zip((3, 8, 20), pieces, strict=True):
        _, alone = masked(read, tokenizer, np.array([document]), step=4)
        assert alone.ids_T.tolist() == piece.tolist()


def test_another_step_or_seed_masks_others(read: Any, tokenizer: DocumentTokenizer) -> None:
    draws = [
        masked(read, tokenizer, np.arange(30), **moment)[1].position_I.tolist()
        for moment in ({}, {"step": 1}, {"seed": 1}, {})
    ]
    assert draws[0] == draws[3]
    assert draws[0] != draws[1] != draws[2] != draws[0]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_loss_is_the_full_vocabularys_with_other_positions_ignored(
    load_tiny: LoadTiny, family: str, tmp_path: Any
) -> None:
    encoder, tokenizer = load_tiny(family)
    tokens = tiny.labelled(tiny.documents(3, words=25), tokenizer, tmp_path).tokens
    packed, found = masked(tokens, tokenizer, np.arange(3), share=0.4)
    batch = packed.batch(NOBODY, NOBODY, first_position=encoder.first_position, ids_T=found.ids_T)
    loss = encoder.mlm_loss(encoder(batch), torch.from_numpy(found.position_I), torch.from_numpy(found.label_I))
    torch.autograd.backward(loss.total)
    mine = {name: p.grad.clone() for name, p in encoder.named_parameters() if p.grad is not None}
    encoder.zero_grad()

    labels = torch.full((len(packed.ids_T),), -100)
    labels[torch.from_numpy(found.position_I)] = torch.from_numpy(found.label_I)
    model: Any = encoder.model
    logits = model(input_ids=batch.input_ids, position_ids=batch.position_ids, lengths=batch.lengths).logits[0]
    expected = torch.nn.functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
    torch.autograd.backward(expected)
    assert loss.terms == len(found.label_I) > 5
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-5)
    theirs = {name: p.grad for name, p in encoder.named_parameters() if p.grad is not None}
    assert mine.keys() == theirs.keys()
    for name, gradient in mine.items():
        torch.testing.assert_close(gradient, theirs[name], rtol=1e-4, atol=1e-4, msg=name)


def test_no_masked_token_is_no_term_and_no_loss(load_tiny: LoadTiny) -> None:
    encoder, _ = load_tiny()
    states = torch.randn(5, tiny.WIDTH, requires_grad=True)
    nothing = torch.zeros(0, dtype=torch.int64)
    found = encoder.mlm_loss(states, nothing, nothing)
    torch.autograd.backward(found.total)
    assert (found.total.item(), found.terms) == (0.0, 0)
