"""The scored labels of a run as a table: one row a label, with its text, the most suspicious label first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

from finecl.artifacts.files import replacing
from finecl.artifacts.scores_table import Scores, format_uids
from finecl.corpus.excerpts import excerpt
from finecl.errors import FormatError
from finecl.types import Document, Floats, Ints

if TYPE_CHECKING:
    import pandas as pd

    from finecl.corpus.corpus import Corpus

SUFFIXES = (".csv", ".jsonl", ".parquet")
"""Endings of the file names in which a table can be written."""


def suspicious_first(p_wrong: Floats, noise: Floats) -> Ints:
    """Returns the rows ``[N]`` by falling probability, then by falling noise; ties keep their order."""
    return np.lexsort((np.arange(len(noise)), -noise, -p_wrong)).astype(np.int64)


def label_columns(scores: Scores, corpus: Corpus, *, mode: str = "batch") -> dict[str, Sequence[Any]]:
    """Returns the columns of the table: lists of one value a label.

    ``document`` (its title), ``sentence`` (the first sentence that mentions both entities, or one for each), ``head``,
    ``relation``, ``tail``, ``noise`` (the scorer's number, higher = noisier), ``rank`` (1 = the noisiest; equal noise
    shares the smallest rank), ``p_wrong`` and ``weight``; then, where known, ``suggested`` ("" for no relation),
    ``suggested_confidence``, ``learned_epoch`` (from 1; 0 = never), ``verdict`` and ``truth``; and ``uid``.
    """
    p_wrong = np.zeros(len(scores.noise), dtype=np.float32) if scores.p_wrong is None else scores.p_wrong
    order = suspicious_first(p_wrong, scores.noise)
    titles, sentences, heads, tails = _texts(scores, corpus, order)
    rank = rankdata(-scores.noise.astype(np.float64), method="min").astype(np.int64)
    columns: dict[str, Sequence[Any]] = {
        "document": titles,
        "sentence": sentences,
        "head": heads,
        "relation": [scores.relations[number] for number in scores.relation[order].tolist()],
        "tail": tails,
        "noise": scores.noise[order].tolist(),
        "rank": rank[order].tolist(),
        "p_wrong": p_wrong[order].tolist(),
        "weight": scores.weight[order].tolist(),
    }
    learned = scores.learned(mode)
    optional: Mapping[str, Any] = {
        "suggested": scores.suggested,
        "suggested_confidence": scores.suggested_confidence,
        "learned_epoch": learned,
        "verdict": scores.verdict if scores.judged.any() else None,
        "truth": scores.truth,
    }
    columns |= {name: values[order].tolist() for name, values in optional.items() if values is not None}
    return columns | {"uid": format_uids(scores.uid[order])}


def _texts(scores: Scores, corpus: Corpus, order: Ints) -> tuple[list[str], list[str], list[str], list[str]]:
    """Returns title, sentence, head and tail of the labels in ``order``; reads each document once."""
    parts: dict[int, tuple[str, str, str, str]] = {}
    document, read = None, -1
    for row in np.argsort(scores.document, kind="stable").tolist():
        if document is None or read != scores.document[row]:
            read = int(scores.document[row])
            document = corpus.document(read)
        head, tail = int(scores.head[row]), int(scores.tail[row])
        text = excerpt(document, head, tail).text
        parts[row] = document.title, text, entity_name(document, head), entity_name(document, tail)
    columns = zip(*(parts[row] for row in order.tolist()), strict=True)
    titles, sentences, heads, tails = (list(column) for column in columns)
    return titles, sentences, heads, tails


def entity_name(document: Document, entity: int) -> str:
    """Returns the name of an entity's first mention."""
    return document.entities[entity].mentions[0].name


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as CSV, JSON Lines or Parquet, by the ending of the file's name.

    JSON has no infinity: infinite noise is the text "inf" there, as in exports for review.

    Raises:
        FormatError: the name has another ending.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise FormatError(f"{path}: expected a name that ends with {', '.join(SUFFIXES)}, got '{path.suffix}'")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        if path.suffix.lower() == ".csv":
            table.to_csv(temporary, index=False)
        elif path.suffix.lower() == ".jsonl":
            table.replace(np.inf, "inf").to_json(temporary, orient="records", lines=True, force_ascii=False)
        else:
            table.to_parquet(temporary, index=False)
