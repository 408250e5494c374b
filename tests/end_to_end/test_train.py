"""What a run leaves, and that its files can be read by those who know nothing of finecl."""

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
def metrics(straight: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((straight / "metrics.json").read_text())
    return found


def test_a_run_leaves_its_files_and_no_others(straight: Path) -> None:
    expected = {"run.json", "metrics.json", "report.html", "predictions"}
    expected |= {"scores.parquet", "scorers.parquet", "neighbours.parquet", "false_negatives.parquet"}
    expected |= {"encoder", "extractor"}
    assert {path.name for path in straight.iterdir()} == expected
    assert {path.name for path in (straight / "predictions").iterdir()} == {"pretrained.json", "plain.json"}
    assert {path.name for path in (straight / "extractor").iterdir()} == {"pretrained", "plain"}
    assert not [path for path in straight.rglob("*") if path.name.startswith(".") or path.suffix in (".pkl", ".bin")]


def test_the_scores_are_numbers_by_the_names_that_the_documents_promise(metrics: dict[str, Any]) -> None:
    score = metrics["score"]
    assert 0 <= score["noise_auroc"] <= 1
    assert len(score["learned_share"]) == 2
    assert score["learned_share"] == sorted(score["learned_share"])
    for variant in ("pretrained", "plain"):
        found = metrics["evaluate"][variant]
        for name in ("f1", "ign_f1", "auc", "macro_f1", "weighted_macro_f1", "precision", "recall", "dev_f1"):
            assert 0 <= found[name] <= 1, name
    assert metrics["pretrain"]["steps"] == 2
    assert set(metrics["pretrain"]["loss"]) == {"entity-discrimination", "relation-discrimination", "mlm"}


def test_run_json_says_what_the_numbers_depend_on(straight: Path, small: Small) -> None:
    run = json.loads((straight / "run.json").read_text())
    assert run["settings"]["proxy"]["num_train_epochs"] == 2
    assert run["seed"] == 42
    assert {"python", "torch", "transformers", "finecl"} <= set(run["versions"])
    assert {split: run["data"][split]["documents"] for split in run["data"]} == {
        split: len(made) for split, made in small.documents.items()
    }
    assert list(run["stages"]) == ["score", "pretrain", "finetune", "evaluate", "report"]
    assert all(stage["seconds"] >= 0 and stage["fingerprint"] for stage in run["stages"].values())


def test_every_silver_label_has_a_row_of_scores(straight: Path, small: Small) -> None:
    table = pq.read_table(straight / "scores.parquet").to_pandas()
    labels = [
        (d.title, lab.head, lab.tail, lab.relation, lab.truth) for d in small.documents["silver"] for lab in d.labels
    ]
    columns = ["title", "head", "tail", "relation", "truth"]
    assert sorted(table[columns].itertuples(index=False, name=None)) == sorted(labels)
    assert table["uid"].is_unique
    assert {"noise", "weight", "learned_batch", "learned_epoch", "confidence_mean", "forgetting"} <= set(table.columns)
    assert (table["weight"] > 0).all()


def test_predictions_are_in_the_form_of_docred(straight: Path, small: Small) -> None:
    titles = {document.title: document for document in small.documents["test"]}
    for path in (straight / "predictions").iterdir():
        for fact in json.loads(path.read_text()):
            assert set(fact) == {"title", "h_idx", "t_idx", "r", "evidence"}
            assert max(fact["h_idx"], fact["t_idx"]) < len(titles[fact["title"]].entities)


def test_transformers_loads_the_encoder(straight: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    words = AutoTokenizer.from_pretrained(straight / "encoder")("Ada was born .", return_tensors="pt")
    assert AutoModel.from_pretrained(straight / "encoder")(**words).last_hidden_state.isfinite().all()


def test_an_extractor_can_be_used_by_what_is_saved(straight: Path) -> None:
    from finecl import registry
    from finecl.config.schema import ModelSettings
    from finecl.models.extractor import load_extractor

    saved = load_extractor(straight / "extractor" / "pretrained", registry.load(), ModelSettings())
    assert saved.config["relations"]
    assert saved.extractor.encoder.hidden_size == 32


def test_the_report_stands_alone(straight: Path) -> None:
    page = (straight / "report.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert "<script src" not in page
    assert "<link" not in page


def test_json_prints_the_metrics_and_nothing_else(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    told = finecl(*small.arguments(tmp_path / "run"), "--json")
    assert told.code == 0
    assert json.loads(told.out) == json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert told.err == ""


def test_progress_goes_to_stderr_and_results_to_stdout(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    arguments = [argument for argument in small.arguments(tmp_path / "[a] run") if argument != "--quiet"]
    told = finecl(*arguments, "--stop-after", "evaluate")
    assert "proxy 2 epochs" in told.err
    assert "pretrain: 2 steps" in told.err
    assert "noise AUROC" in told.out
    assert "pretrained" in told.out
    told = finecl(*arguments)
    assert "score: finished before" in told.err
    assert f"report: {tmp_path / '[a] run' / 'report.html'}" in told.out  # brackets are not rich's markup here


def test_the_same_seed_gives_the_same_run(
    small: Small, straight: Path, tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINECL_CACHE", str(tmp_path / "another cache"))
    assert finecl(*small.arguments(tmp_path / "run")).code == 0
    ours, theirs = (json.loads((at / "metrics.json").read_text()) for at in (tmp_path / "run", straight))
    assert numbers(ours) == numbers(theirs)
    assert ours["pretrain"]["loss"] == theirs["pretrain"]["loss"]
    for name in ("scores.parquet", "encoder/model.safetensors", "extractor/pretrained/head.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (straight / name).read_bytes(), name


def test_another_seed_gives_another_run(small: Small, straight: Path, tmp_path: Path, finecl: Finecl) -> None:
    assert finecl(*small.arguments(tmp_path / "run"), "--seed", "43", "--stop-after", "pretrain").code == 0
    ours, theirs = (json.loads((at / "metrics.json").read_text()) for at in (tmp_path / "run", straight))
    assert ours["pretrain"]["loss"] != theirs["pretrain"]["loss"]


@pytest.mark.parametrize("method", ["erica"])
def test_a_method_without_a_scorer_weighs_all_labels_the_same(
    method: str, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    assert finecl(*small.arguments(tmp_path / "run"), "--method", method, "--stop-after", "pretrain").code == 0
    assert set(pq.read_table(tmp_path / "run" / "scores.parquet")["weight"].to_pylist()) == {1.0}


def test_gold_in_one_file_is_split(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    gold = small.copy(tmp_path / "gold", train=(*small.documents["train"], *small.documents["dev"])).data
    files = ["--data", "demo", "--silver", small.data / "silver.jsonl", "--gold", gold / "train.jsonl"]
    told = finecl(*small.arguments(tmp_path / "run"), *files)
    assert told.code == 0, told.err
    data = json.loads((tmp_path / "run" / "run.json").read_text())["data"]
    assert [data[split]["documents"] for split in ("train", "dev", "test")] == [7, 3, 2]


def test_a_plan_counts_steps_and_measures_time_and_memory_and_writes_no_run(
    small: Small, straight: Path, tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finecl.pipeline.estimate._SECONDS", 0.0)
    told = finecl(*small.arguments(tmp_path / "run"), "--plan", "--json")
    assert told.code == 0, told.err
    assert not (tmp_path / "run").exists()
    planned = json.loads(told.out)
    stages = {stage["stage"]: stage for stage in planned["stages"]}
    assert stages["score"]["steps"] == 2 * -(-14 // 32)
    assert stages["pretrain"]["steps"] == 2
    assert stages["finetune"]["steps"] == 2 * -(-6 // 32)
    # Queried documents are longer by their queries, which are not counted.
    done = json.loads((straight / "metrics.json").read_text())["pretrain"]["tokens"]
    assert 0.7 * done < stages["pretrain"]["tokens"] <= done
    assert planned["seconds"] == pytest.approx(sum(stage["seconds"] for stage in planned["stages"]))
    assert all(stage["seconds"] > 0 for stage in planned["stages"])
    assert 0.1 < planned["memory_gb"] < 20
    assert "pretrain" in finecl(*small.arguments(tmp_path / "run"), "--plan").out


@pytest.mark.parametrize(("method", "losses"), [("mlm", {"mlm"}), ("none", set())])
def test_the_baselines_pre_train_without_contrast_or_not_at_all(
    method: str, losses: set[str], small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    told = finecl(*small.arguments(tmp_path / "run"), "--method", method, "--stop-after", "pretrain")
    assert told.code == 0, told.err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["score"]["scorer"] is None
    assert set(metrics["pretrain"].get("loss", {})) == losses
    before, after = (load_file(at / "model.safetensors") for at in (small.model, tmp_path / "run" / "encoder"))
    changed = [name for name, tensor in before.items() if not np.array_equal(tensor, after[name])]
    assert bool(changed) == bool(losses)


def test_the_two_extractors_of_a_run_are_a_pair(small: Small, finecl: Finecl, tmp_path: Path) -> None:
    """They begin with the same head, and have the same order and dropout: what differs is the encoder alone.

    The method ``none`` leaves that as it is. The checkpoint has no language-modelling head, so that loading it the
    first time draws random numbers, and loading what the run saved does not.
    """
    from transformers import AutoModel, AutoTokenizer

    headless = tmp_path / "headless"
    AutoModel.from_pretrained(small.model).save_pretrained(headless)
    AutoTokenizer.from_pretrained(small.model).save_pretrained(headless)
    run = tmp_path / "run"
    told = finecl(*small.arguments(run, model__name=headless), "--method", "none")
    assert told.code == 0, told.err
    weights = [load_file(run / "extractor" / variant / "head.safetensors") for variant in ("pretrained", "plain")]
    assert weights[0].keys() == weights[1].keys()
    for name in weights[0]:
        np.testing.assert_array_equal(weights[0][name], weights[1][name])
    scores = json.loads((run / "metrics.json").read_text())["finetune"]
    assert scores["pretrained"] == scores["plain"]
