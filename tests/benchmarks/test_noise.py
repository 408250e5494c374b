"""Tests of the noise benchmark: every registered scorer on one proxy run, and the stack on unjudged labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from finecl_benchmarks import noise, trimmed
from finecl_formats.jsonl import JSONLines

from finecl import registry
from finecl.errors import SettingsError
from tests.helpers import tiny

QUICK = {
    "model.max_length": 32,
    "proxy.extractor": "markers",
    "proxy.num_train_epochs": 4,
    "proxy.learning_rate": 5e-3,
    "proxy.batch_size": 8,
    "proxy.folds": 2,
    "finetune.extractor": "markers",
    "finetune.num_train_epochs": 2,
    "finetune.learning_rate": 5e-3,
}


@pytest.fixture
def setting(tmp_path: Path, models: dict[str, Path]) -> noise.Setting:
    words = ("met", "left", "saw", "knew")
    documents = [
        tiny.document(str(n), [f"Ada {words[n % 4]} Zoe"], ["Ada", "Zoe"], (0, f"P{n % 4}", 1)) for n in range(160)
    ]
    JSONLines().write(documents, tmp_path / "clean.jsonl")
    JSONLines().write(documents[:40], tmp_path / "gold.jsonl")
    return noise.Setting(
        name="tiny",
        file=tmp_path / "clean.jsonl",
        gold=tmp_path / "gold.jsonl",
        kind="uniform",
        rate=0.3,
        seed=1,
        overrides=QUICK | {"model.name": str(models["bert"])},
        judged=40,
    )


def test_every_scorer_is_measured_on_one_proxy_run(setting: noise.Setting) -> None:
    record = noise.measure(setting)
    known = registry.load().parts("scorer")
    assert set(record["scorers"]) | set(record["skipped"]) == set(known)
    assert "file" in record["skipped"]
    assert set(record["on_the_rest"]) == {*record["scorers"], "stack on 40 gold labels"}
    assert record["silver_accuracy"] == pytest.approx(0.7, abs=0.01)
    assert record["scorers"]["small-loss"]["auroc"] > 0.9
    assert record["on_the_rest"]["stack on 40 gold labels"]["auroc"] > 0.9
    assert sum(row["instances"] for row in record["label_accuracy_by_order"]["batch"]) == 160
    lines = noise.format_record(record)
    assert lines[0] == "tiny, uniform noise, 30.0% wrong labels, seed 1"
    assert len(lines) == 2 + len(record["on_the_rest"]) + len(record["skipped"])


def test_scorers_without_their_evidence_are_skipped(setting: noise.Setting) -> None:
    record = noise.measure(replace(setting, evidence=("dynamics",)))
    assert "needs gold, which was not computed" in record["skipped"]["softmax-confidence"]
    assert not {"knn", "ensemble", "confident-learning"} & set(record["scorers"])


def test_without_wrong_labels_there_is_nothing_to_measure(setting: noise.Setting) -> None:
    with pytest.raises(SettingsError, match="expected some wrong labels and their truth, found none"):
        noise.measure(replace(setting, kind=None))


def test_missing_data_are_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FINECL_DATA", str(tmp_path))
    with pytest.raises(SettingsError, match=r"expected a file at .*dev\.txt, found none; set FINECL_DATA"):
        noise.wiki80("uniform", 0.2, 0)


def test_trimmed_sets_are_of_one_size_and_the_early_one_is_cleaner(
    setting: noise.Setting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trimmed, "wiki80", lambda kind, rate, seed: setting)
    monkeypatch.setenv("FINECL_DATA", str(tmp_path))
    (tmp_path / "wiki80").mkdir()
    assert setting.gold
    (tmp_path / "wiki80" / "train_0.1.txt").write_bytes(setting.gold.read_bytes())
    record = trimmed.measure("uniform", 0.3, 1)
    assert record["sentences"]["everything"] == 160
    assert 80 <= record["sentences"]["early"] == record["sentences"]["random"] < 160
    assert record["label_accuracy"]["early"] > record["label_accuracy"]["random"] + 0.1
    assert all(0 <= value <= 1 for value in record["accuracy"].values())
