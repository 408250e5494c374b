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
    """Passes everything on, and what is measured to the trackers as well."""

    def __init__(self, inner: Listener, trackers: Sequence[Any]) -> None:
        self._inner, self._trackers = inner, trackers

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        """Passes it on."""
        self._inner.begin(stage, total, unit)

    def advance(self, amount: int, figures: str = "") -> None:
        """Passes it on."""
        self._inner.advance(amount, figures)

    def end(self) -> None:
        """Passes it on."""
        self._inner.end()

    def note(self, text: str) -> None:
        """Passes it on."""
        self._inner.note(text)

    def measured(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        """To every tracker, as ``stage/name``."""
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
    """The listener, with the trackers that ``report_to`` names; each is told the run's settings.

    TensorBoard's files go into ``tracking/`` of the run directory; the others ask their own environment variables.

    Raises:
        SettingsError: a tracker is not known, or its package is not installed.
    """
    if not report_to:
        return inner
    for name in report_to:
        if name not in TRACKERS:
            raise SettingsError(f"report_to: expected names from {', '.join(TRACKERS)}, got '{name}'")
        _needs("accelerate", name)
        if name != "tensorboard" or not _there("tensorboardX"):
            _needs(name, name)
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    trackers = [_tracker(name, directory) for name in report_to]
    for tracker in trackers:
        tracker.store_init_configuration(_flat(settings))
    return Tracked(inner, trackers)


def flat_numbers(numbers: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of nested mappings as ``outer/inner``; what is not a number is left out."""
    found: dict[str, float] = {}
    for key, value in numbers.items():
        if isinstance(value, Mapping):
            found |= flat_numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}{key}"] = float(value)
    return found


def _tracker(name: str, directory: Path) -> Any:
    from accelerate.state import PartialState
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    PartialState()  # its trackers ask it which process they are in
    kind = LOGGER_TYPE_TO_CLASS[name]
    if getattr(kind, "requires_logging_directory", False):
        at = directory / "tracking"
        at.mkdir(parents=True, exist_ok=True)
        tracker = kind(directory.name, at)
    else:
        tracker = kind("finecl")
    start = getattr(tracker, "start", None)  # of newer versions of accelerate
    if start:
        start()
    return tracker


def _needs(package: str, tracker: str) -> None:
    if not _there(package):
        raise SettingsError(f"report_to: '{tracker}' needs the package {package}: pip install {package}")


def _there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings as trackers take them: one level, of numbers and texts."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value if isinstance(value, bool | int | float | str) else str(value)
    return found
