"""Experiment trackers: losses and results to TensorBoard, trackio, Weights & Biases or MLflow, through accelerate."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finecl.errors import SettingsError
from finecl.progress import Listener

TRACKERS = ("tensorboard", "trackio", "wandb", "mlflow")


class Tracked(Listener):
    """Listener that also sends measurements to experiment trackers."""

    def __init__(self, inner: Listener, trackers: Sequence[Any]) -> None:
        self._inner, self._trackers = inner, trackers

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        """Forwards the call."""
        self._inner.begin(stage, total, unit)

    def advance(self, amount: int, figures: str = "") -> None:
        """Forwards the call."""
        self._inner.advance(amount, figures)

    def end(self) -> None:
        """Forwards the call."""
        self._inner.end()

    def note(self, text: str) -> None:
        """Forwards the call."""
        self._inner.note(text)

    def measured(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        """Forwards the call, and logs each number as ``stage/name`` to every tracker."""
        self._inner.measured(stage, step, numbers)
        for tracker in self._trackers:
            tracker.log({f"{stage}/{name}": value for name, value in numbers.items()}, step=step)

    def close(self) -> Listener:
        """Finishes every tracker, also if another one fails, and returns the listener without trackers."""
        with contextlib.ExitStack() as stack:
            for tracker in self._trackers:
                stack.callback(tracker.finish)
        return self._inner


def tracked(inner: Listener, report_to: Sequence[str], directory: Path, settings: Mapping[str, Any]) -> Listener:
    """Returns the listener with the trackers that ``report_to`` names; each records the settings of the run.

    TensorBoard's files go into ``tracking/`` of the run directory; the others read their own environment variables.

    Raises:
        SettingsError: a tracker is unknown, or its package is not installed.
    """
    if not report_to:
        return inner
    for name in report_to:
        if name not in TRACKERS:
            raise SettingsError(f"report_to: expected names from {', '.join(TRACKERS)}, got '{name}'")
        _require("accelerate", name)
        if name != "tensorboard" or not _installed("tensorboardX"):
            _require(name, name)
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    trackers = [_tracker(name, directory) for name in report_to]
    for tracker in trackers:
        tracker.store_init_configuration(_flat(settings))
    return Tracked(inner, trackers)


def flat_numbers(numbers: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Flattens nested mappings to ``outer/inner`` keys; drops values that are not numbers."""
    flat: dict[str, float] = {}
    for key, value in numbers.items():
        if isinstance(value, Mapping):
            flat |= flat_numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[f"{prefix}{key}"] = float(value)
    return flat


def _tracker(name: str, directory: Path) -> Any:
    from accelerate.state import PartialState
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    PartialState()  # accelerate's trackers read the process index from it
    kind = LOGGER_TYPE_TO_CLASS[name]
    if getattr(kind, "requires_logging_directory", False):
        logging_directory = directory / "tracking"
        logging_directory.mkdir(parents=True, exist_ok=True)
        tracker = kind(directory.name, logging_directory)
    else:
        tracker = kind("finecl")
    start = getattr(tracker, "start", None)  # newer versions of accelerate have it
    if start:
        start()
    return tracker


def _require(package: str, tracker: str) -> None:
    if not _installed(package):
        raise SettingsError(f"report_to: '{tracker}' needs the package {package}: pip install {package}")


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens settings to ``section.key`` keys, with numbers and text as values."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, bool | int | float | str) else str(value)
    return flat
