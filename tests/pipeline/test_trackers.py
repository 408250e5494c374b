"""Measurements are sent to the trackers; errors about missing trackers say what to install."""

from __future__ import annotations

from pathlib import Path

import pytest
from finecl_cli.main import run

from finecl.errors import SettingsError, TrainingError
from finecl.pipeline.trackers import Tracked, flat_numbers, tracked
from finecl.progress import Listener
from tests.end_to_end.conftest import Finecl, Small, small  # noqa: F401


def test_numbers_of_nested_records_are_flattened() -> None:
    record = {"a": 1, "b": {"c": 0.5, "d": None, "e": {"f": 2}}, "g": [1, 2], "h": True, "i": "text"}
    assert flat_numbers(record) == {"a": 1.0, "b/c": 0.5, "b/e/f": 2.0}


def test_unknown_and_missing_trackers_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"report_to: expected names from tensorboard, .*, got 'paper'"):
        tracked(Listener(), ["paper"], tmp_path, {})
    monkeypatch.setattr("finecl.pipeline.trackers._installed", lambda package: False)
    with pytest.raises(SettingsError, match="'wandb' needs the package accelerate: pip install accelerate"):
        tracked(Listener(), ["wandb"], tmp_path, {})
    same = Listener()
    assert tracked(same, [], tmp_path, {}) is same


def test_every_measurement_is_passed_on_and_logged(tmp_path: Path) -> None:
    received: list[tuple[str, object]] = []

    class Inner(Listener):
        def measured(self, stage: str, step: int, numbers: object) -> None:
            received.append((stage, numbers))

    class Tracker:
        def log(self, values: object, step: int) -> None:
            received.append((f"logged {step}", values))

    Tracked(Inner(), [Tracker()]).measured("pretrain", 3, {"loss": 0.5})
    assert received == [("pretrain", {"loss": 0.5}), ("logged 3", {"pretrain/loss": 0.5})]


class Recording:
    """A tracker that records whether it was finished; ``finish`` may fail."""

    def __init__(self, *, fails: bool = False) -> None:
        self.finished, self.fails = 0, fails

    def log(self, values: object, step: int) -> None:
        pass

    def finish(self) -> None:
        self.finished += 1
        if self.fails:
            raise OSError("no connection")


def test_closing_finishes_every_tracker_although_one_fails() -> None:
    inner, trackers = Listener(), [Recording(), Recording(fails=True), Recording()]
    assert Tracked(inner, trackers[:1]).close() is inner
    with pytest.raises(OSError, match="no connection"):
        Tracked(inner, trackers).close()
    assert [tracker.finished for tracker in trackers] == [2, 1, 1]


def _fail(*_: object) -> None:
    raise TrainingError("scoring failed")


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_finishes_its_trackers_at_its_end(
    small: Small,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fails: bool,
) -> None:
    tracker = Recording()
    monkeypatch.setattr("finecl.pipeline.run.tracked", lambda inner, *_: Tracked(inner, [tracker]))
    if fails:
        monkeypatch.setattr("finecl.pipeline.stages.score.checked_weights", _fail)
    assert (run([*small.arguments(tmp_path / "run"), "--stop-after", "score"]) == 0) is not fails
    assert tracker.finished == 1


def test_a_run_writes_tensorboard_s_files(small: Small, tmp_path: Path) -> None:  # noqa: F811
    pytest.importorskip("accelerate", reason="the extra trackers is not installed")
    events = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="the extra trackers is not installed"
    )
    directory = tmp_path / "run"
    assert run([*small.arguments(directory), "--report-to", "tensorboard"]) == 0
    (at,) = (directory / "tracking").iterdir()
    read = events.EventAccumulator(str(at))
    read.Reload()
    tags = set(read.Tags()["scalars"])
    assert {"proxy/loss", "pretrain/mlm", "evaluate/pretrained/f1", "score/noise_auroc"} <= tags
    assert len(read.Scalars("pretrain/mlm")) == 2
