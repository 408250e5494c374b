"""Keeps the record of a finished run: ``python -m finecl_benchmarks.record RUN_DIRECTORY NAME``.

The record is what ``run.json`` and ``metrics.json`` hold, less the loss of each step, as
``benchmarks/results/NAME.json``. Every figure in the README comes from such a record.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from finecl.artifacts.files import read_json, write_json
from finecl.errors import SettingsError

RESULTS = Path(__file__).resolve().parents[1] / "results"


def main() -> None:
    """Reads the run and writes the record."""
    parser = argparse.ArgumentParser(description="Keep the record of a finished run.")
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    given = parser.parse_args()
    path = RESULTS / f"{given.name}.json"
    write_json(path, record_of(given.run))
    print(path)


def record_of(directory: Path) -> dict[str, Any]:
    """The record of a run directory.

    Raises:
        SettingsError: the run is not finished.
    """
    run, metrics = read_json(directory / "run.json"), read_json(directory / "metrics.json")
    if "evaluate" not in metrics:
        raise SettingsError(f"{directory}: expected a finished run, found no result; finish it with `finecl evaluate`")
    pretrain = {key: value for key, value in metrics.get("pretrain", {}).items() if key != "loss"}
    seconds = {name: stage["seconds"] for name, stage in run["stages"].items()}
    kept = ("method", "settings", "precision", "seed", "data", "notes", "versions", "machine", "commit")
    return {
        "run": {key: run[key] for key in kept if key in run},
        "seconds": seconds,
        "metrics": metrics | {"pretrain": pretrain},
    }


if __name__ == "__main__":
    main()
