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
_COMPAT = ("release",)  # files beside the presets that say what another implementation does


def resolve(
    *,
    preset: str | None = None,
    file: Path | None = None,
    assignments: Iterable[str] = (),
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from all their sources; later ones win: preset, compat, TOML file, ``overrides``, ``key=value`` texts.

    Without a preset the one named like ``data.name`` is taken, if there is such a one: ``demo``.

    Raises:
        SettingsError: an unknown key (the nearest known one is suggested), or a value that does not fit.
    """
    layers = [_read_toml(file)] if file else []
    layers.append(nested(overrides or {}))
    layers.append(nested(dict(map(assignment, assignments))))
    given: dict[str, Any] = {}
    for layer in layers:
        given = _merge(given, layer)
    given = translate_aliases(given)
    name = preset or given.get("preset") or _implied_preset(given)
    base = read_preset(name) if name else {}
    if given.get("compat"):
        from_dict({"compat": given["compat"]})  # the name is checked
        base = _merge(base, {key: value for key, value in read_compat(given["compat"]).items() if key != "parts"})
    return from_dict(_merge(base, given | {"preset": name}))


def from_dict(values: Mapping[str, Any]) -> Settings:
    """Settings from nested dictionaries, as ``Settings.to_dict`` makes them.

    Raises:
        SettingsError: an unknown key or a value that does not fit.
    """
    settings: Settings = _build(Settings, values, "")
    return settings


def presets() -> list[str]:
    """The names of the presets that come with finecl."""
    names = {path.name.removesuffix(".toml") for path in _PRESETS.iterdir() if path.name.endswith(".toml")}
    return sorted(names - set(_COMPAT))


def read_preset(name: str) -> dict[str, Any]:
    """The values of a preset.

    Raises:
        SettingsError: there is no such preset.
    """
    if name not in presets():
        raise SettingsError(f"no preset is called '{name}'; known: {', '.join(presets())}")
    return tomllib.loads((_PRESETS / f"{name}.toml").read_text(encoding="utf-8"))


def read_compat(name: str) -> dict[str, Any]:
    """What another implementation does: sections of the settings, and ``parts`` by kind and name."""
    return tomllib.loads((_PRESETS / f"{name}.toml").read_text(encoding="utf-8"))


def _implied_preset(given: Mapping[str, Any]) -> str | None:
    data = given.get("data", {})
    if not isinstance(data, Mapping):
        return None  # ``from_dict`` will say what is wrong with it
    files_named = any(data.get(key) for key in ("silver", "gold", "train", "dev", "test"))
    name = data.get("name", "demo")
    return name if name in presets() and not files_named else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such settings file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise SettingsError(f"{path}: expected TOML settings: {error}") from None


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        there = merged.get(key)
        merged[key] = _merge(there, value) if isinstance(there, Mapping) and isinstance(value, Mapping) else value
    return merged


def _build(kind: type[Any], values: Mapping[str, Any], prefix: str) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    made: dict[str, Any] = {}
    for key, value in values.items():
        place = f"{prefix}{key}"
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            hint = f"did you mean '{prefix}{near[0]}'? " if near else ""
            raise SettingsError(f"unknown setting '{place}'; {hint}known here: {', '.join(hints)}")
        made[key] = _value(hints[key], value, place)
    return kind(**made)


def _value(hint: Any, value: Any, place: str) -> Any:
    section = dataclasses.is_dataclass(hint) or getattr(hint, "__origin__", None) is Mapping
    if section and not isinstance(value, Mapping):
        raise not_a_value(place)
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, f"{place}.")  # type: ignore[arg-type]
    return dict(value) if section else coerce(value, hint, place)
