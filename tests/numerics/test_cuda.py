"""GPU tests: the variable-length kernel, compiled layers and NCCL give the same results as the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from finecl.config.schema import PretrainSettings
from finecl.pretraining.loop import pretrain
from finecl.tokens.packing import pack
from tests.conftest import LoadTiny
from tests.helpers import tiny
from tests.numerics.test_packing import NOBODY, packed_batch, read_texts
from tests.numerics.test_pretrain_step import prepared, silver

__all__ = ["silver"]
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_variable_length_attention_is_packed_attention(load_tiny: LoadTiny, family: str, tmp_path: Path) -> None:
    """bfloat16 rounds to 2^-8, so states of order one may differ by a small multiple of that."""
    states = []
    for settings in (
        {"precision": "float32", "device": "cpu"},
        {"precision": "bf16", "device": "cuda", "packing": "auto"},
        {"precision": "float32", "device": "cuda", "packing": "off"},
    ):
        encoder, tokenizer = load_tiny(family, **settings)
        batch = packed_batch(encoder, read_texts(tokenizer, tmp_path)).to(encoder.precision.device)
        with torch.no_grad():
            states.append(encoder.eval()(batch).float().cpu())
    assert encoder.packing == "padded"
    torch.testing.assert_close(states[2], states[0], rtol=1e-3, atol=1e-3)
    assert (states[1] - states[0]).abs().mean() < 0.03


def test_gradients_in_bfloat16_point_where_those_of_float32_do(load_tiny: LoadTiny, tmp_path: Path) -> None:
    directions = []
    for precision, packing in (("float32", "off"), ("bf16", "auto")):
        encoder, tokenizer = load_tiny("bert", precision=precision, device="cuda", packing=packing)
        batch = packed_batch(encoder, read_texts(tokenizer, tmp_path)).to("cuda")
        torch.autograd.backward(encoder.entities(encoder(batch), batch).square().sum())
        gradients = [p.grad.flatten() for p in encoder.parameters() if p.grad is not None]
        directions.append(torch.cat(gradients).float())
    assert torch.nn.functional.cosine_similarity(directions[0], directions[1], dim=0) > 0.99


@pytest.mark.parametrize("compiled", [False, True])
def test_pre_training_on_a_gpu_follows_the_cpu(
    load_tiny: LoadTiny, silver: object, compiled: bool, tmp_path: Path
) -> None:
    settings = PretrainSettings(
        batch_size=8, max_steps=4, contrast_group=4, warmup_steps=0, learning_rate=1e-3, adam_epsilon=1e-3
    )
    losses = []
    for device in ("cpu", "cuda"):
        encoder, tokenizer = load_tiny("bert", device=device, torch_compile=compiled and device == "cuda")
        losses.append(pretrain(encoder, prepared(silver, tokenizer, settings)).losses)  # type: ignore[arg-type]
    for name, values in losses[0].items():
        np.testing.assert_allclose(np.array(losses[1][name], float), np.array(values, float), rtol=2e-2, err_msg=name)


def test_a_document_longer_than_others_does_not_change_them(load_tiny: LoadTiny, tmp_path: Path) -> None:
    encoder, tokenizer = load_tiny("bert", precision="bf16", device="cuda")
    tokens = read_texts(tokenizer, tmp_path)
    together = packed_batch(encoder, tokens).to("cuda")
    with torch.no_grad():
        states = encoder.eval()(together)
        one = pack(tokens.rows(np.array([0]))).batch(NOBODY, NOBODY, first_position=encoder.first_position).to("cuda")
        alone = encoder(one)
    torch.testing.assert_close(states[: len(alone)].float(), alone.float(), rtol=3e-2, atol=3e-2)
