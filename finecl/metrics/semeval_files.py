"""SemEval-2010 Task 8's official files: answers and keys (``id<tab>label``), and test files with sentences."""

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
    """Labels by id from an answer or key file: ``id<tab>Relation(e1,e2)`` or ``id<tab>Other`` a line.

    Line ends may be LF or CRLF, and the last may be missing, which the official scorer refuses. ``among`` are the
    ids that may appear, those of the key.

    Raises:
        FormatError: a line of another form, an unknown or undirected label, an id twice or not in the key.
    """
    labels: dict[str, str] = {}
    for place, line in text_lines(path):
        found = _LINE.fullmatch(line)
        if not found:
            came = "no TAB" if "\t" not in line else "no number before the TAB"
            raise FormatError(
                f"{place}: expected an id, a TAB and a label, got {came} in '{line[:60]}'; correct the line"
            )
        _add(labels, found[1], found[2], place)
        if among is not None and found[1] not in among:
            raise FormatError(f"{place}: expected an id of the key, got '{found[1]}'; remove the line or check the key")
    return labels


def read_semeval_gold(path: Path) -> dict[str, str]:
    """Gold labels by id, from a key file or from a file with sentences (TEST_FILE_FULL.TXT, TRAIN_FILE.TXT).

    Raises:
        FormatError: as of ``read_semeval_labels``, or a sentence without a label.
    """
    _, first = next(text_lines(path))
    return _labels_of_sentences(path) if _SENTENCE.fullmatch(first) else read_semeval_labels(path)


def write_semeval_labels(path: Path, labels: Mapping[str, str]) -> None:
    """Writes answers that the official scorer accepts; every line has its end.

    Raises:
        FormatError: an id is no number, or a label is none of the 19.
    """
    checked: dict[str, str] = {}
    for sentence, label in labels.items():
        if not re.fullmatch(r"[0-9]+", sentence):
            raise FormatError(f"{path}: id {sentence!r}: expected a number, as in the test file; correct the id")
        _add(checked, sentence, label, f"{path}: id {sentence}")
    write_text(path, "".join(f"{sentence}\t{label}\n" for sentence, label in checked.items()))


def _labels_of_sentences(path: Path) -> dict[str, str]:
    """The line after each numbered sentence is its label; comments and empty lines are passed over."""
    labels: dict[str, str] = {}
    waiting: str | None = None
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
