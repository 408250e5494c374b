"""The files of a run, and reading them without finecl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from tests.end_to_end.conftest import Finecl, Small, numbers


@pytest.fixture(scope="module")
def metrics(finished_run: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((finished_run / "metrics.json").read_text())
    return values


def test_a_run_writes_its_files_and_no_others(finished_run: Path) -> None:
    expected = {"run.json", "metrics.json", "report.html", "predictions"}
    expected |= {"scores.parquet", "scorers.parquet", "neighbours.parquet", "false_negatives.parquet"}
    expected |= {"encoder", "extractor"}
    assert {path.name for path in finished_run.iterdir()} == expected
    assert {path.name for path in (finished_run / "predictions").iterdir()} == {"pretrained.json", "plain.json"}
    assert {path.name for path in (finished_run / "extractor").iterdir()} == {"pretrained", "plain"}
    assert not [
        path for path in finished_run.rglob("*") if path.name.startswith(".") or path.suffix in (".pkl", ".bin")
    ]


def test_the_metrics_have_the_documented_names(metrics: dict[str, Any]) -> None:
    score = metrics["score"]
    assert 0 <= score["noise_auroc"] <= 1
    assert len(score["learned_share"]) == 2
    assert score["learned_share"] == sorted(score["learned_share"])
    for variant in ("pretrained", "plain"):
        scores = metrics["evaluate"][variant]
        for name in ("f1", "ign_f1", "auc", "macro_f1", "weighted_macro_f1", "precision", "recall", "dev_f1"):
            assert 0 <= scores[name] <= 1, name
    assert metrics["pretrain"]["steps"] == 2
    assert set(metrics["pretrain"]["loss"]) == {"entity-discrimination", "relation-discrimination", "mlm"}


def test_run_json_records_settings_versions_and_data(finished_run: Path, small: Small) -> None:
    run = json.loads((finished_run / "run.json").read_text())
    assert run["settings"]["proxy"]["num_train_epochs"] == 2
    assert run["seed"] == 42
    assert {"python", "torch", "transformers", "finecl"} <= set(run["versions"])
    assert {split: run["data"][split]["documents"] for split in run["data"]} == {
        split: len(documents) for split, documents in small.documents.items()
    }
    assert list(run["stages"]) == ["score", "pretrain", "finetune", "evaluate", "report"]
    assert all(stage["seconds"] >= 0 and stage["fingerprint"] for stage in run["stages"].values())


def test_every_silver_label_has_a_row_of_scores(finished_run: Path, small: Small) -> None:
    table = pq.read_table(finished_run / "scores.parquet").to_pandas()
    labels = [
        (d.title, lab.head, lab.tail, lab.relation, lab.truth) for d in small.documents["silver"] for lab in d.labels
    ]
    columns = ["title", "head", "tail", "relation", "truth"]
    assert sorted(table[columns].itertuples(index=False, name=None)) == sorted(labels)
    assert table["uid"].is_unique
    assert {"noise", "weight", "learned_batch", "learned_epoch", "confidence_mean", "forgetting"} <= set(table.columns)
    assert (table["weight"] > 0).all()


def test_predictions_have_docreds_format(finished_run: Path, small: Small) -> None:
    titles = {document.title: document for document in small.documents["test"]}
    for path in (finished_run / "predictions").iterdir():
        for fact in json.loads(path.read_text()):
            assert set(fact) == {"title", "h_idx", "t_idx", "r", "evidence"}
            assert max(fact["h_idx"], fact["t_idx"]) < len(titles[fact["title"]].entities)


def test_transformers_loads_the_encoder(finished_run: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    words = AutoTokenizer.from_pretrained(finished_run / "encoder")("Ada was born .", return_tensors="pt")
    assert AutoModel.from_pretrained(finished_run / "encoder")(**words).last_hidden_state.isfinite().all()


def test_a_saved_extractor_can_be_loaded(finished_run: Path) -> None:
    from finecl import registry
    from finecl.config.schema import ModelSettings
    from finecl.models.extractor import load_extractor

    saved = load_extractor(finished_run / "extractor" / "pretrained", registry.load(), ModelSettings())
    assert saved.config["relations"]
    assert saved.extractor.encoder.hidden_size == 32


def test_the_report_needs_no_other_files(finished_run: Path) -> None:
    page = (finished_run / "report.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert "<script src" not in page
    assert "<link" not in page


def test_json_prints_the_metrics_and_nothing_else(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    result = finecl(*small.arguments(tmp_path / "run"), "--json")
    assert result.code == 0
    assert json.loads(result.out) == json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert result.err == ""


def test_progress_goes_to_stderr_and_results_to_stdout(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    arguments = [argument for argument in small.arguments(tmp_path / "[a] run") if argument != "--quiet"]
    result = finecl(*arguments, "--stop-after", "evaluate")
    assert "proxy 2 epochs" in result.err
    assert "pretrain: 2 steps" in result.err
    assert "noise AUROC" in result.out
    assert "pretrained" in result.out
    result = finecl(*arguments)
    assert "score: finished before" in result.err
    assert f"report: {tmp_path / '[a] run' / 'report.html'}" in result.out  # brackets must not be read as rich's markup


def test_the_same_seed_gives_the_same_run(
    small: Small, finished_run: Path, tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINECL_CACHE", str(tmp_path / "another cache"))
    assert finecl(*small.arguments(tmp_path / "run")).code == 0
    actual, expected = (json.loads((at / "metrics.json").read_text()) for at in (tmp_path / "run", finished_run))
    assert numbers(actual) == numbers(expected)
    assert actual["pretrain"]["loss"] == expected["pretrain"]["loss"]
    for name in ("scores.parquet", "encoder/model.safetensors", "extractor/pretrained/head.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (finished_run / name).read_bytes(), name


def test_another_seed_gives_another_run(small: Small, finished_run: Path, tmp_path: Path, finecl: Finecl) -> None:
    assert finecl(*small.arguments(tmp_path / "run"), "--seed", "43", "--stop-after", "pretrain").code == 0
    actual, expected = (json.loads((at / "metrics.json").read_text()) for at in (tmp_path / "run", finished_run))
    assert actual["pretrain"]["loss"] != expected["pretrain"]["loss"]


@pytest.mark.parametrize("method", ["erica"])
def test_a_method_without_a_scorer_gives_all_labels_the_same_weight(
    method: str, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    assert finecl(*small.arguments(tmp_path / "run"), "--method", method, "--stop-after", "pretrain").code == 0
    assert set(pq.read_table(tmp_path / "run" / "scores.parquet")["weight"].to_pylist()) == {1.0}


def test_gold_in_one_file_is_split(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    gold = small.copy(tmp_path / "gold", train=(*small.documents["train"], *small.documents["dev"])).data
    files = ["--data", "demo", "--silver", small.data / "silver.jsonl", "--gold", gold / "train.jsonl"]
    result = finecl(*small.arguments(tmp_path / "run"), *files)
    assert result.code == 0, result.err
    data = json.loads((tmp_path / "run" / "run.json").read_text())["data"]
    assert [data[split]["documents"] for split in ("train", "dev", "test")] == [7, 3, 2]


def test_a_plan_counts_steps_and_measures_time_and_memory_and_writes_no_run(
    small: Small, finished_run: Path, tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finecl.pipeline.estimate._SECONDS", 0.0)
    result = finecl(*small.arguments(tmp_path / "run"), "--plan", "--json")
    assert result.code == 0, result.err
    assert not (tmp_path / "run").exists()
    planned = json.loads(result.out)
    stages = {stage["stage"]: stage for stage in planned["stages"]}
    assert stages["score"]["steps"] == 2 * -(-14 // 32)
    assert stages["pretrain"]["steps"] == 2
    assert stages["finetune"]["steps"] == 2 * -(-6 // 32)
    # Documents with a query are longer by the query, which is not counted.
    done = json.loads((finished_run / "metrics.json").read_text())["pretrain"]["tokens"]
    assert 0.7 * done < stages["pretrain"]["tokens"] <= done
    assert planned["seconds"] == pytest.approx(sum(stage["seconds"] for stage in planned["stages"]))
    assert all(stage["seconds"] > 0 for stage in planned["stages"])
    assert 0.1 < planned["memory_gb"] < 20
    assert "pretrain" in finecl(*small.arguments(tmp_path / "run"), "--plan").out


@pytest.mark.parametrize(("method", "losses"), [("mlm", {"mlm"}), ("none", set())])
def test_the_baselines_pre_train_without_contrast_or_not_at_all(
    method: str, losses: set[str], small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    result = finecl(*small.arguments(tmp_path / "run"), "--method", method, "--stop-after", "pretrain")
    assert result.code == 0, result.err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["score"]["scorer"] is None
    assert set(metrics["pretrain"].get("loss", {})) == losses
    before, after = (load_file(at / "model.safetensors") for at in (small.model, tmp_path / "run" / "encoder"))
    changed = [name for name, tensor in before.items() if not np.array_equal(tensor, after[name])]
    assert bool(changed) == bool(losses)


def test_the_two_extractors_of_a_run_differ_only_in_their_encoder(small: Small, finecl: Finecl, tmp_path: Path) -> None:
    """Both start with the same head and have the same data order and dropout, so only their encoders differ.

    The method ``none`` does not change the encoder. The checkpoint has no language-modelling head, so loading it for
    the first time uses random numbers, and loading what the run saved does not.
    """
    from transformers import AutoModel, AutoTokenizer

    headless = tmp_path / "headless"
    AutoModel.from_pretrained(small.model).save_pretrained(headless)
    AutoTokenizer.from_pretrained(small.model).save_pretrained(headless)
    run = tmp_path / "run"
    result = finecl(*small.arguments(run, model__name=headless), "--method", "none")
    assert result.code == 0, result.err
    weights = [load_file(run / "extractor" / variant / "head.safetensors") for variant in ("pretrained", "plain")]
    assert weights[0].keys() == weights[1].keys()
    for name in weights[0]:
        np.testing.assert_array_equal(weights[0][name], weights[1][name])
    scores = json.loads((run / "metrics.json").read_text())["finetune"]
    assert scores["pretrained"] == scores["plain"]
