"""How a value from a file or a command line becomes a typed setting."""

from __future__ import annotations

import json
import types
import typing
from typing import Any

from finecl.errors import SettingsError


def coerce(value: Any, annotation: Any, place: str) -> Any:
    """``value`` as the type that ``annotation`` names; text is read as a literal where text is not asked for.

    Raises:
        SettingsError: the value does not fit; ``place`` says which setting it is.
    """
    if annotation is Any or str(annotation) == "<class 'inspect._empty'>":
        return value
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _any_of(value, arguments, place)
    if origin is typing.Literal:
        return _one_of(value, arguments, place)
    if origin in (tuple, list):
        return _sequence(value, arguments, place)
    return _scalar(value, annotation, place)


def _any_of(value: Any, choices: tuple[Any, ...], place: str) -> Any:
    if type(None) in choices and (value is None or value in ("none", "None", "null", "")):
        return None
    # Text is taken as it stands only when nothing narrower fits.
    for choice in sorted((c for c in choices if c is not type(None)), key=lambda c: c is str):
        try:
            return coerce(value, choice, place)
        except SettingsError:
            continue
    raise SettingsError(f"{place}: expected {_name(choices)}, got {value!r}")


def _one_of(value: Any, choices: tuple[Any, ...], place: str) -> Any:
    if value in choices:
        return value
    raise SettingsError(f"{place}: expected one of {', '.join(map(str, choices))}, got {value!r}")


def _sequence(value: Any, arguments: tuple[Any, ...], place: str) -> tuple[Any, ...]:
    if isinstance(value, str):
        value = json.loads(value) if value.startswith("[") else [v for v in value.split(",") if v]
    if not isinstance(value, list | tuple):
        raise SettingsError(f"{place}: expected a list, got {value!r}")
    return tuple(coerce(v, arguments[0], place) for v in value)


def _scalar(value: Any, wanted: Any, place: str) -> Any:
    if isinstance(value, str) and wanted is bool and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, str) and wanted in (int, float):
        try:
            return wanted(value)
        except ValueError:
            raise SettingsError(f"{place}: expected {wanted.__name__}, got {value!r}") from None
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)):
        return value
    raise SettingsError(f"{place}: expected {_name((wanted,))}, got {value!r}")


def _name(choices: tuple[Any, ...]) -> str:
    return " or ".join("none" if c is type(None) else getattr(c, "__name__", str(c)) for c in choices)
