"""What the scores say about a set of silver labels, in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_FEW = 100  # labels, below which a mixture model is little more than a guess


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Counts, the estimated share of wrong labels, and the most suspicious labels.

    ``wrong_share`` is within 0..1, with the bounds of its 95 % interval; None without an estimate. ``source`` is what
    it was made from, "mixture" or "verdicts". ``relations_by_share`` are the relations with the largest mean
    ``p_wrong``, of at least five labels. ``suspicious`` are rows of the table.
    """

    documents: int
    labels: int
    relations: int
    scorer: str | None
    wrong_share: float | None
    wrong_share_interval: Sequence[float] | None
    source: str
    missing: int = 0
    relations_by_share: Mapping[str, float] = field(default_factory=dict)
    suspicious: Sequence[Mapping[str, Any]] = ()

    def __str__(self) -> str:
        """Returns the summary as text, one fact a line."""
        lines = [f"{self.labels:,} labels of {self.relations} relations in {self.documents:,} documents"]
        if self.wrong_share is not None and self.wrong_share_interval:
            low, high = self.wrong_share_interval
            of = f"{len(self.suspicious)} most suspicious labels:" if self.suspicious else ""
            from_what = "a mixture model of the noise" if self.source == "mixture" else "your verdicts"
            lines.append(
                f"about {100 * self.wrong_share:.0f} % of the labels are wrong "
                f"(95 % interval {100 * low:.0f} to {100 * high:.0f}, by {from_what})"
            )
            if self.labels < _FEW and self.source == "mixture":
                lines.append(f"fewer than {_FEW} labels: do not rely on this share; judge some labels instead")
            if self.relations_by_share:
                worst = ", ".join(f"{name} {100 * share:.0f} %" for name, share in self.relations_by_share.items())
                lines.append(f"most in: {worst}")
        else:
            of = ""
            lines.append("the share of wrong labels is unknown: all labels have the same noise")
        if self.missing:
            lines.append(f"{self.missing:,} pairs without a label may need one")
        lines += [of] if of else []
        lines += [describe(row) for row in self.suspicious]
        return "\n".join(lines)


def describe(row: Mapping[str, Any]) -> str:
    """Returns a label of the table as one line: its probability, its triple, its suggestion and its sentence."""
    suggested = row.get("suggested")
    other = ""
    if suggested is not None and suggested != row["relation"]:
        other = f" (suggested: {suggested or 'no relation'})"
    text = str(row["sentence"])
    cut = text if len(text) <= 160 else f"{text[:159]}…"
    of_whole_text = row["head"] == row["tail"] == row["sentence"]
    label = row["relation"] if of_whole_text else f"{row['head']} | {row['relation']} | {row['tail']}"
    return f"  {100 * row['p_wrong']:.0f} %  {label}{other}  {cut}"
