"""Fixtures of hostile tests: what finecl writes and reads, made once, and a record of the counts."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import finished_run, small

__all__ = ["finished_run", "small"]
ALL = os.environ.get("FINECL_HOSTILE") == "all"
"""Whether the whole is run, not only the quick part."""


@pytest.fixture(scope="session")
def counts() -> Iterator[dict[str, Counter[str]]]:
    """Outcomes by kind of file; written to the file FINECL_HOSTILE_COUNTS at the end, if it is set."""
    counted: dict[str, Counter[str]] = {}
    yield counted
    if path := os.environ.get("FINECL_HOSTILE_COUNTS"):
        Path(path).write_text(json.dumps(counted), encoding="utf-8")
