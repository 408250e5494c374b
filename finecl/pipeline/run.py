"""Runs the pipeline in a run directory. Finished stages with the same fingerprint are not run again."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from finecl import registry as plugins
from finecl.artifacts.files import write_json
from finecl.artifacts.locks import only_writer
from finecl.artifacts.provenance import environment
from finecl.artifacts.run_directory import RunDirectory
from finecl.artifacts.scores_table import format_uids
from finecl.artifacts.stage_records import changed_output, check_numbers, forget_stage, is_recorded, record_stage
from finecl.config.resolve import from_dict
from finecl.config.schema import Settings
from finecl.distributed import process_group
from finecl.distributed.process_group import current
from finecl.errors import ModelError, PluginError, SettingsError
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from finecl.pipeline.stage import PIPELINE, Stage
from finecl.pipeline.stages.evidence_cache import GatheredEvidence, gather
from finecl.pipeline.trackers import Tracked, flat_numbers, tracked
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.training.optimizer import NotFiniteError
from finecl.types import EvidenceKind

_LOG = logging.getLogger(__name__)


class Run:
    """One run directory. ``finish`` runs the stages that are not finished yet.

    Nothing is loaded, and no process group is joined, before it is needed: reviewing a run only reads its data.
    """

    def __init__(
        self, directory: Path, settings: Settings, registry: Registry | None = None, listener: Listener | None = None
    ) -> None:
        """Prepares a run with these settings in ``directory``.

        Raises:
            SettingsError: the directory holds finished stages of other settings.
        """
        self.directory = directory
        self.files = RunDirectory(directory)
        self.registry = registry or plugins.load()
        self.listener = listener or Listener()
        self._settings = settings
        self._check_settings()

    @classmethod
    def open(cls, directory: Path, registry: Registry | None = None, listener: Listener | None = None) -> Run:
        """Opens the run in a directory, with the settings that it was started with.

        Raises:
            SettingsError: the directory holds no run.
        """
        settings = RunDirectory(directory).record().get("settings")
        if settings is None:
            raise SettingsError(
                f"{directory}: expected a run directory, found no run.json; start one with `finecl train`"
            )
        return cls(directory, from_dict(settings), registry, listener)

    @cached_property
    def spec(self) -> RunSpec:
        """Returns settings, method and parts of the run.

        Raises:
            PluginError, SettingsError: see ``RunSpec.bind``.
        """
        return RunSpec.bind(self._settings, self.registry)

    @cached_property
    def data(self) -> RunData:
        """Returns the corpora and the tokenizer of the run."""
        return RunData(self.spec, self._note)

    def evidence(self, kinds: Sequence[EvidenceKind]) -> GatheredEvidence:
        """Returns these kinds of evidence of every silver instance, computed or from the cache."""
        return gather(kinds, self.spec, self.data, self.files, self.listener)

    @property
    def metrics(self) -> dict[str, Any]:
        """Returns the metrics of the finished stages."""
        return self.files.metrics()

    def plan(self) -> dict[str, Any]:
        """Returns steps, tokens, time and memory of a whole run; writes nothing into the run directory."""
        from finecl.pipeline.estimate import plan_run

        self._join()
        return plan_run(self.spec, self.data)

    def finish(self, last: str = "report", *, only: bool = False) -> dict[str, Any]:
        """Runs the stages up to and including ``last`` and returns the metrics.

        With ``only``, earlier stages are not run; a report covers the finished ones.

        Raises:
            SettingsError: with ``only``, an earlier stage is not finished; or another process works in the directory.
        """
        self._join()
        with only_writer(self.directory) if current().main else contextlib.nullcontext():
            self._track()
            try:
                return self._finish(last, only=only)
            finally:
                if isinstance(self.listener, Tracked):
                    self.listener = self.listener.close()

    def _finish(self, last: str, *, only: bool) -> dict[str, Any]:
        self._describe()
        if current().main:
            self.files.offending.unlink(missing_ok=True)
        names = [stage.name for stage in PIPELINE]
        report_only = only and last == "report"
        if report_only:
            check_numbers(self.files)
        for stage in PIPELINE[-1:] if report_only else PIPELINE[: names.index(last) + 1]:
            made_from = stage.fingerprint(self.spec, self.data, self.files)
            _LOG.info("stage %s in %s: fingerprint %s", stage.name, self.directory, made_from)
            if current().broadcast(self._finished(stage, made_from)) and not report_only:
                self.listener.note(f"{stage.name}: finished before, with the same settings, data and plugins")
            elif only and stage.name != last:
                raise SettingsError(
                    f"{self.directory}: '{stage.name}' is not finished; run `finecl {stage.name}` on it first"
                )
            else:
                self._run(stage, made_from)
        return self.metrics

    def _join(self) -> None:
        """Joins the other processes of the run, if there are any; only the main process reports progress."""
        process_group.start()
        if not current().main:
            self.listener = Listener()
        with current().local_main_first():
            _ = self.spec

    def _note(self, text: str) -> None:
        self.listener.note(text)

    def _track(self) -> None:
        """Adds the trackers of the settings to the listener."""
        if current().main and not isinstance(self.listener, Tracked):
            settings = self.spec.settings
            self.listener = tracked(self.listener, settings.report_to, self.directory, settings.to_dict())

    def _run(self, stage: Stage, made_from: str) -> None:
        began = time.perf_counter()
        if current().main:
            forget_stage(self.files, stage.name)
        try:
            numbers = stage.run(self.spec, self.data, self.files, self.listener)
        except NotFiniteError as error:
            write_json(self.files.offending, {"stage": stage.name, "uids": format_uids(error.uids)})
            raise
        except SafetensorError as error:  # for example, a full disk
            raise ModelError(f"{stage.name}: a safetensors file could not be read or written: {error}") from error
        if current().main:
            if numbers:
                self.listener.measured(stage.name, 0, flat_numbers(numbers))
                self.files.write_metrics(self.metrics | {stage.name: numbers})
            record_stage(self.files, stage.name, made_from, time.perf_counter() - began)
        current().barrier()

    def _finished(self, stage: Stage, made_from: str) -> bool:
        """Returns whether a stage was finished with this fingerprint, and its outputs are those that it wrote."""
        if not current().main or not is_recorded(self.files, stage.name, made_from):
            return False
        changed = changed_output(self.files, stage.name)
        if changed:
            self.listener.note(f"{stage.name}: {changed} is missing or was changed since; the stage is not finished")
        return changed is None

    def _describe(self) -> None:
        """Writes settings, data, versions and notes of the run to run.json."""
        spec, data = self.spec, self.data
        notes = data.describe()
        for note in notes:
            self.listener.note(note)
        method = {"name": spec.settings.method, "scorer": spec.method.scorer, "weighting": spec.method.weighting}
        record = {
            "name": self.directory.name,
            "settings": spec.settings.to_dict(),
            "method": method,
            "precision": data.precision,
            "ranks": current().size,
            "seed": spec.settings.seed,
            "data": data.record(),
            "relations": list(data.corpora.relations),
            "notes": notes,
            **environment(),
            "stages": self.files.record().get("stages", {}),
        }
        if current().main:
            self.files.write_record(record)
        current().barrier()

    def _check_settings(self) -> None:
        """Refuses to overwrite the finished stages of other settings."""
        record = self.files.record()
        if not record.get("stages"):
            return
        before, now = from_dict(record.get("settings", {})), self._settings
        if before == now:
            return
        now = self.spec.settings
        with contextlib.suppress(PluginError):  # the earlier settings name a plugin that is no longer installed
            before = RunSpec.bind(before, self.registry).settings
        if before != now:
            changed = _changed(before.to_dict(), now.to_dict())
            raise SettingsError(
                f"{self.directory} holds a run with other settings ({', '.join(changed[:4])}); "
                f"choose another directory with --output-dir, or remove this one"
            )


def _changed(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    changes: list[str] = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            changes += _changed(old, new, f"{prefix}{key}.")
        elif old != new:
            changes.append(f"{prefix}{key}: {old} in the directory, {new} now")
    return changes
