"""Damages every file that finecl reads, kills every command that writes, and asks an extractor thousands of times.

    python -m finecl_benchmarks.hostile --keep
    python -m finecl_benchmarks.hostile kills --keep

Runs ``tests/hostile`` as a whole (FINECL_HOSTILE=all) from a checkout, and counts the outcomes; damage and moments of
kills depend on the seed in the tests. "Same result" is that of undisturbed files or commands, "one line" an error of
one line with exit code 2. Where a file is the user's own, or a stranger's without hashes, another valid result counts,
too. "Nothing written", "part written" and "all written": the outputs of a command after a kill, none half-written.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from finecl.artifacts.files import read_json, write_json
from finecl.artifacts.provenance import environment
from finecl.errors import FineCLError
from finecl_benchmarks.record import RESULTS

_ROOT = RESULTS.parents[1]
PARTS = {"hostile": "test_damaged_files.py", "kills": "test_kills.py", "soak": "test_soak.py"}
"""Records, and the tests that they count."""


def main() -> None:
    """Parses the command line, runs the tests, prints the record and with ``--keep`` writes it."""
    parser = argparse.ArgumentParser(description="Damage every file that finecl reads, and count the outcomes.")
    parser.add_argument("part", nargs="*", help=f"parts to run: {', '.join(PARTS)} (default: all)")
    parser.add_argument("--keep", action="store_true", help="write benchmarks/results/PART.json")
    arguments = parser.parse_args()
    if unknown := [part for part in arguments.part if part not in PARTS]:
        parser.error(f"expected {', '.join(PARTS)}, got '{unknown[0]}'")
    for part in arguments.part or PARTS:
        record = measure(part)
        if arguments.keep:
            write_json(RESULTS / f"{part}.json", record)
        json.dump(record, sys.stdout, indent=1)
        print()


def measure(part: str) -> dict[str, Any]:
    """Runs the tests of a part and returns its record.

    Raises:
        FineCLError: there is no checkout with the tests, or they did not run to their end.
    """
    if not (_ROOT / "tests" / "hostile").is_dir():
        raise FineCLError(f"{_ROOT}: expected a checkout with tests/hostile; run this from a clone")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "counts.json"
        variables = {"FINECL_HOSTILE": "all", "FINECL_HOSTILE_COUNTS": str(path), "OMP_NUM_THREADS": "1"}
        began = time.perf_counter()
        command = [sys.executable, "-m", "pytest", "-q", f"tests/hostile/{PARTS[part]}", "-p", "no:cacheprovider"]
        done = subprocess.run(command, cwd=_ROOT, env=os.environ | variables, stdout=sys.stderr, check=False)
        seconds = time.perf_counter() - began
        counts = read_json(path)
    if not counts:
        raise FineCLError("expected the counts of tests/hostile, got none; see the messages of pytest")
    total: Counter[str] = Counter()
    for outcomes in counts.values():
        total.update({name: number for name, number in outcomes.items() if isinstance(number, int)})
    return {
        "benchmark": part,
        "passed": done.returncode == 0,
        "seconds": round(seconds, 1),
        "total": dict(total),
        "outcomes": counts,
        **environment(),
    }


def hostile_block() -> str:
    """Returns the recorded outcomes as a Markdown table: a row for each part."""
    rows = ["| part | tried | outcomes | none broken |", "|---|---|---|---|"]
    for part, (tried, *outcomes) in _OUTCOMES.items():
        record = read_json(RESULTS / f"{part}.json")
        if not record:
            rows.append(f"| {part} | no record | | |")
            continue
        total = record["total"]
        found = ", ".join(f"{total[name]:,} {name}" for name in outcomes if total.get(name))
        passed = "yes" if record["passed"] else "no"
        rows.append(f"| {part} | {total[tried]:,} {tried} | {found} | {passed} |")
    return "\n".join(rows)


_OUTCOMES = {
    "hostile": ("cases", "one line", "same result", "another valid result"),
    "kills": ("kills", "nothing written", "part written", "all written"),
    "soak": ("calls", "same answers"),
}
"""What each part counts, and its outcomes."""


if __name__ == "__main__":
    main()
