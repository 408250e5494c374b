"""A run that is killed in every stage ends as one that nobody disturbed; and so does one of two ranks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from finecl_cli.main import run
from safetensors.numpy import load_file

from tests.end_to_end.conftest import Finecl, Small, environment, numbers

STAGES = ("proxy", "pretrain", "finetune-pretrained", "finetune-plain")
SETTINGS: dict[str, Any] = {
    "proxy__num_train_epochs": 3,
    "proxy__batch_size": 2,
    "pretrain__max_steps": 12,
    "pretrain__batch_size": 6,
    "finetune__num_train_epochs": 4,
    "finetune__batch_size": 1,
    "finetune__eval_epochs": 2,
    "model__precision": "float32",
}


@pytest.fixture(scope="module")
def undisturbed(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINECL_CACHE", str(at / "cache"))
        assert run(small.arguments(at / "run", **SETTINGS)) == 0
    return at / "run"


def same(found: Path, wanted: Path, close: Callable[[Any, Any], None]) -> None:
    """The results of two runs, by a comparison of arrays."""
    ours, theirs = (pq.read_table(at / "scores.parquet") for at in (found, wanted))
    assert ours.column_names == theirs.column_names
    for name in ours.column_names:
        if ours[name].type in ("float", "double"):
            close(ours[name].to_numpy(), theirs[name].to_numpy())
        else:
            assert ours[name].equals(theirs[name]), name
    for part in ("encoder/model", "extractor/pretrained/encoder/model", "extractor/plain/head"):
        mine, other = (load_file(at / f"{part}.safetensors") for at in (found, wanted))
        assert mine.keys() == other.keys()
        for name, tensor in mine.items():
            close(tensor, other[name])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_every_stage_it_ends_the_same(
    number: int, small: Small, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINECL_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(number)
    arguments = small.arguments(tmp_path / "run", save__save_steps=1, **SETTINGS)
    for stage in STAGES:
        process = subprocess.Popen([sys.executable, "-m", "finecl_cli", *arguments], env=environment())
        _wait_for(tmp_path / "run" / "checkpoints" / stage, int(rng.integers(1, 5)), process)
        process.send_signal(number)
        code = process.wait(timeout=60)
        assert code == (-number if number == signal.SIGKILL else 128 + number), stage
        assert list((tmp_path / "run" / "checkpoints" / stage).glob("step-*")), stage
    assert run(arguments) == 0
    same(tmp_path / "run", undisturbed, np.testing.assert_array_equal)
    ours, theirs = (json.loads((at / "metrics.json").read_text()) for at in (tmp_path / "run", undisturbed))
    assert numbers(ours) == numbers(theirs)
    assert not list((tmp_path / "run" / "checkpoints").glob("*/*"))


def _wait_for(directory: Path, step: int, process: subprocess.Popen[bytes]) -> None:
    """Until a checkpoint of this step, or a later one, is there."""
    began = time.monotonic()
    while not any(int(path.name.split("-")[1]) >= step for path in directory.glob("step-*")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() - began < 120
        time.sleep(0.002)


def test_two_devices_find_what_one_finds(small: Small, tmp_path: Path, elsewhere: Finecl) -> None:
    """Dropout is drawn by pass, and ranks cut other passes; Adam's own epsilon makes full steps of rounding."""
    without = {"model__hidden_dropout": 0, **{f"{s}__adam_epsilon": 1e-3 for s in ("proxy", "pretrain", "finetune")}}
    settings = SETTINGS | without
    assert elsewhere(*small.arguments(tmp_path / "one", **settings), FINECL_CACHE=tmp_path / "c1").code == 0
    arguments = [*small.arguments(tmp_path / "run", **settings), "--devices", "2", "--json"]
    told = elsewhere(*arguments, FINECL_CACHE=tmp_path / "c2")
    assert told.code == 0, told.err
    assert json.loads(told.out)["evaluate"].keys() == {"pretrained", "plain"}  # one rank talks
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["ranks"] == 2

    def close(ours: Any, theirs: Any) -> None:
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)

    same(tmp_path / "run", tmp_path / "one", close)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"proxy__learning_rate": 1e30}, "the loss is"),
        ({"proxy__extractor": "nobody"}, "no extractor is called 'nobody'"),
    ],
)
def test_a_failure_of_the_ranks_is_told_once_with_exit_code_2(
    changed: dict[str, Any], message: str, small: Small, tmp_path: Path, elsewhere: Finecl
) -> None:
    arguments = [*small.arguments(tmp_path / "run", **(SETTINGS | changed)), "--devices", "2"]
    told = elsewhere(*arguments, FINECL_CACHE=tmp_path / "cache")
    assert told.code == 2, told.err
    (line,) = told.err.splitlines()
    assert message in line


def test_devices_must_be_a_number_of_processes(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    complaint = finecl(*small.arguments(tmp_path / "run"), "--devices", "0").complaint()
    assert complaint == "--devices: expected at least 1, got 0"
