"""Running stages one at a time, again, and with other settings."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from finecl.errors import TrainingError
from tests.end_to_end.conftest import Finecl, Small, numbers

STAGES = ("score", "pretrain", "finetune", "evaluate", "report")


def _read(run: Path, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run / name).read_text())
    return record


@pytest.fixture
def copy(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished run that a test may change."""
    monkeypatch.setenv("FINECL_CACHE", str(finished_run.parent / "cache"))
    return Path(shutil.copytree(finished_run, tmp_path / "copy"))


def test_single_stages_give_the_result_of_one_command(
    small: Small, finished_run: Path, tmp_path: Path, finecl: Finecl
) -> None:
    run = tmp_path / "run"
    assert finecl(*small.arguments(run), "--stop-after", "score").code == 0
    assert set(_read(run, "run.json")["stages"]) == {"score"}
    assert set(_read(run, "metrics.json")) == {"score"}
    assert not (run / "encoder").exists()
    for stage in STAGES[1:]:
        result = finecl(stage, run, "--quiet")
        assert result.code == 0, result.err
    assert numbers(_read(run, "metrics.json")) == numbers(_read(finished_run, "metrics.json"))
    assert list(_read(run, "run.json")["stages"]) == list(STAGES)


def test_defaults_survive_json() -> None:
    """Otherwise a command would not recognise a run that another command started."""
    from finecl.artifacts.provenance import fingerprint
    from finecl.config.resolve import from_dict
    from finecl.config.schema import Settings

    read = from_dict(json.loads(json.dumps(Settings().to_dict())))
    assert fingerprint(read.to_dict()) == fingerprint(Settings().to_dict())


@pytest.mark.parametrize("stage", ["pretrain", "finetune", "evaluate"])
def test_a_run_resumes_after_any_stage(stage: str, small: Small, tmp_path: Path, finecl: Finecl) -> None:
    assert finecl(*small.arguments(tmp_path / "run"), "--stop-after", stage).code == 0
    result = finecl(STAGES[STAGES.index(stage) + 1], tmp_path / "run")
    assert result.code == 0, result.err
    assert f"{stage}: finished before" in result.err or stage == "evaluate"


def test_score_runs_only_the_first_stage(small: Small, finished_run: Path, tmp_path: Path, finecl: Finecl) -> None:
    assert finecl("score", *small.arguments(tmp_path / "run")[1:], "--scorer", "learning-order").code == 0
    assert (tmp_path / "run" / "scores.parquet").read_bytes() == (finished_run / "scores.parquet").read_bytes()
    assert not (tmp_path / "run" / "encoder").exists()


def test_a_stage_requires_the_previous_one(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    run = tmp_path / "run"
    assert finecl(*small.arguments(run), "--stop-after", "score").code == 0
    assert "'pretrain' is not finished; run `finecl pretrain`" in finecl("evaluate", run, "--quiet").error_line()
    assert finecl("report", run, "--quiet").code == 0  # from the existing results
    assert (run / "report.html").exists()


def test_a_finished_run_is_not_run_again(copy: Path, small: Small, finecl: Finecl) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file() and path.name != "run.json"}
    stages = _read(copy, "run.json")["stages"]
    assert finecl(*small.arguments(copy)).code == 0
    assert _read(copy, "run.json")["stages"] == stages
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_removed_results_are_recomputed(copy: Path, finished_run: Path, small: Small, finecl: Finecl) -> None:
    shutil.rmtree(copy / "encoder")
    (copy / "report.html").unlink()
    assert finecl(*small.arguments(copy)).code == 0
    assert (copy / "report.html").exists()
    new_weights, old_weights = (at / "encoder" / "model.safetensors" for at in (copy, finished_run))
    assert new_weights.read_bytes() == old_weights.read_bytes()


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("score", "scores.parquet"),
        ("pretrain", "encoder/config.json"),
        ("finetune", "extractor/plain/head.safetensors"),
        ("evaluate", "predictions/plain.json"),
        ("report", "report.html"),
    ],
)
def test_a_stage_whose_output_was_changed_is_not_finished(
    stage: str, name: str, copy: Path, finished_run: Path, small: Small, finecl: Finecl
) -> None:
    (copy / "extractor" / "plain" / "model.onnx").write_bytes(b"added, and no fault")
    (copy / "encoder" / "README.md").write_text("a card that the user edited")
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[:-20] + b" " * 20)
    result = finecl(*[argument for argument in small.arguments(copy) if argument != "--quiet"])
    assert result.code == 0, result.err
    assert f"{stage}: {name} is missing or was changed since" in " ".join(result.err.split())
    for earlier in STAGES[: STAGES.index(stage)]:
        assert f"{earlier}: finished before" in result.err
    if stage != "report":  # it holds the seconds of the stages
        assert (copy / name).read_bytes() == content


def test_other_settings_are_refused_and_named(copy: Path, small: Small, finecl: Finecl) -> None:
    run = (copy / "run.json").read_bytes()
    complaint = finecl(*small.arguments(copy, pretrain__max_steps=3)).error_line()
    assert "pretrain.max_steps: 2 in the directory, 3 now" in complaint
    assert "--output-dir" in complaint
    assert (copy / "run.json").read_bytes() == run


def test_other_settings_are_accepted_if_no_stage_is_finished(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    run = tmp_path / "run"
    assert "the loss is" in finecl(*small.arguments(run, proxy__learning_rate=1e30)).error_line()
    assert finecl(*small.arguments(run), "--stop-after", "score").code == 0
    assert not (run / "offending-uids.json").exists()


def test_resume_continues_the_newest_run(
    small: Small, finished_run: Path, tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "runs/ contains no run" in finecl("train", "--resume").error_line()
    assert finecl(*small.arguments(tmp_path / "runs" / "mine"), "--stop-after", "score").code == 0
    assert "leave out --scorer, --set" in finecl("train", "--resume", "--scorer", "x", "--set", "seed=1").error_line()
    assert finecl("train", "--resume", "--quiet").code == 0
    assert numbers(_read(tmp_path / "runs" / "mine", "metrics.json")) == numbers(_read(finished_run, "metrics.json"))
    assert finecl("train", "--resume", "--quiet", "--output-dir", "runs/mine").code == 0


def test_resume_of_no_run_says_how_to_start_one(tmp_path: Path, finecl: Finecl) -> None:
    assert "found no run.json" in finecl("train", "--resume", "--output-dir", tmp_path).error_line()
    assert "found no run.json" in finecl("pretrain", tmp_path / "nowhere").error_line()


def test_changed_data_are_scored_again(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    changed = small.copy(tmp_path / "data")
    assert finecl(*changed.arguments(tmp_path / "run"), "--stop-after", "score").code == 0
    before = _read(tmp_path / "run", "run.json")["stages"]["score"]["fingerprint"]
    changed.copy(tmp_path / "data", silver=small.documents["silver"][1:])
    assert finecl(*changed.arguments(tmp_path / "run"), "--stop-after", "score").code == 0
    assert _read(tmp_path / "run", "run.json")["stages"]["score"]["fingerprint"] != before


def test_a_stage_stopped_with_other_data_is_not_called_finished(
    small: Small, tmp_path: Path, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, changed = tmp_path / "run", small.copy(tmp_path / "data")
    assert finecl(*changed.arguments(run)).code == 0
    config = Path("extractor") / "pretrained" / "extractor.json"
    before = _read(run, str(config))["fingerprint"]

    changed.copy(tmp_path / "data", train=small.documents["train"][1:])
    with monkeypatch.context() as patch:
        patch.setattr("finecl.pipeline.stages.finetune.plain_config", _stop)
        assert finecl(*changed.arguments(run)).code == 2
    assert list(_read(run, "run.json")["stages"]) == ["score", "pretrain"]
    assert _read(run, str(config))["fingerprint"] != before

    changed.copy(tmp_path / "data")
    result = finecl(*[argument for argument in changed.arguments(run) if argument != "--quiet"])
    assert result.code == 0, result.err
    assert "pretrain: finished before" in result.err
    assert "finetune: finished before" not in result.err
    assert _read(run, str(config))["fingerprint"] == before
    assert list(_read(run, "run.json")["stages"]) == list(STAGES)


def _stop(*_: object) -> None:
    raise TrainingError("stopped")


def test_evidence_is_computed_once(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    assert finecl(*small.arguments(tmp_path / "one"), "--stop-after", "score").code == 0
    arguments = small.arguments(tmp_path / "two", scorer__mode="epoch", proxy__folds=7)
    result = finecl(*[a for a in arguments if a != "--quiet"], "--stop-after", "score")
    assert "the proxy is not trained again" in result.err
    assert _read(tmp_path / "two", "metrics.json")["score"]["scorer_settings"]["mode"] == "epoch"
