"""How well the estimated probability that a label is wrong agrees with the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from finecl.extraction.calibration import expected_calibration_error
from finecl.scoring.wrong_labels import wrong_labels
from finecl.types import Bools, Evidence, Floats


def probability_record(
    noises: Mapping[str, Floats], wrong: Bools, evidence: Evidence, counted: Any = slice(None)
) -> dict[str, dict[str, Any]]:
    """Returns for each scorer the estimated share of wrong labels, its interval, and the calibration error of p_wrong.

    *Shape:* the noise of each scorer [N]; ``wrong`` holds the truth of the labels ``counted``, by default of all.
    """
    dynamics = evidence.batch or evidence.epoch
    none = np.zeros(len(next(iter(noises.values()))), dtype=np.bool_)
    confidence_EN = dynamics.confidence if dynamics else None
    estimates = {name: wrong_labels(noise, none, none, confidence_EN) for name, noise in noises.items()}
    return {
        name: each.record() | {"ece": expected_calibration_error(each.p_wrong[counted, None], wrong[:, None])}
        for name, each in estimates.items()
        if each.share is not None
    }


def probability_table(record: Mapping[str, Any], scorers: Sequence[str]) -> str:
    """Returns a recorded suite as a Markdown table: a row for each scorer and seed."""
    rows = [
        "| scorer | seed | labels wrong | estimated | 95 % interval | calibration error |",
        "|---|---|---|---|---|---|",
    ]
    for name in scorers:
        for cell in record["cells"]:
            found = cell["p_wrong"][name]
            low, high = found["wrong_share_interval"]
            true = 1 - cell["silver_accuracy"]
            rows.append(
                f"| `{name}` | {cell['varied']['seed']} | {true:.0%} | {found['wrong_share']:.0%} "
                f"| {low:.0%} to {high:.0%} | {found['ece']:.3f} |"
            )
    return "\n".join(rows)
