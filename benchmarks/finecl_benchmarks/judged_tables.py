"""The record of judged labels as tables for the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from finecl.artifacts.files import read_json
from finecl_benchmarks.readme_blocks import RESULTS

_MISSING = "Not measured: no record. Create one with `python -m finecl_benchmarks.judged --keep`."
_Runs = Sequence[Mapping[str, Any]]


def judged_block() -> str:
    """Returns the recorded measures as a table: AUROC over all labels and within relations, a row for each scorer."""
    by_corpus = _by_corpus()
    if not by_corpus:
        return _MISSING
    heads = [
        f"{corpus}: {runs[0]['labels']:,} labels, {runs[0]['judged_wrong']:.0%} wrong | within relations"
        for corpus, runs in by_corpus.items()
    ]
    first = next(iter(by_corpus.values()))
    names = sorted({name for runs in by_corpus.values() for name in runs[0]["scorers"]})
    names.sort(key=lambda name: -_mean(first, name, "auroc"))
    rows = [f"| scorer | {' | '.join(heads)} |", "|---" * (1 + 2 * len(heads)) + "|"]
    for name in names:
        keys = [(runs, key) for runs in by_corpus.values() for key in ("auroc", "auroc_within_relations")]
        rows.append(_row(name, [_mean(runs, name, key) for runs, key in keys]))
    return "\n".join([*rows, "", f"AUROC; {_seeds(by_corpus)}."])


def measures_block() -> str:
    """Returns further measures of the scorers on the first corpus, and the estimated share of wrong labels."""
    by_corpus = _by_corpus()
    if not by_corpus:
        return _MISSING
    corpus, runs = next(iter(by_corpus.items()))
    keys = {
        "average precision": "average_precision",
        "precision at 10 %": "precision_at_10_percent",
        "at 30 %": "precision_at_30_percent",
        "AUROC without disputed": "auroc_undisputed",
        "rank correlation": "rank_correlation",
    }
    rows = [
        f"| {corpus}: scorer | {' | '.join(keys)} | estimated share wrong | calibration error |",
        "|---" * (3 + len(keys)) + "|",
    ]
    for name in sorted(runs[0]["scorers"], key=lambda name: -_mean(runs, name, "auroc")):
        found = [run["scorers"][name]["p_wrong"] for run in runs]
        estimates = [float(np.mean([each[key] for each in found])) if all(found) else np.nan for key in _OF_P_WRONG]
        rows.append(_row(name, [*(_mean(runs, name, key) for key in keys.values()), *estimates]))
    rows += ["", f"Judged wrong: {runs[0]['judged_wrong']:.3f}."]
    order = runs[0]["label_accuracy_by_order"]
    if order:
        shares = ", ".join(f"{each['order'] or 'never'}: {each['accuracy']:.0%}" for each in order)
        rows[-1] += (
            f" Judged right, by the epoch in which the proxy learned the label (seed {runs[0]['seed']}): {shares}."
        )
    return "\n".join(rows)


_OF_P_WRONG = ("wrong_share", "ece")


def stacks_block() -> str:
    """Returns what judged labels add to scorers without training, by their number and the way of selecting them."""
    by_corpus = _by_corpus()
    if not by_corpus:
        return _MISSING
    rows = [
        "| corpus | judged labels | selected | stack | mean of ranks | best member | not worse than the best member |"
    ]
    rows.append("|---" * 7 + "|")
    for corpus, runs in by_corpus.items():
        for row in runs[0]["stacks"]:
            members = [each for name, each in row["auroc"].items() if name not in ("stack", "mean")]
            cells = [_pair(row["auroc"]["stack"]), _pair(row["auroc"]["mean"]), _pair(max(members))]
            share = f"{row['no_worse_than_members']:.0%} of samples"
            rows.append(f"| {corpus} | {row['judged']} | {row['selected']} | {' | '.join(cells)} | {share} |")
    return "\n".join([*rows, "", "AUROC over all labels / within relations, mean of 20 rounds."])


def _by_corpus() -> dict[str, list[Mapping[str, Any]]]:
    by_corpus: dict[str, list[Mapping[str, Any]]] = {}
    for run in read_json(RESULTS / "judged.json").get("runs", []):
        by_corpus.setdefault(run["corpus"], []).append(run)
    return by_corpus


def _seeds(by_corpus: Mapping[str, _Runs]) -> str:
    counts = {corpus: len(runs) for corpus, runs in by_corpus.items()}
    return ", ".join(f"{corpus}: {count} seed{'s' if count > 1 else ''}" for corpus, count in counts.items())


def _mean(runs: _Runs, scorer: str, key: str) -> float:
    """Returns the mean over runs, NaN where a scorer was not measured."""
    return float(np.mean([run["scorers"].get(scorer, {}).get(key, np.nan) for run in runs]))


def _row(name: str, values: Sequence[float]) -> str:
    cells = " | ".join("-" if np.isnan(value) else f"{value:.3f}" for value in values)
    return f"| {name if ' ' in name else f'`{name}`'} | {cells} |"


def _pair(values: Sequence[float]) -> str:
    return " / ".join(f"{value:.3f}" for value in values)
