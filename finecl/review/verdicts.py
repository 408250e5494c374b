"""Verdicts on silver labels: stored in the run, applied to noise and weights, and used to estimate accuracy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import numpy as np
import numpy.typing as npt
from annotated_types import Len
from typing_extensions import TypedDict

from finecl.artifacts.files import numbered_lines, parse_json, write_text
from finecl.artifacts.outside import Text, check_record
from finecl.errors import FormatError
from finecl.types import Floats, Uids

VERDICTS = "verdicts.jsonl"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A verdict on a label. ``truth`` is the true relation, if known; ``drawn`` is why it was selected (``DRAWN``)."""

    uid: int
    verdict: Literal["right", "wrong"]
    truth: str | None = None
    drawn: str = ""


class _Row(TypedDict):
    uid: Annotated[Text, Len(1, 16)]
    verdict: Literal["right", "wrong"]
    truth: NotRequired[Text | None]
    drawn: NotRequired[Text]


def read_verdicts(run: Path) -> dict[int, Verdict]:
    """Reads the verdicts imported into a run, by uid; returns none if the file does not exist.

    Raises:
        FormatError: the file is invalid.
    """
    path = run / VERDICTS
    verdicts: dict[int, Verdict] = {}
    try:
        for _, line in numbered_lines(path.read_text(encoding="utf-8")) if path.exists() else ():
            row = parse_json(line)
            check_record(row, _Row, str(path), fix="restore the file, or remove it and import the verdicts again")
            verdict = Verdict(**row | {"uid": int(row["uid"], 16)})
            verdicts[verdict.uid] = verdict
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{path}: expected the verdicts that `finecl review import` writes, got: {error}") from None
    return verdicts


def add_verdicts(run: Path, verdicts: Iterable[Verdict]) -> dict[int, Verdict]:
    """Adds verdicts to those of a run and returns all; a later verdict on the same label replaces an earlier one.

    A label of the random sample stays in it, even if a later verdict has another reason.
    """
    merged = read_verdicts(run)
    for verdict in verdicts:
        earlier = merged.get(verdict.uid)
        random = "random" in (verdict.drawn, earlier.drawn if earlier else "")
        merged[verdict.uid] = Verdict(**asdict(verdict) | ({"drawn": "random"} if random else {}))
    rows = [asdict(verdict) | {"uid": f"{uid:016x}"} for uid, verdict in sorted(merged.items())]
    write_text(run / VERDICTS, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return merged


def judged(uids: Uids, verdicts: Mapping[int, Verdict]) -> npt.NDArray[np.object_]:
    """Returns the verdict on each label ``[N]``: "right", "wrong" or None."""
    judged_N = np.full(len(uids), None, dtype=object)
    for row, uid in enumerate(uids.tolist()) if verdicts else ():
        if uid in verdicts:
            judged_N[row] = verdicts[uid].verdict
    return judged_N


def apply_verdicts(noise: Floats, weights: Floats, judged_N: npt.NDArray[np.object_]) -> tuple[Floats, Floats]:
    """Applies verdicts to noise and weights.

    A wrong label gets noise +inf and weight 0, a right one the lowest noise and the highest weight of all labels.

    *Shape:* all [N].
    """
    right, wrong = judged_N == "right", judged_N == "wrong"
    if right.any() or wrong.any():
        noise = np.where(wrong, np.float32(np.inf), np.where(right, noise.min(), noise)).astype(np.float32)
        weights = np.where(wrong, np.float32(0), np.where(right, weights.max(), weights)).astype(np.float32)
    return noise, weights


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Estimated accuracy of the labels from verdicts on the random sample, and the numbers of verdicts.

    ``low`` and ``high`` bound Wilson's 95 % interval; None without verdicts on the random sample. ``noisiest_right``
    is the share of right labels among the judged noisiest ones; it does not generalise to other labels.
    """

    judged: int
    random: int
    accuracy: float | None
    low: float | None
    high: float | None
    noisiest: int
    noisiest_right: float | None

    def to_dict(self) -> dict[str, Any]:
        """Returns the estimate as a record."""
        return asdict(self)


def estimate(verdicts: Iterable[Verdict]) -> Estimate:
    """Estimates the accuracy of all labels from verdicts; see ``Estimate``."""
    from scipy.stats import binomtest

    known = list(verdicts)
    random = [verdict.verdict == "right" for verdict in known if verdict.drawn == "random"]
    noisiest = [verdict.verdict == "right" for verdict in known if verdict.drawn == "noisiest"]
    interval = binomtest(sum(random), len(random)).proportion_ci(method="wilson") if random else None
    return Estimate(
        judged=len(known),
        random=len(random),
        accuracy=sum(random) / len(random) if random else None,
        low=float(interval.low) if interval else None,
        high=float(interval.high) if interval else None,
        noisiest=len(noisiest),
        noisiest_right=sum(noisiest) / len(noisiest) if noisiest else None,
    )
