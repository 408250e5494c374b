"""A run: settings in, a directory of results out. Finished stages with the same fingerprint are not run again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from finecl import registry as plugins
from finecl.artifacts.files import read_json, write_json
from finecl.artifacts.provenance import environment, fingerprint
from finecl.artifacts.scores_table import format_uids
from finecl.config.resolve import from_dict
from finecl.config.schema import Settings
from finecl.distributed import process_group
from finecl.errors import ModelError, PluginError, SettingsError
from finecl.models.card import write_cards
from finecl.pipeline.context import Context
from finecl.pipeline.trackers import Tracked, flat_numbers, tracked
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.training.optimizer import NotFiniteError

RUN, METRICS, OFFENDING = "run.json", "metrics.json", "offending-uids.json"
OUTPUTS = {
    "score": "scores.parquet",
    "pretrain": "encoder",
    "finetune": "extractor",
    "evaluate": "predictions",
    "report": "report.html",
}
"""The stages in their order, and what each leaves in the run's directory."""
STAGES = tuple(OUTPUTS)


class Run:
    """One run directory. ``finish`` brings it to the end of a stage, doing only what is not done yet."""

    def __init__(
        self, directory: Path, settings: Settings, registry: Registry | None = None, listener: Listener | None = None
    ) -> None:
        self.directory = directory
        process_group.start()
        heard = listener if listener and process_group.current().main else Listener()
        self.context = Context(directory, settings, registry or plugins.load(), heard)
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

    def plan(self) -> dict[str, Any]:
        """Steps, tokens, time and memory of what ``finish`` would do; nothing is written into the run directory."""
        from finecl.pipeline.estimate import plan_run

        with self.context.ranks.local_main_first():
            check_parts(self.context)
        return plan_run(self.context)

    def finish(self, last: str = "report", *, only: bool = False) -> dict[str, Any]:
        """Runs the stages up to and including ``last`` and returns the metrics.

        ``only`` refuses to run the stages before it; a report is made of what is there.

        Raises:
            SettingsError: with ``only``, an earlier stage is not finished.
        """
        try:
            return self._finish(last, only=only)
        finally:
            self._untrack()

    def _finish(self, last: str, *, only: bool) -> dict[str, Any]:
        with self.context.ranks.local_main_first():
            check_parts(self.context)
        self._track()
        self._describe()
        if self.context.ranks.main:
            (self.directory / OFFENDING).unlink(missing_ok=True)
        report_only = only and last == "report"
        for stage in STAGES[-1:] if report_only else STAGES[: STAGES.index(last) + 1]:
            made_from, work = self._stage(stage)
            if self.context.ranks.broadcast(self._finished(stage, made_from)) and not report_only:
                self.context.listener.note(f"{stage}: finished before, with the same settings, data and plugins")
            elif only and stage != last:
                raise SettingsError(f"{self.directory}: '{stage}' is not finished; run `finecl {stage}` on it first")
            else:
                self._do(stage, made_from, work)
        return self.metrics

    def _track(self) -> None:
        """From here on the trackers that the settings name hear what is measured, too."""
        context = self.context
        if context.ranks.main and not isinstance(context.listener, Tracked):
            values = context.settings.to_dict()
            told = tracked(context.listener, context.settings.report_to, self.directory, values)
            self.context = replace(context, listener=told)

    def _untrack(self) -> None:
        """Finishes the trackers."""
        if isinstance(self.context.listener, Tracked):
            self.context = replace(self.context, listener=self.context.listener.close())

    def _stage(self, stage: str) -> tuple[str, Callable[[], Mapping[str, Any]]]:
        from finecl.pipeline.stages import evaluate, finetune, pretrain, score

        context = self.context
        if stage == "score":
            return score.score_fingerprint(context), lambda: score.score(context)
        if stage == "pretrain":
            return pretrain.pretrain_fingerprint(context), lambda: pretrain.pretrain_stage(context)
        if stage == "finetune":
            return finetune.finetune_fingerprint(context), lambda: finetune.finetune_stage(context)
        if stage == "evaluate":
            return evaluate.evaluate_fingerprint(context), lambda: evaluate.evaluate_stage(context)
        stages = {k: v for k, v in read_json(self.directory / RUN).get("stages", {}).items() if k != "report"}
        return fingerprint(stages, self.metrics), self._report

    def _report(self) -> Mapping[str, Any]:
        from finecl.report.page import write_report

        if self.context.ranks.main:
            write_report(self.directory, self.context.corpora.silver)
            write_cards(self.directory, self.context.registry)
        return {}

    def _do(self, stage: str, made_from: str, work: Callable[[], Mapping[str, Any]]) -> None:
        began = time.perf_counter()
        try:
            numbers = work()
        except NotFiniteError as error:
            write_json(self.directory / OFFENDING, {"stage": stage, "uids": format_uids(error.uids)})
            raise
        except SafetensorError as error:  # also of a full disk
            raise ModelError(f"{stage}: a safetensors file could not be read or written: {error}") from error
        if self.context.ranks.main:
            self._write(stage, made_from, numbers, time.perf_counter() - began)
        self.context.ranks.barrier()

    def _write(self, stage: str, made_from: str, numbers: Mapping[str, Any], seconds: float) -> None:
        if numbers:
            self.context.listener.measured(stage, 0, flat_numbers(numbers))
            write_json(self.directory / METRICS, self.metrics | {stage: numbers})
        record = read_json(self.directory / RUN)
        done = {
            "fingerprint": made_from,
            "seconds": round(seconds, 2),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_json(self.directory / RUN, record | {"stages": record.get("stages", {}) | {stage: done}})

    def _finished(self, stage: str, made_from: str) -> bool:
        stages = read_json(self.directory / RUN).get("stages", {})
        there = (self.directory / OUTPUTS[stage]).exists()
        return there and bool(stages.get(stage, {}).get("fingerprint") == made_from)

    def _describe(self) -> None:
        context = self.context
        record = read_json(self.directory / RUN)
        notes = context.describe_inputs()
        for note in notes:
            context.listener.note(note)
        method = context.method
        described = {
            "name": self.directory.name,
            "settings": context.settings.to_dict(),
            "method": {"name": context.settings.method, "scorer": method.scorer, "weighting": method.weighting},
            "precision": context.precision,
            "ranks": context.ranks.size,
            "seed": context.settings.seed,
            "data": context.data_record(),
            "relations": list(context.corpora.relations),
            "notes": notes,
            **environment(),
            "stages": record.get("stages", {}),
        }
        if context.ranks.main:
            write_json(self.directory / RUN, described)
        context.ranks.barrier()

    def _check_settings(self) -> None:
        """Results of other settings are not overwritten; where no stage is finished there are none."""
        record = read_json(self.directory / RUN)
        there = record.get("settings", {})
        if record.get("stages") and from_dict(there) != self.context.settings:
            changed = _changed(from_dict(there).to_dict(), self.context.settings.to_dict())
            raise SettingsError(
                f"{self.directory} holds a run with other settings ({', '.join(changed[:4])}); "
                f"name another directory with --output-dir, or remove this one"
            )


def check_parts(context: Context) -> None:
    """Looks up every part that the run names and checks its settings, before anything is read or written.

    Raises:
        PluginError: there is no part of that name, or it asks for what this version does not do.
        SettingsError: a part does not have a setting, or has no part to go to.
    """
    method, settings = context.method, context.settings
    objectives = [name for _, name in method.objectives]
    for name, given in settings.objective.items():
        if name not in objectives or not isinstance(given, Mapping):
            raise SettingsError(
                f"objective.{name}: expected objective.NAME.KEY=VALUE with an objective of the method "
                f"'{settings.method}'; it has: {', '.join(objectives)}"
            )
    if settings.scorer and not method.scorer:
        raise SettingsError(f"scorer.*: method '{settings.method}' has no scorer; name one with --scorer")
    if method.scorer:
        context.part("scorer", method.scorer, settings.scorer)
    context.part("weighting", method.weighting, settings.weighting)
    for name in objectives:
        objective = context.part("objective", name, settings.objective.get(name, {}))
        if method.text != "documents" and {objective.anchors, objective.candidates} != {"pair"}:
            raise PluginError(
                f"objective '{name}' contrasts the entities of a document, of which a marked sentence has two; "
                f"choose another objective for the method '{settings.method}', or a method that reads documents"
            )
    for stage in (settings.proxy, settings.finetune):
        context.registry.part("extractor", stage.extractor).values(settings.extractor)


def _changed(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += _changed(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key}: {old} there, {new} now")
    return found
