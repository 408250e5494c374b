"""Tests of downstream tasks: reading and checking their TOML files, custom tasks, and running them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from finecl_benchmarks import experiments
from finecl_benchmarks.downstream import read_splits, run_task, task_settings
from finecl_benchmarks.experiments import run_experiment
from finecl_benchmarks.few_shot import few_shot_accuracy
from finecl_benchmarks.runs import SuiteContext
from finecl_benchmarks.suite_files import read_suite
from finecl_benchmarks.task_files import read_task, task_names
from finecl_cli.main import run
from finecl_formats.jsonl import JSONLines

from finecl import registry as plugins
from finecl.config.resolve import resolve
from finecl.errors import SettingsError
from finecl.progress import Listener
from finecl.types import Document
from tests.helpers import tiny

QUICK = {"model.max_length": 32, "finetune.num_train_epochs": 2, "finetune.learning_rate": 1e-3}
CUSTOM = """
metric = "{metric}"
headline = "{headline}"
[data]
train = "{at}/train.jsonl"
test = "{at}/test.jsonl"
dev_share = 0.25
[settings]
"finetune.extractor" = "{extractor}"
"model.max_length" = 32
[fractions.50]
"finetune.num_train_epochs" = 3
"""


def sentence(number: int) -> Document:
    """Returns a sentence in which one word determines the relation."""
    word, relation = [("met", "met"), ("left", "left"), ("and", "no_relation")][number % 3]
    return tiny.document(str(number), [f"Ada {word} Zoe"], ["Ada", "Zoe"], (0, relation, 1))


@pytest.fixture
def custom_task(tmp_path: Path) -> Path:
    JSONLines().write([sentence(n) for n in range(48)], tmp_path / "train.jsonl")
    JSONLines().write([sentence(n) for n in range(48, 60)], tmp_path / "test.jsonl")
    text = CUSTOM.format(metric="accuracy", headline="accuracy", at=tmp_path, extractor="markers")
    (tmp_path / "own.toml").write_text(text)
    return tmp_path / "own.toml"


def test_every_built_in_task_is_valid() -> None:
    assert {"docred", "redocred", "tacred", "semeval", "wiki80", "chemprot", "fewrel"} <= set(task_names())
    for name in task_names():
        task = read_task(name)
        for extra in ({}, *task.by_fraction.values()):
            resolve(overrides={**task.settings, **extra, "data.test": "x"})
        for published in task.published:
            assert published["source"]
            assert 0 < published["value"] < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("metric =", "metrics ="), "unknown field 'metrics'"),
        (('metric = "accuracy"', 'metric = "luck"'), "metric: expected one of docred, .*, got 'luck'"),
        (("dev_share = 0.25", ""), "expected either 'dev' or 'dev_share'"),
        (("test =", "tests ="), "data: unknown field 'tests'"),
        (('headline = "accuracy"', ""), "expected the field 'headline'"),
        (("[data]", "[data"), "expected a task as TOML"),
    ],
)
def test_errors_in_a_task_name_the_field(custom_task: Path, change: tuple[str, str], message: str) -> None:
    custom_task.write_text(custom_task.read_text().replace(*change))
    with pytest.raises(SettingsError, match=message):
        read_task(str(custom_task))


def test_missing_files_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FINECL_DATA", str(tmp_path))
    assert not read_task("semeval").is_available
    with pytest.raises(SettingsError, match=r"task 'semeval', data\.test: expected a file at .*, found none"):
        run_task(read_task("semeval"))
    with pytest.raises(SettingsError, match="nothing: expected a task's name or a TOML file; known: chemprot"):
        read_task("nothing")


def test_a_fraction_keeps_every_relation_and_dev_is_the_same_for_all_seeds(custom_task: Path) -> None:
    task, registry = read_task(str(custom_task)), plugins.load()
    settings = resolve(overrides={"data.test": "x"})
    whole, half, other = (read_splits(task, f, s, settings, registry) for f, s in ((100, 1), (50, 1), (50, 2)))
    assert (len(whole.train), len(whole.dev), len(half.train)) == (36, 12, len(other.train))
    assert [d.title for d in whole.dev.documents()] == [d.title for d in other.dev.documents()]
    assert {d.title for d in half.train.documents()} < {d.title for d in whole.train.documents()}
    counts = Counter(d.labels[0].relation for d in whole.train.documents())
    sampled = Counter(d.labels[0].relation for d in half.train.documents())
    assert all(sampled[relation] >= count / 2 for relation, count in counts.items())
    assert [d.title for d in half.train.documents()] != [d.title for d in other.train.documents()]


@pytest.mark.parametrize(
    ("metric", "headline", "extractor"),
    [("accuracy", "accuracy", "markers"), ("tacred", "f1", "markers"), ("docred", "f1", "bilinear")],
)
def test_a_custom_task_is_learned(
    custom_task: Path, models: dict[str, Path], metric: str, headline: str, extractor: str
) -> None:
    custom_task.write_text(CUSTOM.format(metric=metric, headline=headline, at=custom_task.parent, extractor=extractor))
    more = {"finetune.num_train_epochs": 12, "finetune.learning_rate": 5e-3, "finetune.batch_size": 8}
    record = run_task(read_task(str(custom_task)), model=str(models["bert"]), seed=1, overrides=QUICK | more)
    assert record["value"] == record["metrics"][headline]
    assert record["value"] > 0.9  # one word determines the relation
    again = run_task(read_task(str(custom_task)), model=str(models["bert"]), seed=1, overrides=QUICK | more)
    timings = ("finetune_seconds", "tokens_per_second")
    assert {k: v for k, v in again["metrics"].items() if k not in timings} == {
        k: v for k, v in record["metrics"].items() if k not in timings
    }


def test_settings_of_a_fraction_override_those_of_the_task(custom_task: Path, models: dict[str, Path]) -> None:
    record = run_task(read_task(str(custom_task)), model=str(models["bert"]), fraction=50)
    assert record["settings"]["finetune"]["num_train_epochs"] == 3
    assert record["metrics"]["train_documents"] < 36


def test_the_command_prints_a_record(
    custom_task: Path, models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(models["bert"]), "--fraction", "50", "--seed", "3", "--json"]
    assert run(["benchmark", "task", str(custom_task), *options]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["fraction"], record["seed"], record["task"]) == (50.0, 3, "own")
    assert run(["benchmark", "task", "nothing"]) == 2
    assert "nothing: expected a task's name or a TOML file" in capsys.readouterr().err


def test_few_shot_episodes_find_the_nearest_mean() -> None:
    generator = np.random.default_rng(0)
    relation = np.repeat(np.arange(8), 20)
    centre = np.eye(8, 16)[relation] * 3
    vectors = (centre + generator.normal(0, 0.3, (160, 16))).astype(np.float32)
    episodes = {"ways": 5, "shots": 3, "episodes": 200, "seed": 1}
    assert few_shot_accuracy(vectors, relation, **episodes) > 0.98
    noise = generator.normal(0, 1, (160, 16)).astype(np.float32)
    assert few_shot_accuracy(noise, relation, **episodes) == pytest.approx(0.2, abs=0.12)
    with pytest.raises(SettingsError, match="expected 9 relations of more than 3 sentences, got 8"):
        few_shot_accuracy(vectors, relation, ways=9, shots=3, episodes=1, seed=0)


def test_a_suite_sets_tasks_for_all_fractions_and_for_one(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        "[[grid]]\nkind = 'task'\nmethods = ['none']\ntasks = ['semeval']\nfractions = [1, 10]\nseeds = [0]\n"
        "[task_settings]\n'finetune.batch_size' = 4\n'finetune.num_train_epochs' = 3\n"
        "[fraction_settings.10]\n'finetune.num_train_epochs' = 5\n"
    )
    one, ten = read_suite(str(path), plugins.load()).experiments
    assert one.task_settings == {"finetune.batch_size": 4, "finetune.num_train_epochs": 3}
    assert ten.task_settings == {"finetune.batch_size": 4, "finetune.num_train_epochs": 5}


def test_the_built_in_corpus_is_a_task_whose_fractions_are_its_first_training_documents() -> None:
    task = replace(read_task("demo"), settings={"data.demo.silver": 2, "data.demo.train": 8, "data.demo.test": 3})
    quarter, whole = (
        read_splits(task, share, 5, task_settings(task, "minilm", share, 5, {}), plugins.load()) for share in (25, 100)
    )
    titles = [[document.title for document in splits.train.documents()] for splits in (quarter, whole)]
    assert titles == [["train 1", "train 2"], [f"train {n}" for n in range(1, 9)]]
    assert list(quarter.train.documents()) == list(whole.train.documents())[:2]
    other = read_splits(task, 25, 6, task_settings(task, "minilm", 25, 6, {}), plugins.load())
    assert list(other.test.documents()) != list(quarter.test.documents())


def test_a_task_on_the_built_in_corpus_names_no_files(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('metric = "docred"\nheadline = "f1"\n[data]\nname = "demo"\ntrain = "x"\n')
    with pytest.raises(SettingsError, match='name = "demo" alone'):
        read_task(str(path))


CHOOSING = """
[[grid]]
kind = "task"
methods = ["none"]
tasks = ["demo"]
extractors = ["concat"]
seeds = [1]
[choices]
"finetune.learning_rate" = [1e-4, 3e-4]
"finetune.batch_size" = [4, 8]
"""


def test_the_choice_with_the_best_f1_on_dev_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_text(CHOOSING)
    (experiment,) = read_suite(str(tmp_path / "own.toml"), plugins.load()).experiments
    dev_and_test = {(1e-4, 4): (0.1, 0.9), (1e-4, 8): (0.3, 0.2), (3e-4, 4): (0.3, 0.4), (3e-4, 8): (0.2, 0.5)}

    def task(*_: object, overrides: dict[str, Any], **__: object) -> dict[str, Any]:
        assert overrides["finetune.extractor"] == "concat"
        dev, test = dev_and_test[overrides["finetune.learning_rate"], overrides["finetune.batch_size"]]
        metrics = {"dev_f1": dev, "tokens_per_second": None}
        return {"headline": "f1", "value": test, "metrics": metrics, "outcomes": None, "seconds": 1.0}

    monkeypatch.setattr(experiments, "run_task", task)
    monkeypatch.setattr(experiments, "finished_run", lambda *_: SimpleNamespace(directory=tmp_path))
    monkeypatch.setattr(experiments, "cost_of", lambda _: {})
    record = run_experiment(experiment, SuiteContext(tmp_path, plugins.load(), Listener()))
    assert record["value"] == 0.2  # the first of the two that are best on dev
    assert [each["dev_f1"] for each in record["choices"]] == [0.1, 0.3, 0.3, 0.2]
    assert record["cost"]["seconds"] == 4.0


def test_choices_are_lists(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(CHOOSING.replace("[4, 8]", "4"))
    with pytest.raises(SettingsError, match=r"choices, finetune\.batch_size: expected a list of values, got 4"):
        read_suite(str(tmp_path / "own.toml"), plugins.load())
