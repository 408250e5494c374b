"""From the settings of a part to an asker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from finecl.artifacts.files import cache_directory
from finecl.errors import SettingsError
from finecl_llm.asking import Asker, Endpoint

T = TypeVar("T")


def asker(
    model: str,
    system: str,
    schema: Mapping[str, Any],
    read: Callable[[str, str], T],
    cache: str,
    settings: Mapping[str, Any],
) -> Asker[T]:
    """Returns an asker; ``cache`` "": llm.sqlite in finecl's cache directory.

    Raises:
        SettingsError: no model is named, or the endpoint has no key.
    """
    if not model:
        raise SettingsError("llm: expected the name of a model, such as llm:MODEL, got none")
    path = Path(cache) if cache else cache_directory() / "llm.sqlite"
    return Asker(Endpoint(model=model, **settings), system, schema, read, path)
