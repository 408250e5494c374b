"""Runs that are killed in every stage give the results of uninterrupted runs; so do runs on two ranks."""

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
def uninterrupted(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    at = tmp_path_factory.mktemp("uninterrupted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINECL_CACHE", str(at / "cache"))
        assert run(small.arguments(at / "run", **SETTINGS)) == 0
    return at / "run"


def same(actual: Path, expected: Path, close: Callable[[Any, Any], None]) -> None:
    """Asserts that the results of two runs are equal by ``close``, a comparison of arrays."""
    actual_table, expected_table = (pq.read_table(at / "scores.parquet") for at in (actual, expected))
    assert actual_table.column_names == expected_table.column_names
    for name in actual_table.column_names:
        if actual_table[name].type in ("float", "double"):
            close(actual_table[name].to_numpy(), expected_table[name].to_numpy())
        else:
            assert actual_table[name].equals(expected_table[name]), name
    for part in ("encoder/model", "extractor/pretrained/encoder/model", "extractor/plain/head"):
        actual_tensors, expected_tensors = (load_file(at / f"{part}.safetensors") for at in (actual, expected))
        assert actual_tensors.keys() == expected_tensors.keys()
        for name, tensor in actual_tensors.items():
            close(tensor, expected_tensors[name])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_killed_in_every_stage_gives_the_same_result(
    number: int, small: Small, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    same(tmp_path / "run", uninterrupted, np.testing.assert_array_equal)
    actual, expected = (json.loads((at / "metrics.json").read_text()) for at in (tmp_path / "run", uninterrupted))
    assert numbers(actual) == numbers(expected)
    assert not list((tmp_path / "run" / "checkpoints").glob("*/*"))


def _wait_for(directory: Path, step: int, process: subprocess.Popen[bytes]) -> None:
    """Waits for a checkpoint of this step or a later one."""
    began = time.monotonic()
    while not any(int(path.name.split("-")[1]) >= step for path in directory.glob("step-*")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() - began < 120
        time.sleep(0.002)


def test_two_devices_give_the_result_of_one(small: Small, tmp_path: Path, finecl_process: Finecl) -> None:
    """Without dropout, since micro-batches differ; with a large epsilon, since Adam amplifies rounding errors."""
    without = {"model__hidden_dropout": 0, **{f"{s}__adam_epsilon": 1e-3 for s in ("proxy", "pretrain", "finetune")}}
    settings = SETTINGS | without
    assert finecl_process(*small.arguments(tmp_path / "one", **settings), FINECL_CACHE=tmp_path / "c1").code == 0
    arguments = [*small.arguments(tmp_path / "run", **settings), "--devices", "2", "--json"]
    result = finecl_process(*arguments, FINECL_CACHE=tmp_path / "c2")
    assert result.code == 0, result.err
    assert json.loads(result.out)["evaluate"].keys() == {"pretrained", "plain"}  # one rank prints
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["ranks"] == 2

    def close(actual: Any, expected: Any) -> None:
        np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4)

    same(tmp_path / "run", tmp_path / "one", close)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"proxy__learning_rate": 1e30}, "the loss is"),
        ({"proxy__extractor": "nobody"}, "no extractor is called 'nobody'"),
    ],
)
def test_an_error_of_the_ranks_is_printed_once_with_exit_code_2(
    changed: dict[str, Any], message: str, small: Small, tmp_path: Path, finecl_process: Finecl
) -> None:
    arguments = [*small.arguments(tmp_path / "run", **(SETTINGS | changed)), "--devices", "2"]
    result = finecl_process(*arguments, FINECL_CACHE=tmp_path / "cache")
    assert result.code == 2, result.err
    (line,) = result.err.splitlines()
    assert message in line


def test_devices_must_be_a_number_of_processes(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    complaint = finecl(*small.arguments(tmp_path / "run"), "--devices", "0").error_line()
    assert complaint == "--devices: expected at least 1, got 0"
