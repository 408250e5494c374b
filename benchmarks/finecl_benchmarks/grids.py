"""Grids of a suite: the kinds of experiments, the axes that each kind may vary, and the checks of their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from finecl.data.corrupt import KINDS as NOISE
from finecl.errors import SettingsError
from finecl.registry import Registry
from finecl_benchmarks.cleaning import CLEANINGS
from finecl_benchmarks.task_files import known_fields, read_task
from finecl_benchmarks.trimmed import PARTS

KINDS = {
    "run": {"methods", "variants", "rates", "seeds"},
    "task": {"methods", "variants", "rates", "tasks", "extractors", "fractions", "seeds"},
    "probe": {"methods", "variants", "rates", "seeds"},
    "noise": {"data", "noise", "rates", "seeds", "evidence"},
    "trimmed": {"rates", "seeds"},
    "score": {"methods", "variants", "seeds"},
    "orders": {"methods", "pairs", "seeds"},
    "trimmed-documents": {"methods", "parts", "seeds"},
    "difficult": {"methods", "seeds"},
    "cleaning": {"methods", "cleanings", "rates", "seeds"},
}
"""Kinds of experiments and the fields of their grids; ``finecl_benchmarks.experiments`` runs them."""
_DEFAULTS: Mapping[str, list[Any]] = {"methods": ["all"], "fractions": [100], "seeds": [42]}
_NEEDED = {
    "task": ("tasks",),
    "noise": ("data",),
    "trimmed": ("rates",),
    "orders": ("pairs",),
    "trimmed-documents": ("parts",),
    "cleaning": ("cleanings", "rates"),
}
_NO_AXES = {"kind", "evidence"}


def axes_of(place: str, grid: Mapping[str, Any], registry: Registry) -> dict[str, list[Any]]:
    """Returns the values of each axis of a grid ("method", "seed", ...), with defaults for missing axes.

    Raises:
        SettingsError: a field is missing or unknown, or its value is invalid; the message names the field.
    """
    kind = grid.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise SettingsError(f"{place}, kind: expected one of {', '.join(KINDS)}, got '{kind}'")
    known_fields(place, grid, KINDS[kind] | {"kind"})
    for name in _NEEDED.get(kind, ()):
        if name not in grid:
            raise SettingsError(f"{place}: expected the field '{name}' for the kind '{kind}', found none; add it")
    defaults = {name: values for name, values in _DEFAULTS.items() if name in KINDS[kind] and name not in grid}
    fields = {**grid, **defaults}
    if kind == "noise":
        _check_noise(place, fields)
    return {
        name.removesuffix("s"): _values(place, name, values, registry)
        for name, values in fields.items()
        if name not in _NO_AXES
    }


def _check_noise(place: str, grid: Mapping[str, Any]) -> None:
    """Checks that Wiki80 has noise and rates, and that the built-in corpus, whose noise is of one kind, has no kind."""
    demo = grid["data"] == ["demo"]
    if ("noise" in grid) == demo or not (demo or "rates" in grid):
        raise SettingsError(
            f"{place}: expected noise and rates for 'wiki80', and no noise for 'demo', which has its own; use one grid "
            "for each"
        )


def _values(place: str, name: str, values: Any, registry: Registry) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise SettingsError(f"{place}, {name}: expected a list of values, got {values!r}")
    expanded: list[Any] = list(registry.parts("method")) if name == "methods" and values == ["all"] else values
    for value in expanded:
        if name in _CHECKS and not _CHECKS[name][1](value):
            raise SettingsError(f"{place}, {name}: expected {_CHECKS[name][0]}, got {value!r}")
        if name == "methods":
            registry.part("method", value)  # raises for an unknown method
        if name == "tasks":
            read_task(value)
        if name == "extractors":
            registry.part("extractor", value)
    return expanded


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "methods": ("names of methods", lambda v: isinstance(v, str)),
    "tasks": ("names of tasks or TOML files", lambda v: isinstance(v, str)),
    "extractors": ("names of extractors", lambda v: isinstance(v, str)),
    "pairs": ("pairs of variants' names", lambda v: isinstance(v, list) and len(v) == 2),
    "seeds": ("whole numbers", lambda v: _is_number(v) and isinstance(v, int)),
    "fractions": ("percentages above 0 and at most 100", lambda v: _is_number(v) and 0 < v <= 100),
    "rates": ("shares between 0 and 1", lambda v: _is_number(v) and 0 < v < 1),
    "noise": (f"kinds of noise, of {', '.join(NOISE)}", lambda v: v in NOISE),
    "data": ("demo or wiki80", lambda v: v in ("demo", "wiki80")),
    "cleanings": (f"cleanings, of {', '.join(CLEANINGS)}", lambda v: v in CLEANINGS),
    "parts": (f"parts, of {', '.join(PARTS)}", lambda v: v in PARTS),
}
"""Checks of the values: a description for error messages, and a predicate."""
