"""What people said of silver labels: kept in the run, put into scores and weights, and what it says of all labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from finecl.artifacts.files import write_text
from finecl.errors import FormatError
from finecl.types import Floats, Uids

VERDICTS = "verdicts.jsonl"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One answer. ``truth`` is what the text states, if it was said; ``drawn`` why the label was shown (``DRAWN``)."""

    uid: int
    verdict: Literal["right", "wrong"]
    truth: str | None = None
    drawn: str = ""


def read_verdicts(run: Path) -> dict[int, Verdict]:
    """The verdicts that were imported into a run, by uid; none if there is no such file.

    Raises:
        FormatError: the file was changed by other hands and cannot be read.
    """
    path = run / VERDICTS
    found: dict[int, Verdict] = {}
    try:
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            row = json.loads(line)
            verdict = Verdict(**row | {"uid": int(row["uid"], 16)})
            found[verdict.uid] = verdict
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{path}: expected the verdicts that `finecl review import` writes, got: {error}") from None
    return found


def add_verdicts(run: Path, verdicts: Iterable[Verdict]) -> dict[int, Verdict]:
    """Adds verdicts to those of a run and returns all; of two on one label the later counts.

    A label that was drawn at random stays one that was, whatever later file it comes from.
    """
    found = read_verdicts(run)
    for verdict in verdicts:
        earlier = found.get(verdict.uid)
        random = "random" in (verdict.drawn, earlier.drawn if earlier else "")
        found[verdict.uid] = Verdict(**asdict(verdict) | ({"drawn": "random"} if random else {}))
    rows = [asdict(verdict) | {"uid": f"{uid:016x}"} for uid, verdict in sorted(found.items())]
    write_text(run / VERDICTS, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return found


def judged(uids: Uids, verdicts: Mapping[int, Verdict]) -> npt.NDArray[np.object_]:
    """The verdict on each label ``[N]``: "right", "wrong" or None."""
    found = np.full(len(uids), None, dtype=object)
    for row, uid in enumerate(uids.tolist()) if verdicts else ():
        if uid in verdicts:
            found[row] = verdicts[uid].verdict
    return found


def apply_verdicts(noise: Floats, weights: Floats, judged_N: npt.NDArray[np.object_]) -> tuple[Floats, Floats]:
    """Noise and weights where people spoke: a wrong label is +inf noisy and weighs 0, a right one is as clean as the
    cleanest and weighs as much as the heaviest.

    *Shape:* all [N].
    """
    right, wrong = judged_N == "right", judged_N == "wrong"
    if right.any() or wrong.any():
        noise = np.where(wrong, np.float32(np.inf), np.where(right, noise.min(), noise)).astype(np.float32)
        weights = np.where(wrong, np.float32(0), np.where(right, weights.max(), weights)).astype(np.float32)
    return noise, weights


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """How many labels are right, by the verdicts on those drawn at random: fractions, and how many were judged.

    ``low`` and ``high`` are the ends of Wilson's 95 % interval; None where nothing was drawn. ``noisiest_right`` is the
    share of right ones among the judged of the noisiest, which says nothing of the others.
    """

    judged: int
    random: int
    accuracy: float | None
    low: float | None
    high: float | None
    noisiest: int
    noisiest_right: float | None

    def to_dict(self) -> dict[str, Any]:
        """For a record."""
        return asdict(self)


def estimate(verdicts: Iterable[Verdict]) -> Estimate:
    """What the verdicts say of all labels; see ``Estimate``."""
    from scipy.stats import binomtest

    every = list(verdicts)
    random = [verdict.verdict == "right" for verdict in every if verdict.drawn == "random"]
    noisiest = [verdict.verdict == "right" for verdict in every if verdict.drawn == "noisiest"]
    interval = binomtest(sum(random), len(random)).proportion_ci(method="wilson") if random else None
    return Estimate(
        judged=len(every),
        random=len(random),
        accuracy=sum(random) / len(random) if random else None,
        low=float(interval.low) if interval else None,
        high=float(interval.high) if interval else None,
        noisiest=len(noisiest),
        noisiest_right=sum(noisiest) / len(noisiest) if noisiest else None,
    )
