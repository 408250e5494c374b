"""Pre-training with a baseline, suggested labels and encoders without a language-modelling head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from finecl import registry
from finecl.config.resolve import resolve
from finecl.errors import TrainingError
from finecl.pipeline.run import Run
from finecl.pipeline.stage import Stage
from tests.end_to_end.conftest import Finecl, Small


def metrics_of(run: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((run / "metrics.json").read_text())
    return values


@pytest.fixture(scope="module")
def headless(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small encoder without its language-modelling head."""
    from transformers import AutoModel, AutoTokenizer

    directory = tmp_path_factory.mktemp("headless")
    AutoModel.from_pretrained(small.model).save_pretrained(directory)
    AutoTokenizer.from_pretrained(small.model).save_pretrained(directory)
    return directory


def test_a_baseline_with_equal_weights_is_a_third_extractor(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    run = tmp_path / "run"
    settings = {"pretrain__baseline": "equal-weights", "proxy__record": "batch"}
    result = finecl(*small.arguments(run, **settings))
    assert result.code == 0, result.err
    evaluate = metrics_of(run)["evaluate"]
    assert list(evaluate) == ["pretrained", "equal-weights", "plain"]
    assert evaluate["plain"]["f1_interval"][0] <= evaluate["plain"]["f1"] <= evaluate["plain"]["f1_interval"][1]
    assert "f1_gain" not in evaluate["pretrained"]
    assert "gain over equal-weights" in result.out
    weights = [load_file(run / name / "model.safetensors") for name in ("encoder", "encoder-equal-weights")]
    assert any(not np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    equal = tmp_path / "equal"  # the baseline is the encoder that equal weights make
    assert finecl(*small.arguments(equal, weighting__name="uniform"), "--stop-after", "pretrain").code == 0
    alone = load_file(equal / "encoder" / "model.safetensors")
    assert all(np.array_equal(alone[name], weights[1][name]) for name in alone)


def test_a_method_with_equal_weights_has_no_baseline(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    run = tmp_path / "run"
    options = ("--method", "erica", "--stop-after", "pretrain")
    assert finecl(*small.arguments(run, pretrain__baseline="equal-weights"), *options).code == 0
    assert not (run / "encoder-equal-weights").exists()


def test_suggested_labels_are_written_and_contrasted(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    runs = {}
    for name, labels, threshold in (
        ("silver", "silver", 0.5),
        ("unsure", "suggested", 1.0),
        ("sure", "suggested", 0.0),
    ):
        runs[name] = tmp_path / name
        settings = {"pretrain__labels": labels, "pretrain__suggestion_threshold": threshold, "proxy__folds": 2}
        result = finecl(
            *small.arguments(runs[name], **settings), "--stop-after", "pretrain", "--method", "finecl",
            "--objectives", "relation-discrimination", "--set", "pretrain.contrast_group=global",
        )  # fmt: skip
        # if no relation is suggested for any pair, nothing is left to contrast
        assert result.code == 0 or (name == "sure" and "no positive pair" in result.error_line()), result.err
    assert "suggested" not in pq.read_schema(runs["silver"] / "scores.parquet").names
    table = pq.read_table(runs["sure"] / "scores.parquet")
    silver, unsure = (load_file(runs[name] / "encoder" / "model.safetensors") for name in ("silver", "unsure"))
    assert all(np.array_equal(silver[name], unsure[name]) for name in silver)  # no suggestion has the probability 1
    if (runs["sure"] / "encoder").exists():
        sure = load_file(runs["sure"] / "encoder" / "model.safetensors")
        assert any(not np.array_equal(silver[name], sure[name]) for name in silver)
    relations = {label.relation for documents in small.documents.values() for d in documents for label in d.labels}
    assert set(table["suggested"].to_pylist()) <= relations | {""}
    assert all(0 <= confidence <= 1 for confidence in table["suggested_confidence"].to_pylist())


def test_masked_language_modelling_needs_a_head(headless: Path, small: Small, tmp_path: Path, finecl: Finecl) -> None:
    values = {}
    for steps in (0, 2):
        run = tmp_path / str(steps)
        settings = {"model__name": headless, "pretrain__mlm_head_steps": steps, "proxy__num_train_epochs": 1}
        result = finecl(*small.arguments(run, **settings), "--stop-after", "pretrain")
        assert result.code == 0, result.err
        values[steps] = metrics_of(run)["pretrain"]["loss"]["mlm"]
    assert values[0] == [None, None]
    assert all(isinstance(value, float) for value in values[2])


def test_the_records_of_a_stage_and_of_later_ones_go_before_its_work(small: Small, tmp_path: Path) -> None:
    settings = resolve(overrides={"data.name": str(small.data), "model.name": str(small.model)})
    run = Run(tmp_path / "run", settings, registry.load())
    names = ["score", "pretrain", "finetune", "evaluate", "report"]
    run.directory.mkdir()
    run.files.write_record({"stages": {name: {"fingerprint": name} for name in names}})
    run.files.write_metrics({name: {"number": 1} for name in names} | {"of a plugin": {"number": 1}})
    seen: list[list[str]] = []

    def stopped(*arguments: Any) -> dict[str, Any]:
        seen.append(list(run.files.record()["stages"]))
        raise TrainingError("stopped")

    stage = Stage(name="finetune", output="extractor", fingerprint=lambda *_: "new", run=stopped)
    with pytest.raises(TrainingError):
        run._run(stage, "new")
    assert seen == [["score", "pretrain"]]
    assert list(run.files.record()["stages"]) == ["score", "pretrain"]
    assert list(run.metrics) == ["score", "pretrain", "of a plugin"]
