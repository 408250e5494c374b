"""Refuses predictions and gold of which no score can mean anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from finecl.errors import FormatError
from finecl.metrics import Fact
from finecl.types import Document


def check_labelled(path: Path, gold: Sequence[Document], no_relation: str) -> None:
    """Checks that gold documents have labels other than ``no_relation``.

    Raises:
        FormatError: they have none.
    """
    relations = {label.relation for document in gold for label in document.labels}
    if not relations - {no_relation}:
        came = f"none in {len(gold)} documents" + (f" but '{no_relation}'" if relations else "")
        raise FormatError(f"{path}: expected labels to score against, got {came}; give the labelled file")


def unknown_titles(path: Path, predictions: Collection[Fact], gold_path: Path, gold: Sequence[Document]) -> str | None:
    """Returns one line about the predictions whose titles gold does not have; None if there are none.

    Raises:
        FormatError: no prediction has a title of gold.
    """
    known, predicted = {document.title for document in gold}, {fact[0] for fact in predictions}
    unknown = sorted(predicted - known)
    if not unknown:
        return None
    if len(unknown) == len(predicted):
        raise FormatError(
            f"{path}: expected titles of {gold_path}, such as '{min(known)}', got only others, such as '{unknown[0]}'; "
            "predict the documents of the gold file"
        )
    wrong = sum(fact[0] not in known for fact in predictions)
    return (
        f"{path}: {wrong:,} predictions are for {len(unknown):,} titles that gold does not have, such as "
        f"'{unknown[0]}'; they count as wrong"
    )
