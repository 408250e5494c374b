"""Suites as data: a TOML file of grids becomes a list of cells, each of which is one row of numbers."""

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
}  # fmt: skip
_SILVER_FIELDS = {"file", "held_out", "noise", "rate", "gold_share"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One row of numbers: what is varied, and the settings behind it.

    ``other_settings`` are those of the second run of a cell that compares two.
    """

    kind: str
    varied: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    silver: Mapping[str, Any] = field(default_factory=dict)
    task_settings: Mapping[str, Any] = field(default_factory=dict)
    other_settings: Mapping[str, Any] | None = None

    @property
    def fingerprint(self) -> str:
        """Changes when anything that the row depends on does, but for code and data."""
        made = (self.kind, dict(self.varied), self.settings, self.silver, self.task_settings)
        return fingerprint(*made, self.other_settings) if self.other_settings else fingerprint(*made)

    @property
    def name(self) -> str:
        """For people."""
        return " ".join([self.kind, *(str(value) for value in self.varied.values())])


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named list of cells."""

    name: str
    title: str
    cells: tuple[Cell, ...]


def suite_names() -> list[str]:
    """The suites that come with finecl."""
    found = files("finecl_benchmarks.suites").iterdir()
    return sorted(p.name.removesuffix(".toml") for p in found if p.name.endswith(".toml"))


def read_suite(name: str, registry: Registry) -> Suite:
    """A suite by its name, or from a TOML file of one's own; "all" methods are those that are registered.

    Raises:
        SettingsError: there is no such suite, or the file is none; the message names the field.
    """
    own = Path(name)
    if name in suite_names():
        text = (files("finecl_benchmarks.suites") / f"{name}.toml").read_text(encoding="utf-8")
    elif own.is_file():
        text = own.read_text(encoding="utf-8")
    else:
        raise SettingsError(f"no suite is called '{name}', and no file; known: {', '.join(suite_names())}")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: expected a suite as TOML: {error}") from None
    known_fields(name, values, _FIELDS)
    for table in sorted(_FIELDS - {"title", "grid"}):
        if not isinstance(values.get(table, {}), dict):
            raise SettingsError(f"{name}, {table}: expected a table, got {values[table]!r}")
    known_fields(f"{name}, silver", values.get("silver", {}), _SILVER_FIELDS)
    if not values.get("grid") or not isinstance(values["grid"], list):
        raise SettingsError(f"{name}: expected at least one [[grid]], found none")
    cells = [cell for grid in values["grid"] for cell in _cells(name, grid, values, registry)]
    _check_settings(name, cells)
    return Suite(name=own.stem, title=values.get("title", own.stem), cells=tuple(cells))


def _check_settings(name: str, cells: Sequence[Cell]) -> None:
    """Settings that no run has are told before any cell is run."""
    given = [each for cell in cells for each in (cell.settings, cell.task_settings, cell.other_settings) if each]
    for settings in {fingerprint(each): each for each in given}.values():
        try:
            resolve(preset=settings.get("preset"), overrides=settings)
        except SettingsError as error:
            raise SettingsError(f"{name}: {error}") from None


def _cells(name: str, grid: Mapping[str, Any], suite: Mapping[str, Any], registry: Registry) -> Iterator[Cell]:
    axes = axes_of(f"{name}, grid", grid, registry)
    kind = grid["kind"]
    for chosen in itertools.product(*axes.values()):
        varied = dict(zip(axes, chosen, strict=True))
        settings = {**suite.get("settings", {}), **(suite.get("run", {}) if kind in _RUNS else {})}
        settings |= suite.get("method_settings", {}).get(varied.get("method"), {})
        first, *others = [_variant(name, suite, each) for each in varied.get("pair", [varied.get("variant")])]
        yield Cell(
            kind=kind,
            varied=varied,
            settings={**settings, **first},
            other_settings={**settings, **others[0]} if others else None,
            silver={**suite.get("silver", {}), **{key: grid[key] for key in ("needs",) if key in grid}},
            task_settings=_task_settings(suite, varied) if kind == "task" else {},
        )


_RUNS = set(KINDS) - {"task", "noise", "trimmed"}


def _task_settings(suite: Mapping[str, Any], varied: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a suite sets of its tasks: for all, and for a fraction of the training data."""
    of_fraction = suite.get("fraction_settings", {}).get(f"{varied['fraction']:g}", {})
    return {**suite.get("task_settings", {}), **of_fraction}


def _variant(name: str, suite: Mapping[str, Any], variant: str | None) -> Mapping[str, Any]:
    """The settings of a variant by its name in the suite."""
    known: Mapping[str, Any] = suite.get("variants", {})
    if variant is None:
        return {}
    if variant not in known:
        raise SettingsError(f"{name}, variants: expected one of {', '.join(known) or 'none'}, got '{variant}'")
    found: Mapping[str, Any] = known[variant]
    return found
