"""Converts values from files and command lines into typed settings, within the ranges that their types allow."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import math
import operator
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt

from finecl.errors import SettingsError


def assignment(text: str) -> tuple[str, str]:
    """Splits ``key=value`` into key and value.

    Raises:
        SettingsError: the text has another form.
    """
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise SettingsError(f"--set expects key=value, got '{text}'")
    return key.strip(), value.strip()


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Converts {"a.b": 1} to {"a": {"b": 1}}.

    Raises:
        SettingsError: a key has both a value and nested keys.
    """
    result: dict[str, Any] = {}
    for key, value in flat.items():
        *path, last = key.split(".")
        inner = result
        for name in path:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise not_a_value(name)
        inner[last] = value
    return result


def not_a_value(place: str) -> SettingsError:
    """Returns the error for a value in the place of a section."""
    return SettingsError(f"'{place}' is a section: set one of its keys, as {place}.KEY=VALUE")


def parameters(factory: Any) -> list[inspect.Parameter]:
    """Returns the parameters of a factory with their types; types of inherited fields are resolved in their own module.

    Raises:
        NameError: a type is undefined at run time.
    """
    source = factory.func if isinstance(factory, functools.partial) else factory
    if inspect.isclass(source) and not dataclasses.is_dataclass(source):
        source = source.__init__
    hints = typing.get_type_hints(source, include_extras=True)
    signature = inspect.signature(factory).parameters.values()
    return [p.replace(annotation=hints.get(p.name, p.annotation)) for p in signature]


class OutOfRangeError(SettingsError):
    """A number lies outside the range that its ``Annotated`` type allows."""


def coerce(value: Any, annotation: Any, place: str) -> Any:
    """Converts ``value`` to the type ``annotation``; text is parsed where another type is expected.

    Raises:
        SettingsError: the value has another type; ``place`` is the name of the setting in the message.
    """
    if typing.get_origin(annotation) is typing.Annotated:
        kind, *ranges = typing.get_args(annotation)
        return _within(_converted(value, kind, place), ranges, place)
    converted = _converted(value, annotation, place)
    if isinstance(converted, float) and not _finite(converted):
        raise OutOfRangeError(f"{place}: expected a finite number, got {converted}")
    return converted


def _converted(value: Any, annotation: Any, place: str) -> Any:
    if annotation is Any or str(annotation) == "<class 'inspect._empty'>":
        return value
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return _any_of(value, arguments, place)
    if origin is typing.Literal:
        return _one_of(value, arguments, place)
    if origin in (tuple, list):
        return _sequence(value, arguments, place)
    return _scalar(value, origin or annotation, place)


_COMPARISONS: dict[type[Any], tuple[str, str, Callable[[Any, Any], bool]]] = {
    Ge: ("ge", "at least", operator.ge),
    Gt: ("gt", "above", operator.gt),
    Le: ("le", "at most", operator.le),
    Lt: ("lt", "below", operator.lt),
}


def _within(number: Any, ranges: Iterable[Any], place: str) -> Any:
    """Returns a number if it is finite and within the ranges, which are those of the library annotated-types."""
    bounds = [bound for item in ranges for bound in (item if isinstance(item, GroupedMetadata) else [item])]
    limits = [(getattr(bound, _COMPARISONS[type(bound)][0]), *_COMPARISONS[type(bound)][1:]) for bound in bounds]
    if _finite(number) and all(holds(number, limit) for limit, _, holds in limits):
        return number
    expected = " and ".join(f"{words} {limit:g}" for limit, words, _ in limits)
    if [words for _, words, _ in limits] == ["at least", "at most"]:
        expected = f"a number from {limits[0][0]:g} to {limits[1][0]:g}"
    raise OutOfRangeError(f"{place}: expected {expected}, got {number}")


def _finite(number: Any) -> bool:
    return isinstance(number, int) or math.isfinite(number)


def _any_of(value: Any, choices: tuple[Any, ...], place: str) -> Any:
    if type(None) in choices and (value is None or value in ("none", "None", "null", "")):
        return None
    # Text is the last choice: any value is valid text.
    for choice in sorted((c for c in choices if c is not type(None)), key=lambda c: c is str):
        try:
            return coerce(value, choice, place)
        except OutOfRangeError:
            raise
        except SettingsError:
            continue
    raise SettingsError(f"{place}: expected {_name(choices)}, got {value!r}")


def _one_of(value: Any, choices: tuple[Any, ...], place: str) -> Any:
    for choice in choices:
        if value == choice or value == str(choice):  # numbers are text on a command line
            return choice
    raise SettingsError(f"{place}: expected one of {', '.join(map(str, choices))}, got {value!r}")


def _sequence(value: Any, arguments: tuple[Any, ...], place: str) -> tuple[Any, ...]:
    if isinstance(value, str):
        value = _listed(value)
    if not isinstance(value, list | tuple):
        raise SettingsError(f"{place}: expected a list, got {value!r}")
    return tuple(coerce(v, arguments[0], place) for v in value)


def _listed(text: str) -> Any:
    """Parses ``[0.5, 0.5]`` or ``0.5,0.5`` as a list; returns other text unchanged."""
    if not text.startswith("["):
        return [part for part in text.split(",") if part]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _scalar(value: Any, wanted: Any, place: str) -> Any:
    if isinstance(value, str) and wanted is bool and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, str) and wanted in (int, float):
        try:
            return wanted(value)
        except ValueError:
            raise SettingsError(f"{place}: expected {wanted.__name__}, got {value!r}") from None
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 2**1023 else math.inf if value > 0 else -math.inf
    if isinstance(value, wanted) and not (wanted is int and isinstance(value, bool)):
        return value
    raise SettingsError(f"{place}: expected {_name((wanted,))}, got {value!r}")


def _name(choices: tuple[Any, ...]) -> str:
    return " or ".join("none" if c is type(None) else _called(c) for c in choices)


def _called(choice: Any) -> str:
    if typing.get_origin(choice) is typing.Annotated:
        return _called(typing.get_args(choice)[0])
    if typing.get_origin(choice) is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(choice)))}"
    return str(getattr(choice, "__name__", choice))
