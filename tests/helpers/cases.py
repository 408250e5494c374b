"""Small inputs that users reported, where they are present beside the public data sets."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def case(name: str, to: Path) -> Path:
    """Copies a case into a directory of the test; skips where there are none."""
    root = Path(os.environ.get("FINECL_DATA", str(Path(__file__).parents[3] / "shared" / "data"))).parent / "cases"
    if not (root / name).is_dir():
        pytest.skip(f"no case at {root / name}: set FINECL_DATA to the directory beside the cases")
    return Path(shutil.copytree(root / name, to / name))
