"""Saves the record of a finished run: ``python -m finecl_benchmarks.record RUN_DIRECTORY NAME``.

Writes the content of ``run.json`` and ``metrics.json``, without the loss of each step, to
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
    """Parses the command line and writes the record."""
    parser = argparse.ArgumentParser(description="Save the record of a finished run.")
    parser.add_argument("run", type=Path, help="run directory")
    parser.add_argument("name", help="name of the record: benchmarks/results/NAME.json")
    arguments = parser.parse_args()
    path = RESULTS / f"{arguments.name}.json"
    write_json(path, record_of(arguments.run))
    print(path)


def record_of(directory: Path) -> dict[str, Any]:
    """Returns the record of a run directory.

    Raises:
        SettingsError: the run has no results yet.
    """
    run, metrics = read_json(directory / "run.json"), read_json(directory / "metrics.json")
    if "evaluate" not in metrics:
        raise SettingsError(f"{directory}: expected a finished run, found no results; run `finecl evaluate` first")
    pretrain = {key: value for key, value in metrics.get("pretrain", {}).items() if key != "loss"}
    seconds = {name: stage["seconds"] for name, stage in run["stages"].items()}
    keys = ("method", "settings", "precision", "seed", "data", "notes", "versions", "machine", "commit")
    return {
        "run": {key: run[key] for key in keys if key in run},
        "seconds": seconds,
        "metrics": metrics | {"pretrain": pretrain},
    }


if __name__ == "__main__":
    main()
