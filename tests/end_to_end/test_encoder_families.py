"""Tiny random models of every family go through score, pretrain, finetune and predict, as the table says."""

from __future__ import annotations

from pathlib import Path

import pytest
from finecl_benchmarks.encoders import COLUMNS, RESULTS, STAGES, encoders_block, exports, try_family

from finecl.artifacts.files import read_json
from finecl.artifacts.run_directory import PRETRAINED
from finecl.models.families import FAMILIES
from tests.end_to_end.conftest import Finecl, Small, finecl, small
from tests.helpers import tiny

__all__ = ["finecl", "small"]  # fixtures
RECORD = read_json(RESULTS / "encoders.json")["families"]


ONE_OF_EACH = tuple({family: name for name, family in reversed(tuple(FAMILIES.items()))}.values())
"""A family of each way in which models are read; the command that makes the record tries all."""


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_stage_works_as_the_record_says(name: str, tmp_path: Path) -> None:
    outcome = try_family(name, tmp_path, onnx=False)
    columns = [column for column in COLUMNS if column != "onnx"]
    assert {column: outcome[column] for column in columns} == {column: RECORD[name][column] for column in columns}
    assert [outcome[stage] for stage in (*STAGES, "predict")] == ["yes"] * 4


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deberta-v2", "t5", "llama"])
def test_exported_extractors_give_the_scores_of_torch_as_the_record_says(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'finecl[onnx]'")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install 'finecl[onnx]'")
    try_family(name, tmp_path, onnx=False)
    outcome = exports(tmp_path / "run" / "extractor" / PRETRAINED, tmp_path / "model.onnx")
    assert outcome == RECORD[name]["onnx"]


def test_the_table_has_a_row_for_each_family() -> None:
    rows = [line.split("|") for line in encoders_block().splitlines() if line.startswith("| `")]
    assert [row[1].strip(" `") for row in rows] == list(FAMILIES)
    assert {cell.strip() for row in rows for cell in row[3:-1]} <= {"yes", "no"}


def test_masked_language_modelling_with_a_model_that_has_no_head_is_left_out_or_one_line(
    tmp_path: Path, small: Small, finecl: Finecl
) -> None:
    model = tiny.save_model(tmp_path / "t5", "t5")
    options = {"model__name": model, "proxy__num_train_epochs": 1, "model__max_length": 96}
    result = finecl(*small.arguments(tmp_path / "run", **options)[:-1], "--set=pretrain.max_steps=1")
    assert result.code == 0, result.err
    line = finecl(*small.arguments(tmp_path / "head", **options, pretrain__mlm_head_steps=1)).error_line()
    assert line == "pretrain.mlm_head_steps: a t5 model has no language-modelling head; leave it out"
    line = finecl(*small.arguments(tmp_path / "asked", **options, pretrain__mlm_coefficient=1)).error_line()
    assert line.startswith("masking needs a mask token, and the tokenizer has none; choose a method")
    decoder = tiny.save_model(tmp_path / "llama", "llama")
    blank = options | {"model__name": decoder, "proxy__mentions": "blank"}
    line = finecl(*small.arguments(tmp_path / "blank", **blank)).error_line()
    assert "masking needs a mask token" in line


def test_help_of_model_names_the_families_in_one_place(finecl: Finecl) -> None:
    shown = " ".join(finecl("train", "--help").out.split())
    for name in FAMILIES:
        assert name in shown
