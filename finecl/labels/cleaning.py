"""Cleaning silver labels: which labels to drop, to relabel and to add, and documents with these changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from finecl.artifacts.scores_table import Scores
from finecl.errors import SettingsError
from finecl.labels.table import entity_name, suspicious_first
from finecl.types import Document, Label

if TYPE_CHECKING:
    from finecl.artifacts.false_negatives import FalseNegatives

Action = Literal["drop", "relabel", "add"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What to change; a rule of None is not applied.

    ``drop``: labels that are wrong with at least this probability. ``drop_share``: this share of all labels, the most
    suspicious first. ``drop_never_learned``: labels that the proxy never learned. ``relabel``: labels whose suggested
    relation differs with at least this confidence; with ``drop`` only those that it would drop. If no relation is
    suggested, the label is dropped. ``add_missing``: pairs without a label whose most likely relation has at least this
    probability.
    """

    drop: float | None = None
    drop_share: float | None = None
    drop_never_learned: bool = False
    relabel: float | None = None
    add_missing: float | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change: of the label (head, relation, tail) of the document with this number, and why.

    ``head`` and ``tail`` are indices of entities; ``relation`` is None for an added label, ``new`` for a dropped one.
    """

    action: Action
    document: int
    head: int
    tail: int
    relation: str | None
    new: str | None
    reason: str


def plan_changes(scores: Scores, missing: FalseNegatives | None, names: Sequence[str], rules: Rules) -> list[Change]:
    """Returns the changes that the rules ask for, in the order of the documents.

    ``missing`` are the pairs without a label that may need one, whose relations are indices into ``names``.

    Raises:
        SettingsError: the scores hold nothing that a rule needs.
    """
    _check(scores, missing, rules)
    reasons = _drop_reasons(scores, rules)
    changes = []
    for row in range(len(scores.noise)):
        change = _change(scores, row, reasons.get(row), rules)
        if change:
            changes.append(change)
    if missing is not None and rules.add_missing is not None:
        columns = zip(*(missing.columns()[n].tolist() for n in ("document", "head", "tail", "relation", "probability")),
                      strict=True)  # fmt: skip
        changes += [
            Change(action="add", document=d, head=h, tail=t, relation=None, new=names[r], reason=f"probability {p:.3f}")
            for d, h, t, r, p in columns
            if p >= rules.add_missing
        ]
    return sorted(changes, key=lambda change: change.document)


def _check(scores: Scores, missing: FalseNegatives | None, rules: Rules) -> None:
    if rules == Rules():
        raise SettingsError(
            "nothing to change: give --drop, --drop-share, --drop-never-learned, --relabel or --add-missing"
        )
    for name in ("drop", "drop_share", "relabel", "add_missing"):
        value = getattr(rules, name)
        if value is not None and not 0 <= value <= 1:
            raise SettingsError(f"--{name.replace('_', '-')}: expected a number from 0 to 1, got {value:g}")
    if rules.relabel is not None and scores.suggested is None:
        raise SettingsError("--relabel needs suggested relations, found none; run `finecl score` with --suggestions")
    if rules.drop_never_learned and scores.learned() is None:
        raise SettingsError("--drop-never-learned needs a learning order, found none; use a scorer that trains a proxy")
    if rules.add_missing is not None and missing is None:
        raise SettingsError("--add-missing needs a proxy that reads documents, found none; see docs/silver.md")


def _drop_reasons(scores: Scores, rules: Rules) -> dict[int, str]:
    """Returns why each label is to be dropped, by its row; labels with the verdict "right" never are."""
    p_wrong = np.zeros(len(scores.noise), dtype=np.float32) if scores.p_wrong is None else scores.p_wrong
    reasons: dict[int, str] = {}
    learned = scores.learned()
    if rules.drop_never_learned and learned is not None:
        reasons |= dict.fromkeys(np.flatnonzero(learned == 0).tolist(), "never learned")
    if rules.drop_share is not None:
        first = suspicious_first(p_wrong, scores.noise)[: round(rules.drop_share * len(p_wrong))]
        reasons |= dict.fromkeys(first.tolist(), f"among the {100 * rules.drop_share:g} % most suspicious")
    if rules.drop is not None:
        rows = np.flatnonzero(p_wrong >= rules.drop).tolist()
        reasons |= {row: f"p_wrong {p_wrong[row]:.3f}" for row in rows}
    return {row: reason for row, reason in reasons.items() if scores.verdict[row] != "right"}


def _change(scores: Scores, row: int, reason: str | None, rules: Rules) -> Change | None:
    """Returns the change of one label; None if it stays."""
    relation = scores.relations[scores.relation[row]]
    place: Mapping[str, Any] = {
        "document": int(scores.document[row]),
        "head": int(scores.head[row]),
        "tail": int(scores.tail[row]),
        "relation": relation,
    }
    drops = rules.drop is not None or rules.drop_share is not None or rules.drop_never_learned
    if rules.relabel is not None and scores.suggested is not None and scores.verdict[row] != "right":
        assert scores.suggested_confidence is not None
        suggested, confidence = scores.suggested[row], float(scores.suggested_confidence[row])
        if suggested != relation and confidence >= rules.relabel and (reason or not drops):
            why = f"suggested with confidence {confidence:.3f}" + (f"; {reason}" if reason else "")
            if suggested:
                return Change(action="relabel", new=suggested, reason=why, **place)
            return Change(action="drop", new=None, reason=f"no relation {why}", **place)
    return Change(action="drop", new=None, reason=reason, **place) if reason else None


@dataclass(kw_only=True)
class Cleaned:
    """Documents with changes applied; iterate over it once. ``records`` are the changes made, for a table."""

    documents: Iterable[Document]
    changes: Sequence[Change]
    empty_documents: Literal["keep", "drop"] = "keep"

    def __post_init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.dropped_documents = 0

    def __iter__(self) -> Iterator[Document]:
        """Yields the documents in their order; with "drop", none whose last label was dropped."""
        return (document for document in self.by_source() if document is not None)

    def by_source(self) -> Iterator[Document | None]:
        """Yields what becomes of each document; None for one that is left out."""
        by_document: dict[int, list[Change]] = {}
        for change in self.changes:
            by_document.setdefault(change.document, []).append(change)
        for number, document in enumerate(self.documents):
            changes = by_document.get(number)
            if not changes:
                yield document
                continue
            self.records += [_record(change, document) for change in changes]
            changed = apply_changes(document, changes)
            left_out = self.empty_documents == "drop" and not changed.labels
            self.dropped_documents += left_out
            yield None if left_out else changed


def apply_changes(document: Document, changes: Sequence[Change]) -> Document:
    """Returns the document with its labels dropped, renamed and added; the others keep their order.

    A label that becomes equal to another one is dropped.
    """
    dropped = {(c.head, c.tail, c.relation) for c in changes if c.action == "drop"}
    renamed = {(c.head, c.tail, c.relation): c.new for c in changes if c.action == "relabel"}
    labels = []
    for label in document.labels:
        key = (label.head, label.tail, label.relation)
        if key in dropped:
            continue
        new = renamed.get(key)
        labels.append(replace(label, relation=new) if new else label)
    labels += [Label(head=c.head, tail=c.tail, relation=c.new) for c in changes if c.action == "add" and c.new]
    unique = {(label.head, label.tail, label.relation): label for label in reversed(labels)}
    kept = [label for label in labels if unique[label.head, label.tail, label.relation] is label]
    return replace(document, labels=tuple(kept))


def _record(change: Change, document: Document) -> dict[str, Any]:
    """Returns a change as a row of the table of changes."""
    names = {"head": entity_name(document, change.head), "tail": entity_name(document, change.tail)}
    return asdict(change) | {"document": document.title} | names


def counts(changes: Sequence[Change]) -> dict[str, int]:
    """Returns the number of changes of each kind."""
    actions: tuple[Action, ...] = ("drop", "relabel", "add")
    return {action: sum(change.action == action for change in changes) for action in actions}
