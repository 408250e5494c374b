"""Every file that finecl reads from outside, damaged in every way: the undisturbed result, or one line and exit code 2.

FINECL_HOSTILE=all runs every case; see ``finecl_benchmarks.hostile``.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from finecl_cli.main import run

from finecl.artifacts.files import read_json, write_json
from finecl.config.resolve import read_preset, resolve
from finecl.config.schema import ModelSettings
from finecl.errors import FineCLError, TrainingError
from finecl.models.pretrained import load_encoder
from finecl.models.verification import VECTOR
from finecl.review.exchange import read_answers
from finecl.review.verdicts import read_verdicts
from finecl.training.checkpointing import CheckpointManager
from tests.end_to_end.conftest import Small, numbers
from tests.hostile.conftest import ALL
from tests.hostile.damage import damages

SEED = 20
LINE = "one line"


@dataclass(frozen=True)
class Target:
    """Files to damage, in a directory that is copied for each case, and what reads them.

    ``use`` gets the directory and returns a result, or ``LINE`` and an error of one line. With ``may_differ`` another
    valid result is right, too: the file is the user's own, or a stranger's, so that nothing says how it should be.
    """

    base: Path
    files: tuple[Path, ...]
    use: Callable[[Path], Any]
    may_differ: bool = False
    quick: int = 1
    whole: int = 6


def command(*arguments: Any) -> tuple[int, str, str]:
    """Runs the command line in this process; a traceback is raised."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def answered(code: int, err: str, result: Callable[[], Any]) -> Any:
    """Returns the result of a command, or its error, which must be one line."""
    if code == 0:
        return result()
    assert code == 2, err
    lines = err.splitlines()
    assert [line.startswith("finecl: ") for line in lines] == [True], err
    return LINE, lines[0]


def library(read: Callable[[], Any]) -> Any:
    """Returns what a function of the library returns, or its error, which must be one line."""
    try:
        return read()
    except FineCLError as error:
        message = str(error)
    assert "\n" not in message
    return LINE, message


def inside(directory: Path, *patterns: str) -> tuple[Path, ...]:
    paths = sorted({path for pattern in patterns for path in directory.glob(pattern) if path.is_file()})
    assert paths, patterns
    return tuple(path.relative_to(directory) for path in paths if path.name != "README.md")


def predict(small: Small, *options: str) -> Callable[[Path], Any]:
    def use(directory: Path) -> Any:
        output = directory.parent / "out.jsonl"
        arguments = ("--quiet", "--threshold", "0", *options, directory, small.data / "test.jsonl", output)
        code, _, err = command("predict", *arguments)
        left = {path.name for path in directory.parent.iterdir()} - {directory.name, "cache"}
        assert left == ({"out.jsonl"} if code == 0 else set())
        return answered(code, err, output.read_bytes)

    return use


def extractor(small: Small, finished: Path, tmp: Path) -> Target:
    base = finished / "extractor" / "pretrained"
    return Target(base, inside(base, "*", "encoder/*"), predict(small), quick=1, whole=8)


def extractor_of_others(small: Small, finished: Path, tmp: Path) -> Target:
    """Without any hash or checksum."""
    base = Path(shutil.copytree(finished / "extractor" / "pretrained", tmp / "of others"))
    config = read_json(base / "extractor.json")
    write_json(base / "extractor.json", {key: value for key, value in config.items() if key != "files"})
    (base / "encoder" / VECTOR).unlink()
    return Target(base, inside(base, "*", "encoder/*"), predict(small), may_differ=True, quick=2, whole=16)


def onnx(small: Small, finished: Path, tmp: Path) -> Target:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    base = Path(shutil.copytree(finished / "extractor" / "pretrained", tmp / "onnx"))
    assert command("export", base, base / "model.onnx")[0] == 0
    return Target(base, inside(base, "model.onnx*"), predict(small, "--backend", "onnx"), quick=2, whole=20)


def encoder(small: Small, finished: Path, tmp: Path) -> Target:
    base = finished / "encoder"
    return Target(base, inside(base, "*"), _states, quick=1, whole=8)


def encoder_of_others(small: Small, finished: Path, tmp: Path) -> Target:
    return Target(small.model, inside(small.model, "*"), _states, may_differ=True, quick=3, whole=16)


def _states(directory: Path) -> Any:
    def read() -> Any:
        encoder, tokenizer, _ = load_encoder(ModelSettings(name=str(directory), device="cpu", precision="float32"))
        ids = torch.tensor([tokenizer.encode("Ada met Zoe in the house of the river .")])
        model: Any = encoder.model
        model.set_attn_implementation("sdpa")
        states = model.base_model(input_ids=ids).last_hidden_state
        assert torch.isfinite(states).all()
        return states.tolist()

    return library(read)


def _resumed(directory: Path) -> Any:
    """Resumes the run and returns its results."""
    code, _, err = command("train", "--resume", "--quiet", "--output-dir", directory)
    assert not [path for path in directory.rglob(".*") if path.name != ".lock"]
    return answered(code, err, lambda: _results(directory))


def _results(directory: Path) -> Any:
    stages = json.loads((directory / "run.json").read_text())["stages"]
    made = [stages[name]["outputs"] for name in ("score", "pretrain", "finetune", "evaluate")]
    return numbers(json.loads((directory / "metrics.json").read_text())), [_without_vectors(files) for files in made]


def _without_vectors(files: dict[str, str]) -> dict[str, str]:
    return {name: content for name, content in files.items() if not name.endswith("extractor.json")}


def run_directory(small: Small, finished: Path, tmp: Path) -> Target:
    base = Path(shutil.copytree(finished, tmp / "finished"))
    names = ("run.json", "metrics.json", "*.parquet", "report.html", "encoder/*", "extractor/plain/*", "predictions/*")
    return Target(base, inside(base, *names), _resumed, quick=0, whole=4)


def run_records(small: Small, finished: Path, tmp: Path) -> Target:
    return replace_files(run_directory(small, finished, tmp), ("run.json", "metrics.json"), quick=6, whole=40)


def run_record_without_checksum(small: Small, finished: Path, tmp: Path) -> Target:
    target = replace_files(run_directory(small, finished, tmp), ("run.json",), quick=4, whole=40, may_differ=True)
    write_json(target.base / "run.json", read_json(target.base / "run.json"))
    return target


def replace_files(
    target: Target, names: tuple[str, ...], *, quick: int, whole: int, may_differ: bool = False
) -> Target:
    return Target(target.base, tuple(map(Path, names)), target.use, may_differ, quick, whole)


def tables(small: Small, finished: Path, tmp: Path) -> Target:
    base = Path(shutil.copytree(finished, tmp / "tables"))

    def use(directory: Path) -> Any:
        output = directory.parent / "labels.jsonl"
        code, _, err = command("review", "export", directory, output, "--top", "5", "--random", "5")
        assert output.exists() == (code == 0)
        return answered(code, err, output.read_text)

    return Target(base, (Path("scores.parquet"),), use, quick=4, whole=60)


def report(small: Small, finished: Path, tmp: Path) -> Target:
    base = Path(shutil.copytree(finished, tmp / "report"))

    def use(directory: Path) -> Any:
        (directory / "report.html").unlink(missing_ok=True)
        code, _, err = command("report", directory, "--quiet")
        assert (directory / "report.html").exists() == (code == 0)
        return answered(code, err, lambda: None)

    return Target(base, inside(base, "*.json", "*.parquet"), use, may_differ=True, quick=1, whole=8)


def checkpoints(small: Small, finished: Path, tmp: Path) -> Target:
    base = tmp / "stopped"
    saves = 0

    def stop(self: CheckpointManager, step: int, *rest: Any) -> None:
        nonlocal saves
        before(self, step, *rest)
        saves += step > 0
        if saves == 4:
            raise TrainingError("stopped")

    before = CheckpointManager.before
    settings = {"save__save_steps": 1, "proxy__batch_size": 2, "model__precision": "float32"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CheckpointManager, "before", stop)
        patch.setenv("FINECL_CACHE", str(tmp / "cache"))
        assert command(*small.arguments(base, **settings))[0] == 2
    return Target(base, inside(base, "checkpoints/*/*/*"), _resumed, quick=0, whole=12)


def cache(small: Small, finished: Path, tmp: Path) -> Target:
    """Files of the cache of a scored run."""
    base = tmp / "cache of a run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINECL_CACHE", str(base))
        assert command(*small.arguments(tmp / "scored", scorer__name="knn"), "--stop-after", "score")[0] == 0

    def use(directory: Path) -> Any:
        output = directory.parent / "run"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FINECL_CACHE", str(directory))
            code, _, err = command(*small.arguments(output, scorer__name="knn"), "--stop-after", "score")
        return answered(code, err, (output / "scores.parquet").read_bytes)

    return Target(base, inside(base, "*/*.arrow", "*/*.npy", "*/*.json", "*/*.sha256"), use, quick=0, whole=4)


def verdicts(small: Small, finished: Path, tmp: Path) -> Target:
    base = tmp / "verdicts"
    base.mkdir()
    scored = Path(shutil.copytree(finished, tmp / "to review"))
    for name in ("labels.jsonl", "tasks.json"):
        assert command("review", "export", scored, base / name, "--top", "4", "--random", "4")[0] == 0
    rows = [json.loads(line) for line in (base / "labels.jsonl").read_text().splitlines()]
    judged = [json.dumps(row | {"verdict": "wrong", "truth": None}) for row in rows]
    (base / "labels.jsonl").write_text("\n".join(judged))
    stored = [{"uid": row["uid"], "verdict": "wrong", "truth": None, "drawn": "random"} for row in rows]
    (base / "verdicts.jsonl").write_text("\n".join(map(json.dumps, stored)))
    answers = {"verdict": {"choices": ["right"]}, "truth": {"text": ["x"]}}
    result = [{"from_name": name, "value": value} for name, value in answers.items()]
    tasks = json.loads((base / "tasks.json").read_text())
    annotated = [task | {"annotations": [{"was_cancelled": False, "result": result}]} for task in tasks]
    (base / "tasks.json").write_text(json.dumps(annotated))

    def use(directory: Path) -> Any:
        readers = (
            lambda: read_answers(directory / "labels.jsonl", {"x": "x"}),
            lambda: read_answers(directory / "tasks.json", {"x": "x"}),
            lambda: read_verdicts(directory),
        )
        results = [library(reader) for reader in readers]
        return next((result for result in results if isinstance(result, tuple) and result[0] == LINE), results)

    return Target(base, inside(base, "*.json*"), use, may_differ=True, quick=20, whole=200)


def settings_file(small: Small, finished: Path, tmp: Path) -> Target:
    base = tmp / "settings"
    base.mkdir()
    assert read_preset("demo")
    text = (Path(sys.modules["finecl"].__file__ or "").parent / "config" / "presets" / "small.toml").read_text()
    (base / "settings.toml").write_text(text)

    def use(directory: Path) -> Any:
        return library(lambda: resolve(file=directory / "settings.toml"))

    return Target(base, inside(base, "*.toml"), use, may_differ=True, quick=60, whole=600)


def plugins(small: Small, finished: Path, tmp: Path) -> Target:
    """The metadata and the module of an installed plugin: what cannot be read is left out, all else is listed."""
    base = tmp / "installed"
    (base / "theirs-1.0.dist-info").mkdir(parents=True)
    (base / "theirs-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (base / "theirs-1.0.dist-info" / "entry_points.txt").write_text("[finecl]\ntheirs = theirs\n")
    (base / "theirs.py").write_text(
        "from finecl import hookimpl\n\n\nclass Mine:\n    '''Weighs.'''\n\n    def weigh(self, noise):\n"
        "        return noise\n\n\n@hookimpl\ndef weightings():\n    return {'theirs': Mine}\n"
    )

    def use(directory: Path) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(directory)
            patch.delitem(sys.modules, "theirs", raising=False)
            code, out, err = command("plugins", "--json")
            assert code == 0, err
            listed = json.loads(out)
        assert {"learning-order", "bilinear"} <= {part["name"] for part in listed["parts"]}
        return listed

    return Target(base, inside(base, "*", "*/*"), use, may_differ=True, quick=3, whole=30)


def progress(small: Small, finished: Path, tmp: Path) -> Target:
    """What an interrupted prediction left."""
    from finecl.inference import batch_predict

    base, source = tmp / "interrupted", finished / "extractor" / "plain"
    base.mkdir()
    arguments = ("predict", "--quiet", "--threshold", "0", source, small.data / "test.jsonl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_predict, "PIECE", 2)

        def stop(*_: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr(batch_predict.Predicting, "_refuse", stop)
        lines = batch_predict.Predicting._lines

        def twice(self: Any, piece: Any, done: Any) -> Any:
            if done.documents >= 4:
                raise KeyboardInterrupt
            return lines(self, piece, done)

        patch.setattr(batch_predict.Predicting, "_lines", twice)
        assert command(*arguments, base / "out.jsonl")[0] == 130

    def use(directory: Path) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batch_predict, "PIECE", 2)
            code, _, err = command(*arguments, directory / "out.jsonl")
        assert [path.name for path in directory.iterdir()] == (["out.jsonl"] if code == 0 else [])
        return answered(code, err, (directory / "out.jsonl").read_bytes)

    return Target(base, inside(base, ".*"), use, quick=4, whole=40)


TARGETS = (
    extractor, extractor_of_others, onnx, encoder, encoder_of_others, run_directory, run_records,
    run_record_without_checksum, tables, report, checkpoints, cache, verdicts, settings_file, plugins, progress,
)  # fmt: skip


@pytest.mark.parametrize("of", TARGETS, ids=lambda of: of.__name__)
def test_damaged_files_give_the_same_result_or_one_line(
    of: Callable[[Small, Path, Path], Target],
    small: Small,
    finished_run: Path,
    tmp_path: Path,
    counts: dict[str, Counter[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("finecl"), "disabled", True)
    monkeypatch.setenv("FINECL_CACHE", str(finished_run.parent / "cache"))
    (tmp_path / "made").mkdir()
    target = of(small, finished_run, tmp_path / "made")
    share = target.whole if ALL else target.quick
    if not share:
        pytest.skip("only with FINECL_HOSTILE=all")
    rng = random.Random(f"{SEED} {of.__name__}")
    expected = _case(target, None, b"", tmp_path / "undisturbed")
    assert not (isinstance(expected, tuple) and expected[0] == LINE), expected
    broken, counted = [], counts.setdefault(of.__name__, Counter())
    for file in target.files:
        for number, (kind, content) in enumerate(damages(target.base / file, rng, share)):
            counted["cases"] += 1
            try:
                result = _case(target, file, content, tmp_path / "case")
                if isinstance(result, tuple) and result[0] == LINE:
                    counted["one line"] += 1
                elif result == expected:
                    counted["same result"] += 1
                else:
                    assert target.may_differ, "another result"
                    counted["another valid result"] += 1
            except BaseException as error:
                counted["broken"] += 1
                broken.append(f"{file}, {kind} {number}: {type(error).__name__}: {str(error)[:300]}")
                if kept := os.environ.get("FINECL_HOSTILE_KEEP"):
                    Path(kept, f"{of.__name__}-{file.name}-{number}").write_bytes(content)
                if isinstance(error, KeyboardInterrupt):
                    raise
    assert not broken, "\n".join(broken)


def _case(target: Target, file: Path | None, content: bytes, directory: Path) -> Any:
    """Returns what ``use`` returns on a copy of the files, one of them with other content."""
    shutil.rmtree(directory, ignore_errors=True)
    copied = Path(shutil.copytree(target.base, directory / target.base.name))
    if file is not None:
        (copied / file).write_bytes(content)
    return target.use(copied)
