"""A run: settings in, a directory of results out. Finished stages with the same fingerprint are not run again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from finecl import registry as plugins
from finecl.config import Settings, from_dict
from finecl.errors import SettingsError
from finecl.optimization import NotFiniteError
from finecl.progress import Listener
from finecl.records import environment, read_json, write_json
from finecl.registry import Registry
from finecl.stages.context import Context

RUN, METRICS, OFFENDING = "run.json", "metrics.json", "offending-uids.json"
STAGES = ("score", "pretrain", "finetune", "evaluate", "report")


class Run:
    """One run directory. ``finish`` brings it to the end of a stage, doing only what is not done yet."""

    def __init__(
        self, directory: Path, settings: Settings, registry: Registry | None = None, listener: Listener | None = None
    ) -> None:
        self.directory = directory
        self.context = Context(directory, settings, registry or plugins.load(), listener or Listener())
        self._check_settings()

    @classmethod
    def open(cls, directory: Path, registry: Registry | None = None, listener: Listener | None = None) -> Run:
        """The run in a directory, with the settings it was started with.

        Raises:
            SettingsError: the directory holds no run.
        """
        settings = read_json(directory / RUN).get("settings")
        if settings is None:
            raise SettingsError(f"{directory}: expected a run directory, found no {RUN}; start one with `finecl train`")
        return cls(directory, from_dict(settings), registry, listener)

    @property
    def metrics(self) -> dict[str, Any]:
        """The numbers so far."""
        return read_json(self.directory / METRICS)

    def finish(self, last: str = "report", *, only: bool = False) -> dict[str, Any]:
        """Runs the stages up to and including ``last`` and returns the metrics.

        ``only`` refuses to run the stages before it.

        Raises:
            SettingsError: with ``only``, an earlier stage is not finished.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._describe()
        for stage in STAGES[: STAGES.index(last) + 1]:
            made_from, work = self._stage(stage)
            if self._finished(stage, made_from):
                self.context.listener.note(f"{stage}: finished before, with the same settings and data")
            elif only and stage != last:
                raise SettingsError(f"{self.directory}: '{stage}' is not finished; run `finecl {stage}` on it first")
            else:
                self._do(stage, made_from, work)
        return self.metrics

    def _stage(self, stage: str) -> tuple[str, Callable[[], Mapping[str, Any]]]:
        from finecl.stages import evaluate, finetune, pretrain, score

        context = self.context
        if stage == "score":
            return score.score_fingerprint(context), lambda: score.score(context)
        if stage == "pretrain":
            return pretrain.pretrain_fingerprint(context), lambda: pretrain.pretrain_stage(context)
        if stage == "finetune":
            return finetune.finetune_fingerprint(context), lambda: finetune.finetune_stage(context)
        if stage == "evaluate":
            return evaluate.evaluate_fingerprint(context), lambda: evaluate.evaluate_stage(context)
        return f"{time.time_ns()}", self._report

    def _report(self) -> Mapping[str, Any]:
        from finecl.report import write_report

        write_report(self.directory, self.context.corpora.silver)
        return {}

    def _do(self, stage: str, made_from: str, work: Callable[[], Mapping[str, Any]]) -> None:
        began = time.perf_counter()
        try:
            numbers = work()
        except NotFiniteError as error:
            write_json(self.directory / OFFENDING, {"stage": stage, "uids": error.uids})
            raise
        if numbers:
            write_json(self.directory / METRICS, self.metrics | {stage: numbers})
        record = read_json(self.directory / RUN)
        done = {
            "fingerprint": made_from,
            "seconds": round(time.perf_counter() - began, 2),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_json(self.directory / RUN, record | {"stages": record.get("stages", {}) | {stage: done}})

    def _finished(self, stage: str, made_from: str) -> bool:
        stages = read_json(self.directory / RUN).get("stages", {})
        return bool(stages.get(stage, {}).get("fingerprint") == made_from)

    def _describe(self) -> None:
        context = self.context
        record = read_json(self.directory / RUN)
        notes = context.describe_inputs()
        for note in notes:
            context.listener.note(note)
        method = context.method
        write_json(
            self.directory / RUN,
            {
                "name": self.directory.name,
                "settings": context.settings.to_dict(),
                "method": {"name": context.settings.method, "scorer": method.scorer, "weighting": method.weighting},
                "precision": context.precision,
                "seed": context.settings.seed,
                "data": context.data_record(),
                "relations": list(context.corpora.relations),
                "notes": notes,
                **environment(),
                "stages": record.get("stages", {}),
            },
        )

    def _check_settings(self) -> None:
        """Results of other settings are not overwritten."""
        there = read_json(self.directory / RUN).get("settings")
        if there is not None and from_dict(there) != self.context.settings:
            changed = _changed(from_dict(there).to_dict(), self.context.settings.to_dict())
            raise SettingsError(
                f"{self.directory} holds a run with other settings ({', '.join(changed[:4])}); "
                f"name another directory with --output-dir, or remove this one"
            )


def _changed(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _changed(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key}: {old} there, {new} now")
    return found
