"""Resolves settings from a preset, a TOML file and command-line overrides."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, get_type_hints

from finecl.config.aliases import translate_aliases
from finecl.config.coerce import assignment, coerce, nested, not_a_value
from finecl.config.schema import Settings
from finecl.errors import SettingsError

_PRESETS = files("finecl.config.presets")
_COMPAT = ("release",)  # files beside the presets with the settings of another implementation


def resolve(
    *,
    preset: str | None = None,
    file: Path | None = None,
    assignments: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Resolves the settings from their sources; later ones win: preset, compat, TOML file, ``overrides``, assignments.

    Without a preset, the preset with the name ``data.name`` is used if it exists: ``demo``.

    Raises:
        SettingsError: an unknown key (the message suggests the nearest known one), or an invalid value.
    """
    layers = [_read_toml(file)] if file else []
    layers.append(nested(overrides or {}))
    layers.append(nested(dict(map(assignment, assignments))))
    values: dict[str, Any] = {}
    for layer in layers:
        values = _merge(values, layer)
    values = translate_aliases(values)
    name = preset or values.get("preset") or _implied_preset(values)
    base = _sections(read_preset(name)) if name else {}
    if values.get("compat"):
        from_dict({"compat": values["compat"]})  # raises for an unknown name
        base = _merge(base, _sections(read_compat(values["compat"])))
    return from_dict(_merge(base, values | {"preset": name}))


def _sections(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "parts"}


def part_defaults(settings: Settings) -> dict[str, Any]:
    """Returns the settings of parts in the preset and then ``compat``, by kind and name; the user's override them."""
    preset = read_preset(settings.preset).get("parts", {}) if settings.preset else {}
    return _merge(preset, read_compat(settings.compat)["parts"] if settings.compat else {})


def from_dict(values: Mapping[str, Any]) -> Settings:
    """Builds settings from nested dictionaries, the return value of ``Settings.to_dict``.

    Raises:
        SettingsError: an unknown key or an invalid value.
    """
    settings: Settings = _build(Settings, values, "")
    return settings


def presets() -> list[str]:
    """Returns the names of the built-in presets."""
    names = {path.name.removesuffix(".toml") for path in _PRESETS.iterdir() if path.name.endswith(".toml")}
    return sorted(names - set(_COMPAT))


def read_preset(name: str) -> dict[str, Any]:
    """Reads a preset: sections, and ``parts`` by kind and name, which count only where the run has that part.

    Raises:
        SettingsError: no preset has this name.
    """
    if name not in presets():
        raise SettingsError(f"no preset has the name '{name}'; known: {', '.join(presets())}")
    return tomllib.loads((_PRESETS / f"{name}.toml").read_text(encoding="utf-8"))


def read_compat(name: str) -> dict[str, Any]:
    """Reads the settings of another implementation: sections, and ``parts`` by kind and name."""
    return tomllib.loads((_PRESETS / f"{name}.toml").read_text(encoding="utf-8"))


def _implied_preset(values: Mapping[str, Any]) -> str | None:
    data = values.get("data", {})
    if not isinstance(data, Mapping):
        return None  # ``from_dict`` raises the error
    files_named = any(data.get(key) for key in ("silver", "gold", "train", "dev", "test"))
    name = data.get("name", "demo")
    return name if name in presets() and not files_named else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such settings file") from None
    except RecursionError:
        raise SettingsError(f"{path}: expected TOML settings, got brackets nested too deeply") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise SettingsError(f"{path}: expected TOML settings: {error}") from None


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        lower = merged.get(key)
        merged[key] = _merge(lower, value) if isinstance(lower, Mapping) and isinstance(value, Mapping) else value
    return merged


def _build(kind: type[Any], values: Mapping[str, Any], prefix: str) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    fields: dict[str, Any] = {}
    for key, value in values.items():
        place = f"{prefix}{key}"
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            hint = f"did you mean '{prefix}{near[0]}'? " if near else ""
            raise SettingsError(f"unknown setting '{place}'; {hint}known here: {', '.join(hints)}")
        fields[key] = _value(hints[key], value, place)
    return kind(**fields)


def _value(hint: Any, value: Any, place: str) -> Any:
    section = dataclasses.is_dataclass(hint) or getattr(hint, "__origin__", None) is Mapping
    if section and not isinstance(value, Mapping):
        raise not_a_value(place)
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{place}.")  # type: ignore[arg-type]
    return dict(value) if section else coerce(value, hint, place)
