"""Generated blocks of the pages on what weighting gains: at each noise rate, and with few gold documents."""

from __future__ import annotations

from finecl.artifacts.files import read_json
from finecl_benchmarks.readme_blocks import RESULTS, no_record

_NOISE = "silver noise at "


def curve_block(*names: str, baseline: str = "erica") -> str:
    """Returns recorded suites as one table: a row for each noise rate, task and fraction, a column for each method."""
    tables = []
    for name in names:
        record = read_json(RESULTS / f"suite-{name}.json")
        if not record:
            command = f"finecl benchmark run {name}` and `finecl benchmark show {name} --baseline {baseline} --keep"
            return no_record(command)
        tables += [table for table in record["tables"] if _NOISE in table["title"]]
    tables.sort(key=lambda table: float(table["title"].rpartition(_NOISE)[2].removesuffix(" %")))
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
            cells += [row[1], _gain(row[against])] if row else ["-", "-"]
        rows.append(f"| {data} | {rate} | {' | '.join(cells)} | {by_method[baseline][2]} |")
    return "\n".join(rows)


_TITLES = {
    "none": "none: the plain encoder",
    "erica": "equal weights (`erica`)",
    "finecl, release": "FineCL's weights (`finecl`, as in its release)",
    "finecl-strict": "stricter weights (`finecl-strict`, finecl's own)",
}


def gains_block(baseline: str = "erica") -> str:
    """Returns what pre-training gains on the built-in corpus with 50 and 200 gold documents, a row for each method."""
    tables = []
    for name in ("demo", "demo-200"):
        record = read_json(RESULTS / f"suite-{name}.json")
        if not record:
            return no_record(f"finecl benchmark run {name}` and `finecl benchmark show {name} --baseline erica --keep")
        tables.append(record["tables"][0])
    head = "pre-training | 50 gold documents | gain | 200 gold documents | gain"
    rows = [f"| {head} |", "|---" * 5 + "|"]
    for method, title in _TITLES.items():
        cells = []
        for table in tables:
            (row,) = [row for row in table["rows"] if row[0] == method]
            cells += [row[1], _gain(row[table["columns"].index(f"against {baseline}")])]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _gain(text: str) -> str:
    """Returns a difference with its interval, without the p-value."""
    return text.partition(", p")[0].replace(" .. ", " to ")
