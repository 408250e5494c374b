"""Reads suites: TOML files with grids, which expand to lists of experiments."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from finecl.artifacts.provenance import fingerprint
from finecl.config.resolve import resolve
from finecl.errors import SettingsError
from finecl.registry import Registry
from finecl_benchmarks.grids import KINDS, axes_of
from finecl_benchmarks.task_files import known_fields

_FIELDS = {
    "title", "grid", "settings", "task_settings", "fraction_settings", "method_settings", "variants", "silver", "run",
    "choices",
}  # fmt: skip
_SILVER_FIELDS = {"file", "held_out", "noise", "rate", "gold_share", "test"}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One point of a grid: the values of its axes (``varied``) and the settings of its run.

    ``other_settings`` are the settings of the second run, for an experiment that compares two runs. ``choices`` are
    values of settings of a task: it is run with each combination, and the one with the best F1 on dev counts.
    """

    kind: str
    varied: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    silver: Mapping[str, Any] = field(default_factory=dict)
    task_settings: Mapping[str, Any] = field(default_factory=dict)
    other_settings: Mapping[str, Any] | None = None
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Hash of everything the result depends on, except code and data."""
        parts = (self.kind, dict(self.varied), self.settings, self.silver, self.task_settings)
        return fingerprint(*parts, *filter(None, (self.other_settings, dict(self.choices))))

    def chosen_from(self) -> list[dict[str, Any]]:
        """Returns the settings of a task to choose from: one mapping per combination, one without choices."""
        return [
            {**self.task_settings, **dict(zip(self.choices, values, strict=True))}
            for values in itertools.product(*self.choices.values())
        ]

    @property
    def name(self) -> str:
        """Name for progress messages: the kind and the values of the axes."""
        return " ".join([self.kind, *(str(value) for value in self.varied.values())])


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named list of experiments."""

    name: str
    title: str
    experiments: tuple[Experiment, ...]


def suite_names() -> list[str]:
    """Returns the names of the built-in suites, sorted."""
    paths = files("finecl_benchmarks.suites").iterdir()
    return sorted(p.name.removesuffix(".toml") for p in paths if p.name.endswith(".toml"))


def read_suite(name: str, registry: Registry) -> Suite:
    """Reads a built-in suite by name, or a suite from a TOML file; ``methods = ["all"]`` means all registered methods.

    Raises:
        SettingsError: the suite does not exist or the file is invalid; the message names the field.
    """
    path = Path(name)
    if name in suite_names():
        text = (files("finecl_benchmarks.suites") / f"{name}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        text = path.read_text(encoding="utf-8")
    else:
        raise SettingsError(f"{name}: expected a suite's name or a TOML file; known: {', '.join(suite_names())}")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: expected a suite as TOML: {error}") from None
    known_fields(name, values, _FIELDS)
    for table in sorted(_FIELDS - {"title", "grid"}):
        if not isinstance(values.get(table, {}), dict):
            raise SettingsError(f"{name}, {table}: expected a table, got {values[table]!r}")
    known_fields(f"{name}, silver", values.get("silver", {}), _SILVER_FIELDS)
    for setting, options in values.get("choices", {}).items():
        if not isinstance(options, list) or not options:
            raise SettingsError(f"{name}, choices, {setting}: expected a list of values, got {options!r}")
    if not values.get("grid") or not isinstance(values["grid"], list):
        raise SettingsError(f"{name}: expected at least one [[grid]], found none")
    own_data = {"data.name", "data.silver"} & set(values.get("settings", {}))
    if own_data and any("rates" in grid for grid in values["grid"]):
        raise SettingsError(f"{name}, grid, rates: expected silver.file or the built-in corpus, got {own_data.pop()}")
    experiments = [each for grid in values["grid"] for each in _expand(name, grid, values, registry)]
    _check_settings(name, experiments)
    return Suite(name=path.stem, title=values.get("title", path.stem), experiments=tuple(experiments))


def _check_settings(name: str, experiments: Sequence[Experiment]) -> None:
    """Refuses unknown settings before any experiment is run."""
    all_settings = [
        settings
        for each in experiments
        for settings in (each.settings, *each.chosen_from(), each.other_settings)
        if settings
    ]
    for settings in {fingerprint(each): each for each in all_settings}.values():
        try:
            resolve(preset=settings.get("preset"), overrides=settings)
        except SettingsError as error:
            raise SettingsError(f"{name}: {error}") from None


def _expand(name: str, grid: Mapping[str, Any], suite: Mapping[str, Any], registry: Registry) -> Iterator[Experiment]:
    """Yields one experiment for each combination of a grid's values."""
    axes = axes_of(f"{name}, grid", grid, registry)
    kind = grid["kind"]
    for values in itertools.product(*axes.values()):
        varied = dict(zip(axes, values, strict=True))
        settings = {**suite.get("settings", {}), **(suite.get("run", {}) if kind in _RUNS else {})}
        settings |= suite.get("method_settings", {}).get(varied.get("method"), {})
        first, *others = [_variant(name, suite, each) for each in varied.get("pair", [varied.get("variant")])]
        yield Experiment(
            kind=kind,
            varied=varied,
            settings={**settings, **first},
            other_settings={**settings, **others[0]} if others else None,
            silver={**suite.get("silver", {}), **{key: grid[key] for key in ("evidence",) if key in grid}},
            task_settings=_task_settings(suite, varied) if kind == "task" else {},
            choices=suite.get("choices", {}) if kind == "task" else {},
        )


_RUNS = set(KINDS) - {"task", "noise", "trimmed"}


def _task_settings(suite: Mapping[str, Any], varied: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the suite's settings of tasks: for all fractions, overridden by this fraction's, and the extractor."""
    of_fraction = suite.get("fraction_settings", {}).get(f"{varied['fraction']:g}", {})
    extractor = {"finetune.extractor": varied["extractor"]} if "extractor" in varied else {}
    return {**suite.get("task_settings", {}), **of_fraction, **extractor}


def _variant(name: str, suite: Mapping[str, Any], variant: str | None) -> Mapping[str, Any]:
    """Returns the settings of a variant by its name in the suite.

    Raises:
        SettingsError: the suite defines no such variant.
    """
    known: Mapping[str, Any] = suite.get("variants", {})
    if variant is None:
        return {}
    if variant not in known:
        raise SettingsError(f"{name}, variants: expected one of {', '.join(known) or 'none'}, got '{variant}'")
    settings: Mapping[str, Any] = known[variant]
    return settings
