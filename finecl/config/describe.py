"""Lists all settings with defaults, ranges and meanings, from the settings' dataclasses and the parts' signatures.

The meaning of a setting is the comment beside or above its field in ``finecl.config.schema``.
"""

from __future__ import annotations

import dataclasses
import inspect
import tokenize
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from io import StringIO
from typing import Any, get_type_hints

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt

from finecl.config import schema


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A key of ``--set`` with its default and range as text; ``part`` is the part that has it, empty for all runs."""

    key: str
    default: str
    range: str
    meaning: str
    part: str = ""


def settings() -> list[Setting]:
    """Returns all settings of runs, in the order of the schema; those of parts are in ``part_settings``."""
    return list(_fields(schema.Settings, ""))


def part_settings(kind: str, name: str, parameters: Mapping[str, inspect.Parameter], about: str) -> Iterator[Setting]:
    """Yields the settings of a part; ``about`` is what the part is."""
    prefix = f"{kind}.{name}" if kind == "objective" else kind
    for key, parameter in parameters.items():
        missing = parameter.default is inspect.Parameter.empty
        default = "required" if missing else value_text(parameter.default)
        yield Setting(
            key=f"{prefix}.{key}", default=default, range=range_text(parameter.annotation), meaning=about, part=name
        )


def choices(hint: Any) -> list[str]:
    """Returns the values that a type allows, if these are a few texts or true and false."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is bool:
        return ["true", "false"]
    if origin is typing.Literal:
        return [str(argument) for argument in arguments]
    if origin is typing.Annotated:
        return choices(arguments[0])
    return [choice for argument in arguments for choice in choices(argument)] if _is_union(origin) else []


def value_text(value: Any) -> str:
    """Returns a default as it is written after ``--set KEY=``; "none" for None, "-" for an empty list."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(map(value_text, value)) or "-"
    return f"{value:g}" if isinstance(value, float) else str(value) or '""'


def range_text(hint: Any) -> str:
    """Returns the values that a type allows in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if choices(hint) and not _is_union(origin):
        return " | ".join(choices(hint))
    if origin is typing.Annotated:
        return _bounds(arguments)
    if _is_union(origin):
        return " | ".join("none" if argument is type(None) else range_text(argument) for argument in arguments)
    if origin in (tuple, list):
        return f"list of {_name(arguments[0])}"
    return _name(hint)


def _is_union(origin: Any) -> bool:
    return origin in (typing.Union, types.UnionType)


def _name(hint: Any) -> str:
    names = {str: "text", int: "whole number", float: "number", bool: "true | false"}
    return names.get(hint, getattr(hint, "__name__", str(hint)))


def _bounds(arguments: tuple[Any, ...]) -> str:
    kind, *ranges = arguments
    bounds = [bound for item in ranges for bound in (item if isinstance(item, GroupedMetadata) else [item])]
    words = {Ge: "from {}", Gt: "above {}", Le: "to {}", Lt: "below {}"}
    limits = [getattr(bound, field) for bound in bounds for field in ("ge", "gt", "le", "lt") if hasattr(bound, field)]
    texts = [words[type(bound)].format(_limit(limit)) for bound, limit in zip(bounds, limits, strict=True)]
    return f"{_name(kind)} {' '.join(texts)}"


def _limit(limit: float) -> str:
    return "2^63" if limit == 2**63 else f"{limit:g}"


def _fields(kind: type[Any], prefix: str) -> Iterator[Setting]:
    hints, meanings = get_type_hints(kind, include_extras=True), _meanings()
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            yield from _fields(hint, f"{prefix}{field.name}.")  # type: ignore[arg-type]
        elif typing.get_origin(hint) is not Mapping:
            owners = [base.__name__ for base in kind.__mro__]
            meaning = next((meanings[at, field.name] for at in owners if (at, field.name) in meanings), "")
            default = value_text(field.default)
            yield Setting(key=f"{prefix}{field.name}", default=default, range=range_text(hint), meaning=meaning)


@cache
def _meanings() -> dict[tuple[str, str], str]:
    """Returns the comments of the schema by class and field: those above the field and the one beside it."""
    meanings: dict[tuple[str, str], str] = {}
    above: list[str] = []
    owner = field = ""
    for token in tokenize.generate_tokens(StringIO(inspect.getsource(schema)).readline):
        line = token.line.strip()
        if token.type == tokenize.COMMENT and line.startswith("#"):
            above.append(token.string.lstrip("# "))
        elif token.type == tokenize.COMMENT and field:
            meanings[owner, field] = " ".join([*above, token.string.lstrip("# ")])
        elif token.type == tokenize.NEWLINE:
            if field and above:
                meanings.setdefault((owner, field), " ".join(above))
            above, field = [], ""
        elif token.type == tokenize.NAME and token.line.startswith("class ") and token.string not in ("class",):
            owner = token.line.split()[1].partition("(")[0].rstrip(":")
        elif token.type == tokenize.NAME and not field and line.startswith(f"{token.string}:"):
            field = token.string
    return meanings
