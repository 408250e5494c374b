"""Generated blocks of the pages for suites over noise rates: what weighting gains at each rate."""

from __future__ import annotations

from finecl.artifacts.files import read_json
from finecl_benchmarks.readme_blocks import RESULTS, no_record

_NOISE = "silver noise at "


def curve_block(name: str, baseline: str = "erica") -> str:
    """Returns a recorded suite as one table: a row for each task, fraction and noise rate, a column for each method."""
    record = read_json(RESULTS / f"suite-{name}.json")
    if not record:
        return no_record(f"finecl benchmark run {name}` and `finecl benchmark show {name} --baseline {baseline} --keep")
    tables = [table for table in record["tables"] if _NOISE in table["title"]]
    others = list(dict.fromkeys(row[0] for table in tables for row in table["rows"] if row[0] != baseline))
    head = ["data", "labels wrong", f"`{baseline}`", *(f"`{other}` | gain, 95 % interval" for other in others), "seeds"]
    rows = [f"| {' | '.join(head)} |", "|---" * (3 + 2 * len(others) + 1) + "|"]
    for table in tables:
        data, _, rate = table["title"].rpartition(f", {_NOISE}")
        against = table["columns"].index(f"against {baseline}")
        by_method = {row[0]: row for row in table["rows"]}
        cells = [by_method[baseline][1]]
        for other in others:
            row = by_method.get(other)
            cells += [row[1], row[against].partition(", p")[0].replace(" .. ", " to ")] if row else ["-", "-"]
        rows.append(f"| {data} | {rate} | {' | '.join(cells)} | {by_method[baseline][2]} |")
    return "\n".join(rows)
