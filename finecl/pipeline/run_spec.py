"""Method and parts of a run, built once from typed settings."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from finecl.artifacts.run_directory import EQUAL_WEIGHTS, PLAIN, PRETRAINED, RunDirectory
from finecl.config.resolve import part_defaults
from finecl.config.schema import Settings
from finecl.distributed.process_group import current
from finecl.errors import PluginError, SettingsError
from finecl.registry import Registry
from finecl.training.checkpointing import CheckpointManager
from finecl.types import (
    Extractor,
    InputFormat,
    Method,
    NoiseScorer,
    Objective,
    Weighting,
    combination_fault,
    declared,
)


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Settings, method and parts of a run. Make one with ``bind``.

    ``settings`` hold the settings of parts as the types of their factories' signatures, whatever their source: 0.3 in
    TOML and ``--set scorer.floor=0.3`` are equal and have equal fingerprints.
    """

    settings: Settings
    registry: Registry
    method: Method
    scorer: NoiseScorer | None
    weighting: Weighting
    objectives: Mapping[str, Objective]

    @classmethod
    def bind(cls, settings: Settings, registry: Registry) -> RunSpec:
        """Looks up every part that the settings name, types its settings, and builds it.

        Raises:
            PluginError: a part does not exist, or the parts cannot be combined.
            SettingsError: a part does not have a setting, or a setting belongs to no part of the run.
        """
        _check_names(settings)
        method = _method(settings, registry)
        _check_sections(settings, method)
        typed = _typed(settings, method, registry)
        objectives = {
            name: _create("objective", name, typed.objective.get(name, {}), method, typed, registry)
            for _, name in method.objectives
        }
        _check_objectives(objectives, method, typed)
        scorer = (
            _create("scorer", method.scorer, _own(typed.scorer), method, typed, registry) if method.scorer else None
        )
        return cls(
            settings=typed,
            registry=registry,
            method=method,
            scorer=scorer,
            weighting=_create("weighting", method.weighting, _own(typed.weighting), method, typed, registry),
            objectives=objectives,
        )

    def code(self, kind: str, name: str) -> str:
        """Returns a text that changes when the code of the plugin that defines a part does."""
        return self.registry.part(kind, name).code

    def input_format(self, extractor: str) -> InputFormat:
        """Returns what an extractor reads."""
        factory = self.registry.part("extractor", extractor).factory
        input_format: InputFormat = declared(factory, Extractor, "input_format")
        return input_format

    @property
    def markers(self) -> bool:
        """Whether any stage reads marked sentences; then all encoders of the run have marker tokens."""
        extractors = {self.input_format(e) for e in (self.settings.proxy.extractor, self.settings.finetune.extractor)}
        return "marked-sentences" in extractors | {self.method.input_format}

    @property
    def variants(self) -> tuple[str, ...]:
        """Returns the extractors of the run: with a baseline only if the weights are not all equal anyway."""
        has_baseline = self.settings.pretrain.baseline == EQUAL_WEIGHTS and self.method.scorer and self.objectives
        return (PRETRAINED, EQUAL_WEIGHTS, PLAIN) if has_baseline else (PRETRAINED, PLAIN)

    def checkpoints(
        self, files: RunDirectory, stage: str, made_from: str, note: Callable[[str], None]
    ) -> CheckpointManager:
        """Returns the checkpoints of a stage; ``made_from`` is the fingerprint of all that it depends on."""
        save = self.settings.save
        return CheckpointManager(
            directory=files.checkpoints(stage),
            made_from=made_from,
            every=save.save_steps,
            keep=save.save_total_limit,
            ranks=current(),
            note=note,
        )


def part_settings(part: Any) -> dict[str, Any]:
    """Returns the settings of a part as JSON values: its dataclass fields or public attributes.

    Values that JSON cannot hold become text.
    """
    if dataclasses.is_dataclass(part):
        values = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    else:
        values = dict(getattr(part, "__dict__", {}))
    public = {name: value for name, value in values.items() if not name.startswith("_")}
    settings: dict[str, Any] = json.loads(json.dumps(public, default=str))
    return settings


def parse_objective(text: str) -> tuple[float, str]:
    """Returns coefficient and name of ``0.5*relation-discrimination``; without a number the coefficient is 1.

    Raises:
        SettingsError: the text before the star is not a number above 0.
    """
    coefficient, star, name = text.rpartition("*")
    if not star:
        return 1.0, text.strip()
    try:
        number = float(coefficient)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise SettingsError(f"objectives: expected NAME or COEFFICIENT*NAME with a number above 0, got '{text}'")
    return number, name.strip()


def _method(settings: Settings, registry: Registry) -> Method:
    """Returns the chosen method, with its parts replaced by those that the preset or the settings name."""
    of_preset = part_defaults(settings).get("method", {}).get(settings.method, {}).get("objectives")
    objectives = of_preset if settings.objectives is None else settings.objectives
    overrides: dict[str, Any] = {
        "scorer": settings.scorer.get("name"),
        "weighting": settings.weighting.get("name"),
        "objectives": None if objectives is None else tuple(map(parse_objective, objectives)),
        "input_format": settings.input_format,
        "mlm": settings.pretrain.mlm_coefficient,
        "blanking": settings.pretrain.blanking,
    }
    method: Method = registry.part("method", settings.method).factory
    return replace(method, **{name: value for name, value in overrides.items() if value is not None})


def _own(section: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of a part from its section, which also holds its name."""
    return {key: value for key, value in section.items() if key != "name"}


def _typed(settings: Settings, method: Method, registry: Registry) -> Settings:
    """Returns the settings with those of parts as typed values."""

    def section(kind: str, name: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
        typed = registry.part(kind, name).values(_own(values)) if name else {}
        return {**({"name": values["name"]} if values.get("name") else {}), **typed}

    extractors = [registry.part("extractor", stage.extractor) for stage in (settings.proxy, settings.finetune)]
    extractor: dict[str, Any] = {}
    for name, value in settings.extractor.items():
        # each extractor of the run is built with those settings that it has
        having = [part for part in extractors if name in part.settings] or extractors
        extractor |= [part.values({name: value}) for part in having][-1]
    return replace(
        settings,
        scorer=section("scorer", method.scorer, settings.scorer),
        weighting=section("weighting", method.weighting, settings.weighting),
        objective={n: registry.part("objective", n).values(values) for n, values in settings.objective.items()},
        extractor=extractor,
    )


def _create(
    kind: str, name: str, values: Mapping[str, Any], method: Method, settings: Settings, registry: Registry
) -> Any:
    """Builds a part from the method's settings for it, overridden by those of preset, ``compat`` and user."""
    prefix = f"{kind}.{name}."
    of_method = {k.removeprefix(prefix): v for k, v in method.settings.items() if k.startswith(prefix)}
    defaults = part_defaults(settings).get(kind, {}).get(name, {})
    return registry.create(kind, name, of_method | defaults | dict(values))


def _check_names(settings: Settings) -> None:
    for section, values in (("scorer", settings.scorer), ("weighting", settings.weighting)):
        if not isinstance(values.get("name", ""), str):
            raise SettingsError(f"{section}.name: expected the name of a {section}, got {values['name']!r}")


def _check_sections(settings: Settings, method: Method) -> None:
    """Refuses settings that belong to no part of the run."""
    objectives = [name for _, name in method.objectives]
    for name, values in settings.objective.items():
        if name not in objectives or not isinstance(values, Mapping):
            raise SettingsError(
                f"objective.{name}: expected objective.NAME.KEY=VALUE with an objective of the method "
                f"'{settings.method}'; it has: {', '.join(objectives)}"
            )
    if settings.scorer and not method.scorer:
        raise SettingsError(f"scorer.*: method '{settings.method}' has no scorer; choose one with --scorer")


def _check_objectives(objectives: Mapping[str, Objective], method: Method, settings: Settings) -> None:
    """Refuses objectives whose units, sampling and input format cannot be combined."""
    for name, objective in objectives.items():
        fault = combination_fault(objective)
        if fault:
            raise PluginError(f"objective '{name}': {fault}")
        units = {declared(objective, Objective, side) for side in ("anchors", "candidates")}
        if method.input_format != "documents" and units != {"pair"}:
            raise PluginError(
                f"objective '{name}' contrasts the entities of a document, of which a marked sentence has two; "
                f"choose another objective for the method '{settings.method}', or a method that reads documents"
            )
