"""Every command that writes, killed at seeded moments: nothing half-written, and the same result in the end.

FINECL_HOSTILE=all runs every case; see ``finecl_benchmarks.hostile``.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from finecl_formats.jsonl import JSONLines

from tests.end_to_end.conftest import Small
from tests.hostile.conftest import ALL
from tests.hostile.kills import Case, Starter, kill, starter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and reads /proc")
SEED = 20
MODELS = ("encoder", "extractor/pretrained", "extractor/plain")
STEPS = {"save__save_steps": 1, "pretrain__max_steps": 4, "model__precision": "float32"}
QUICK = ("finetune", "review import", "predict to jsonl", "data split", "plugins new")
NAMES = (
    "train", "score", "pretrain", "finetune", "evaluate", "report", "clean", "review export", "review export tasks",
    "review import", "predict to jsonl", "predict to parquet", "export", "data convert", "data convert to parquet",
    "data convert to text", "data split", "data label", "data corrupt", "data leakage", "benchmark run",
    "report of a suite", "plugins new",
)  # fmt: skip
SUITE = """title = "small"
[[grid]]
kind = "run"
methods = ["none", "mlm"]
seeds = [0]
[settings]
"data.name" = "data"
"model.name" = "{model}"
"proxy.num_train_epochs" = 1
"pretrain.max_steps" = 2
"finetune.num_train_epochs" = 1
"""


class Bases:
    """Directories that commands start from, made when they are first asked for: data, and runs of some stages."""

    def __init__(self, small: Small, start: Starter, at: Path) -> None:
        self._small, self._start, self._at = small, start, at
        self._made: dict[str, Path] = {}

    def __getitem__(self, name: str) -> Path:
        if name not in self._made:
            self._made[name] = self._at / name.replace(" ", "-")
            self._make(name, self._made[name])
        return self._made[name]

    def _make(self, name: str, path: Path) -> None:
        area = self._start.area
        shutil.rmtree(area, ignore_errors=True)
        if name == "data":
            shutil.copytree(self._small.data, path / "data")
            self._add_files(path)
            return
        shutil.copytree(self["data"], area)
        if name == "suite":
            self._run("benchmark", "run", "small.toml", "--directory", "work", "--quiet")
        elif name == "silver":
            self._run(*score(self._small))
        else:
            self._run(*self.train(), "--stop-after", name)
        if name == "report":
            self._run("review", "export", "run", "judged.jsonl", "--top", "5", "--random", "5")
            rows = [json.loads(line) for line in (area / "judged.jsonl").read_text().splitlines()]
            judged = [json.dumps(row | {"verdict": "right"}) for row in rows]
            (area / "judged.jsonl").write_text("\n".join(judged))
        shutil.rmtree(area / "cache", ignore_errors=True)
        shutil.move(area, path)

    def _run(self, *arguments: str) -> None:
        ended = self._start.fork(arguments)
        assert ended.code == 0, ended.err

    def train(self) -> tuple[str, ...]:
        """Returns the arguments that train in ``run``."""
        arguments = self._small.arguments(Path("run"), **STEPS)
        return tuple("data" if argument == str(self._small.data) else argument for argument in arguments)

    def _add_files(self, path: Path) -> None:
        """Writes a larger file to predict, a knowledge graph and a suite."""
        test, silver = (self._small.documents[split] for split in ("test", "silver"))
        JSONLines().write(test * 25, path / "data" / "many.jsonl")
        facts = {(str(d.entities[x.head].id), x.relation, str(d.entities[x.tail].id)) for d in silver for x in d.labels}
        (path / "graph.tsv").write_text("".join("\t".join(fact) + "\n" for fact in sorted(facts)))
        (path / "small.toml").write_text(SUITE.format(model=self._small.model))
        JSONLines().write(silver[:2], path / "old.jsonl")


def score(small: Small) -> tuple[str, ...]:
    settings = ("--model", str(small.model), "--set=proxy.num_train_epochs=2", "--set=save.save_steps=1")
    return "score", "data/silver.jsonl", "--quiet", "--output-dir", "run", *settings


def case_of(name: str, bases: Bases, small: Small) -> Case:
    """Returns the command of a name."""
    silver, many = "data/silver.jsonl", "data/many.jsonl"
    commands: dict[str, tuple[str, tuple[str, ...]]] = {
        "train": ("data", bases.train()),
        "score": ("data", score(small)),
        "pretrain": ("score", ("pretrain", "run", "--quiet")),
        "finetune": ("pretrain", ("finetune", "run", "--quiet")),
        "evaluate": ("finetune", ("evaluate", "run", "--quiet")),
        "report": ("evaluate", ("report", "run", "--figures", "figures", "--format", "svg", "--quiet")),
        "clean": ("silver", ("clean", silver, "old.jsonl", "--run", "run", "--drop-share", "0.3", "--quiet")),
        "review export": ("report", ("review", "export", "run", "labels.jsonl")),
        "review export tasks": ("report", ("review", "export", "run", "labels.json")),
        "review import": ("report", ("review", "import", "run", "judged.jsonl", "--quiet")),
        "predict to jsonl": ("finetune", ("predict", "run", many, "out.jsonl", "--threshold", "0", "--quiet")),
        "predict to parquet": ("finetune", ("predict", "run", many, "out.parquet", "--threshold", "0", "--quiet")),
        "export": ("finetune", ("export", "run", "model.onnx", "--quiet")),
        "data convert": ("data", ("data", "convert", silver, "old.jsonl", "--quiet")),
        "data convert to parquet": ("data", ("data", "convert", silver, "out.parquet", "--quiet")),
        "data convert to text": (
            "data",
            ("data", "convert", silver, "out", "--to", "text", "--drop", "entities", "--quiet"),
        ),
        "data split": ("data", ("data", "split", silver, "parts", "--share", "a=0.5", "--share", "b=0.5", "--quiet")),
        "data label": ("data", ("data", "label", silver, "out.jsonl", "--triples", "graph.tsv", "--quiet")),
        "data corrupt": ("data", ("data", "corrupt", silver, "out.jsonl", "--rate", "0.4", "--quiet")),
        "data leakage": ("data", ("data", "leakage", many, "--against", silver, "--drop", "out.jsonl", "--quiet")),
        "benchmark run": ("data", ("benchmark", "run", "small.toml", "--directory", "work", "--quiet")),
        "report of a suite": ("suite", ("report", "work/small", "--figures", "figures", "--format", "svg")),
        "plugins new": ("data", ("plugins", "new", "mine", "--kind", "extractor")),
    }
    base, arguments = commands[name]
    whole = tuple(f"run/{model}" for model in MODELS)
    once = {"data convert to text": ("out",), "plugins new": ("finecl-mine",)}
    return Case(name, arguments, bases[base], (*whole, *once.get(name, ())), once=name in once)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    with starter(tmp_path_factory.mktemp("kills")) as started:
        yield started


@pytest.fixture(scope="module")
def bases(small: Small, start: Starter, tmp_path_factory: pytest.TempPathFactory) -> Bases:
    return Bases(small, start, tmp_path_factory.mktemp("bases"))


@pytest.mark.parametrize("name", NAMES if ALL else QUICK)
def test_a_killed_command_leaves_nothing_half_written_and_gives_the_same_result(
    name: str, bases: Bases, small: Small, start: Starter, counts: dict[str, Counter[str]]
) -> None:
    case = case_of(name, bases, small)
    start.counts = counts.setdefault(f"kill {name}", Counter())
    amount: dict[str, Any] = {"forks": 7, "starts": 2, "chain": 9} if ALL else {"forks": 3, "starts": 0, "chain": 3}
    kill(case, start, random.Random(f"{SEED} {name}"), **amount)


def test_a_command_that_is_killed_while_it_starts_leaves_nothing(
    bases: Bases, small: Small, start: Starter, counts: dict[str, Counter[str]]
) -> None:
    case = case_of("data convert", bases, small)
    start.counts = counts.setdefault("kill while starting", Counter())
    kill(case, start, random.Random(SEED), forks=0, starts=36 if ALL else 6, chain=6)
