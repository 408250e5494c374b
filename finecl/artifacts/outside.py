"""Checks records that were read from files against a schema, before anything uses them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from annotated_types import Ge, Interval, MaxLen
from pydantic import Strict, TypeAdapter, ValidationError

from finecl.errors import FineCLError, FormatError

Text = Annotated[str, Strict()]
Number = Annotated[float, Strict(), Interval(ge=-1e300, le=1e300)]
Whole = Annotated[int, Strict(), Interval(ge=-(2**63), lt=2**63)]
Length = Annotated[int, Strict(), Interval(ge=0, lt=2**31)]
Names = Annotated[list[Text], MaxLen(1_000_000)]
__all__ = ["Ge", "Length", "Names", "Number", "Text", "Whole", "check_record"]


def check_record(
    record: Any, schema: Any, where: str, error: type[FineCLError] = FormatError, fix: str = "restore the file"
) -> None:
    """Raises ``error`` unless the record has the type ``schema``: a type that pydantic checks, such as a TypedDict.

    The message names ``where``, the field, what was expected and what came, and ends with ``fix``.
    """
    try:
        _adapter(schema).validate_python(record)
    except ValidationError as caught:
        first = caught.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        missing = first["type"] == "missing"
        came = "nothing" if missing else _shown(first["input"])
        message = first["msg"].removeprefix("Input should be ").replace("a valid dictionary", "an object")
        expected = "a value" if missing else message
        raise error(f"{where}: {field + ': ' if field else ''}expected {expected}, got {came}; {fix}") from None


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def _shown(value: Any) -> str:
    """Returns a value as text of at most 60 characters."""
    if isinstance(value, Mapping | list) and len(value) > 3:
        return f"{'an object' if isinstance(value, Mapping) else 'a list'} of {len(value)}"
    return f"{value!r:.60}"
