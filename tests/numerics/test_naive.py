"""Tests that the engine's losses and gradients equal a plain implementation of the published algorithm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from finecl_benchmarks.naive import NaiveEngine
from finecl_erica.entity_discrimination import EntityDiscrimination
from finecl_erica.relation_discrimination import RelationDiscrimination
from transformers import AutoModelForMaskedLM

from finecl.distributed.parallel import Parallel
from finecl.distributed.process_group import Ranks
from finecl.pretraining.contrast_groups import SilverData
from finecl.pretraining.loop import train_step
from finecl.pretraining.micro_batch import PretrainingModel
from finecl.pretraining.step_plan import MLM
from finecl.types import Objective
from tests.conftest import LoadTiny
from tests.helpers import tiny
from tests.numerics.test_pretrain_step import prepared, silver

__all__ = ["silver"]


@pytest.mark.parametrize("max_tokens", [None, 50])
def test_losses_and_gradients_of_a_step_are_those_of_the_naive_engine(
    load_tiny: LoadTiny, models: dict[str, Path], silver: SilverData, max_tokens: int | None
) -> None:
    encoder, tokenizer = load_tiny()
    run = prepared(silver, tokenizer)
    objectives: dict[str, Objective] = {
        "entity-discrimination": EntityDiscrimination(),
        "relation-discrimination": RelationDiscrimination(negatives=None),
    }
    run = replace(
        run,
        objectives=objectives,
        coefficients=dict.fromkeys((*objectives, MLM), 1.0),
        settings=replace(run.settings, max_tokens=max_tokens),
    )
    plain = AutoModelForMaskedLM.from_pretrained(models["bert"])
    naive = NaiveEngine(plain, negatives=None, longest=tiny.LONGEST)
    for step in range(3):
        work = run.group_batches(step)
        mates = {
            number: w.terms[0].pairs.positive_AP[:, 0].tolist()
            for number, w in enumerate(work)
            if "pair" in w.group.units
        }
        ours = train_step(Parallel(PretrainingModel(encoder), Ranks()), run, work, step)
        theirs = naive.step(work, mates)
        assert ours == pytest.approx(theirs, rel=1e-4)
        gradients = {name: p.grad for name, p in encoder.model.named_parameters() if p.grad is not None}
        for name, parameter in plain.named_parameters():
            if parameter.grad is not None:
                # Biases of keys have no gradient but rounding errors: softmax ignores a shift of all its scores.
                scale = max(parameter.grad.abs().max().item(), 1e-2)
                torch.testing.assert_close(gradients[name], parameter.grad, rtol=1e-3, atol=1e-4 * scale, msg=name)
        encoder.zero_grad()
        plain.zero_grad()
