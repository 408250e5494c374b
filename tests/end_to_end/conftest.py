"""Fixtures: a small corpus, a tiny encoder, and the command line run on them."""

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
class CommandResult:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    def error_line(self) -> str:
        """Returns the one-line error without its prefix; fails if there was none."""
        lines = self.err.splitlines()
        assert self.code == 2, self.err
        assert [line.startswith("finecl: ") for line in lines] == [True], self.err
        return lines[0].removeprefix("finecl: ")


@dataclass(frozen=True)
class Small:
    """Documents in files, an encoder, and settings for a quick run on them."""

    data: Path
    model: Path
    documents: dict[str, tuple[Document, ...]]
    settings: dict[str, str] = field(default_factory=lambda: dict(s.split("=") for s in QUICK))

    def arguments(self, directory: Path, **changed: object) -> list[str]:
        """Returns the arguments of ``finecl train``; names of settings have two underscores for a dot."""
        settings = self.settings | {key.replace("__", "."): str(value) for key, value in changed.items()}
        settings_options = [f"--set={key}={value}" for key, value in settings.items()]
        options = ["--data", str(self.data), "--model", str(self.model), "--output-dir", str(directory)]
        return ["train", "--quiet", *options, *settings_options]

    def copy(self, directory: Path, **changed: tuple[Document, ...] | list[Document]) -> Small:
        """Writes a copy with other documents in some splits."""
        documents = self.documents | {split: tuple(changed_documents) for split, changed_documents in changed.items()}
        write(documents, directory)
        return Small(directory, self.model, documents, self.settings)


def write(documents: dict[str, tuple[Document, ...]], directory: Path) -> None:
    """Writes one JSONL file per split."""
    directory.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        JSONLines().write(documents[split], directory / f"{split}.jsonl")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A few documents of the built-in corpus, written as a user's data."""
    at = tmp_path_factory.mktemp("small")
    corpora = demo_corpora(1, DemoSettings(silver=14, train=6, dev=6, test=6))
    documents = {split: getattr(corpora, split) for split in SPLITS}
    write(documents, at / "data")
    model = tiny.save_model(at / "bert", "bert", max_position_embeddings=512)
    return Small(at / "data", model, documents)


Finecl = Callable[..., CommandResult]


@pytest.fixture
def finecl(capfd: pytest.CaptureFixture[str]) -> Finecl:
    """Runs the command line in this process."""

    def call(*arguments: object) -> CommandResult:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return CommandResult(code, out, err)

    return call


def environment(**variables: object) -> dict[str, str]:
    """Returns this process's environment variables for another process, with one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1", **{key: str(value) for key, value in variables.items()}}


@pytest.fixture
def finecl_process() -> Finecl:
    """Runs the command line in a separate process; keyword arguments are environment variables."""

    def call(*arguments: object, **variables: object) -> CommandResult:
        command = [sys.executable, "-m", "finecl_cli", *map(str, arguments)]
        done = subprocess.run(command, env=environment(**variables), capture_output=True, text=True, timeout=900)
        return CommandResult(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def finished_run(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; tests must not change it."""
    at = tmp_path_factory.mktemp("finished_run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINECL_CACHE", str(at / "cache"))
        assert run(small.arguments(at / "run")) == 0
    return at / "run"


def numbers(metrics: Any) -> Any:
    """Returns metrics without timings."""
    if not isinstance(metrics, dict):
        return metrics
    clocked = ("seconds", "tokens_per_second", "collate_share")
    return {key: numbers(value) for key, value in metrics.items() if not key.endswith(clocked)}
