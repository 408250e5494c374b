"""A small corpus, a tiny encoder, and the command line run on them in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from finecl_cli.main import run
from finecl_formats.jsonl import JSONLines

from finecl.data.demo.corpora import DemoSettings, demo_corpora
from finecl.types import Document
from tests.helpers import tiny

SPLITS = ("silver", "train", "dev", "test")
QUICK = ("proxy.num_train_epochs=2", "pretrain.max_steps=2", "finetune.num_train_epochs=1")


@dataclass(frozen=True)
class Told:
    """What a command answered."""

    code: int
    out: str
    err: str

    def complaint(self) -> str:
        """The one line of a refusal, without its beginning; fails if this was none."""
        lines = self.err.splitlines()
        assert self.code == 2, self.err
        assert [line.startswith("finecl: ") for line in lines] == [True], self.err
        return lines[0].removeprefix("finecl: ")


@dataclass(frozen=True)
class Small:
    """Documents in files, an encoder, and the options that make a run of them quick."""

    data: Path
    model: Path
    documents: dict[str, tuple[Document, ...]]
    settings: dict[str, str] = field(default_factory=lambda: dict(s.split("=") for s in QUICK))

    def arguments(self, directory: Path, **changed: object) -> list[str]:
        """``finecl train``'s arguments; settings are written with two underscores for a dot."""
        settings = self.settings | {key.replace("__", "."): str(value) for key, value in changed.items()}
        given = [f"--set={key}={value}" for key, value in settings.items()]
        options = ["--data", str(self.data), "--model", str(self.model), "--output-dir", str(directory)]
        return ["train", "--quiet", *options, *given]

    def copy(self, directory: Path, **changed: tuple[Document, ...] | list[Document]) -> Small:
        """The same with other documents in some splits."""
        documents = self.documents | {split: tuple(made) for split, made in changed.items()}
        write(documents, directory)
        return Small(directory, self.model, documents, self.settings)


def write(documents: dict[str, tuple[Document, ...]], directory: Path) -> None:
    """One JSONL file a split."""
    directory.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        JSONLines().write(documents[split], directory / f"{split}.jsonl")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A few documents of the built-in corpus, as anybody's own."""
    at = tmp_path_factory.mktemp("small")
    made = demo_corpora(1, DemoSettings(silver=14, train=6, dev=6, test=6))
    documents = {split: getattr(made, split) for split in SPLITS}
    write(documents, at / "data")
    model = tiny.save_model(at / "bert", "bert", max_position_embeddings=512)
    return Small(at / "data", model, documents)


Finecl = Callable[..., Told]


@pytest.fixture
def finecl(capfd: pytest.CaptureFixture[str]) -> Finecl:
    """Runs the command line in this process."""

    def call(*arguments: object) -> Told:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Told(code, out, err)

    return call


def environment(**variables: object) -> dict[str, str]:
    """For another process: this one's, with one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1", **{key: str(value) for key, value in variables.items()}}


@pytest.fixture
def elsewhere() -> Finecl:
    """Runs the command line in a process of its own; keyword arguments are environment variables."""

    def call(*arguments: object, **variables: object) -> Told:
        command = [sys.executable, "-m", "finecl_cli", *map(str, arguments)]
        done = subprocess.run(command, env=environment(**variables), capture_output=True, text=True, timeout=900)
        return Told(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def straight(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, not to be changed."""
    at = tmp_path_factory.mktemp("straight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINECL_CACHE", str(at / "cache"))
        assert run(small.arguments(at / "run")) == 0
    return at / "run"


def numbers(metrics: Any) -> Any:
    """Metrics without what a clock said."""
    if not isinstance(metrics, dict):
        return metrics
    clocked = ("seconds", "tokens_per_second", "collate_share")
    return {key: numbers(value) for key, value in metrics.items() if not key.endswith(clocked)}
