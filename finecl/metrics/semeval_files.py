"""Reads and writes the files of SemEval-2010 Task 8: answers and keys (``id<tab>label``), and files with sentences."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from pathlib import Path

from finecl.artifacts.files import write_text
from finecl.errors import FormatError
from finecl.metrics.files import text_lines
from finecl.metrics.semeval import SEMEVAL_LABELS, SEMEVAL_RELATIONS

_LINE = re.compile(r"([0-9]+)\t(.*)")
_SENTENCE = re.compile(r"([0-9]+)\t.*<e1>.*")


def read_semeval_labels(path: Path, among: Container[str] | None = None) -> dict[str, str]:
    """Reads labels by id from an answer or key file: ``id<tab>Relation(e1,e2)`` or ``id<tab>Other`` per line.

    Line ends may be LF or CRLF. The last may be missing, which the official scorer refuses. ``among`` are the allowed
    ids, those of the key.

    Raises:
        FormatError: a line has another form, a label is unknown or undirected, an id is repeated or not in the key.
    """
    labels: dict[str, str] = {}
    for place, line in text_lines(path):
        match = _LINE.fullmatch(line)
        if not match:
            came = "no TAB" if "\t" not in line else "no number before the TAB"
            raise FormatError(
                f"{place}: expected an id, a TAB and a label, got {came} in '{line[:60]}'; correct the line"
            )
        _add(labels, match[1], match[2], place)
        if among is not None and match[1] not in among:
            raise FormatError(f"{place}: expected an id of the key, got '{match[1]}'; remove the line or check the key")
    return labels


def read_semeval_gold(path: Path) -> dict[str, str]:
    """Reads gold labels by id from a key file or a file with sentences (TEST_FILE_FULL.TXT, TRAIN_FILE.TXT).

    Raises:
        FormatError: as ``read_semeval_labels``, or a sentence has no label.
    """
    _, first = next(text_lines(path))
    return _labels_of_sentences(path) if _SENTENCE.fullmatch(first) else read_semeval_labels(path)


def write_semeval_labels(path: Path, labels: Mapping[str, str]) -> None:
    """Writes answers for the official scorer; every line ends with a line break.

    Raises:
        FormatError: an id is not a number, or a label is not one of the 19.
    """
    checked: dict[str, str] = {}
    for sentence, label in labels.items():
        if not re.fullmatch(r"[0-9]+", sentence):
            raise FormatError(f"{path}: id {sentence!r}: expected a number, as in the test file; correct the id")
        _add(checked, sentence, label, f"{path}: id {sentence}")
    write_text(path, "".join(f"{sentence}\t{label}\n" for sentence, label in checked.items()))


def _labels_of_sentences(path: Path) -> dict[str, str]:
    """Reads the label on the line after each numbered sentence; skips comments and empty lines."""
    labels: dict[str, str] = {}
    waiting: str | None = None  # the id of the sentence whose label comes next
    for place, line in text_lines(path):
        sentence = _SENTENCE.fullmatch(line)
        if waiting is not None and (sentence or not line.strip()):
            raise FormatError(f"{place}: expected the label of sentence {waiting}, got none; take a file with labels")
        if sentence:
            waiting = sentence[1]
        elif waiting is not None:
            _add(labels, waiting, line.strip(), place)
            waiting = None
    if waiting is not None:
        raise FormatError(f"{path}: expected the label of sentence {waiting}, got the end; is the file cut off?")
    return labels


def _add(labels: dict[str, str], sentence: str, label: str, place: str) -> None:
    if label in SEMEVAL_RELATIONS:
        raise FormatError(
            f"{place}: expected a label with its direction, such as {label}(e1,e2), got '{label}'; "
            "TEST_FILE_KEY.TXT has none, take TEST_FILE_FULL.TXT as gold"
        )
    if label not in SEMEVAL_LABELS:
        raise FormatError(f"{place}: expected one of SemEval's 19 labels, got '{label[:60]}'; correct the label")
    if sentence in labels:
        raise FormatError(f"{place}: expected every id once, got '{sentence}' again; remove one of its lines")
    labels[sentence] = label
