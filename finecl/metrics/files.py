"""Reads and writes predictions in the formats of official scorers: DocRED's result.json, labels, scored bags.

Files are written atomically.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from finecl.artifacts.files import write_json, write_text
from finecl.errors import FormatError
from finecl.metrics.docred import Fact, NamedFact


def text_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yields the place and text of each line, without its end (LF or CRLF); the end of the last line may be missing.

    Raises:
        FormatError: the file cannot be read, or is not UTF-8.
    """
    for number, line in enumerate(_bytes(path).removesuffix(b"\n").split(b"\n"), start=1):
        place = f"{path}: line {number}"
        try:
            yield place, line.decode("utf-8").removesuffix("\r")
        except UnicodeDecodeError as error:
            came = f"byte {line[error.start]:#04x}"
            raise FormatError(f"{place}: expected UTF-8, got {came}; save the file as UTF-8") from None


def read_labels(path: Path) -> list[str]:
    """Reads labels, one per line, in the format of TACRED's scorer.

    Raises:
        FormatError: the file cannot be read, or a line is empty.
    """
    labels = []
    for place, line in text_lines(path):
        if not line.strip():
            raise FormatError(
                f"{place}: expected a label, got an empty line; write one label per line, also no_relation"
            )
        labels.append(line)
    return labels


def write_labels(path: Path, labels: Iterable[str]) -> None:
    """Writes labels, one per line, for TACRED's scorer.

    Raises:
        FormatError: a label is empty or contains a line break.
    """
    labels = list(labels)
    for number, label in enumerate(labels, start=1):
        if not label.strip() or label.splitlines() != [label]:
            raise FormatError(
                f"{path}: label {number}: expected a text on one line, got {label!r}; rename the relation"
            )
    write_text(path, "".join(f"{label}\n" for label in labels))


def read_docred_results(path: Path) -> dict[Fact, tuple[int, ...]]:
    """Reads the facts of a result.json, with their evidence: objects with title, h_idx, t_idx, r and evidence.

    ``evidence`` is optional. Of duplicate facts the first counts. The triples that ``finecl predict`` writes as JSON
    lines are read too: objects with title, head, tail and relation.

    Raises:
        FormatError: the file cannot be read, is not a list, or a field is missing or has the wrong type.
    """
    facts: dict[Fact, tuple[int, ...]] = {}
    for place, row in _rows(path):
        if "r" not in row and "relation" in row:
            row = row | {"h_idx": row.get("head"), "t_idx": row.get("tail"), "r": row["relation"]}
        title, relation = _field(row, "title", str, place), _field(row, "r", str, place)
        head, tail = _field(row, "h_idx", int, place), _field(row, "t_idx", int, place)
        evidence = _field({"evidence": []} | row, "evidence", list, place)
        for sentence in evidence:
            if type(sentence) is not int:
                _refuse(f"{place}, evidence", "numbers of sentences", sentence)
        facts.setdefault((title, head, tail, relation), tuple(evidence))
    return facts


def write_docred_results(
    path: Path, facts: Iterable[Fact], evidence: Mapping[Fact, Sequence[int]] | None = None
) -> None:
    """Writes facts, with their evidence if known, as a result.json for DocRED's scorer; each fact once."""
    sentences = evidence or {}
    rows = [
        {"title": fact[0], "h_idx": fact[1], "t_idx": fact[2], "r": fact[3], "evidence": list(sentences.get(fact, ()))}
        for fact in dict.fromkeys(facts)
    ]
    write_json(path, rows)


def read_bag_predictions(path: Path) -> tuple[list[NamedFact], list[float]]:
    """Reads scored facts of bags [N]: objects with entpair (head, tail), relation and score, as a list or JSON lines.

    Raises:
        FormatError: the file cannot be read, or a field is missing or has the wrong type.
    """
    facts: list[NamedFact] = []
    scores: list[float] = []
    for place, row in _rows(path):
        pair = _field(row, "entpair", list, place)
        if len(pair) != 2 or not all(isinstance(end, str) for end in pair):
            _refuse(f"{place}, entpair", "the ids of head and tail", pair)
        facts.append((pair[0], pair[1], _field(row, "relation", str, place)))
        score = _field(row, "score", (int, float), place)
        if not abs(score) <= sys.float_info.max:  # JSON may hold 1e999
            _refuse(f"{place}, score", "a finite number", score)
        scores.append(float(score))
    return facts, scores


def write_bag_predictions(path: Path, facts: Sequence[NamedFact], scores: Sequence[float]) -> None:
    """Writes scored facts of bags, one JSON object per line. *Shape:* ``facts``, ``scores`` [N]."""
    rows = zip(facts, scores, strict=True)
    lines = [json.dumps({"entpair": [h, t], "relation": r, "score": s}, allow_nan=False) for (h, t, r), s in rows]
    write_text(path, "".join(f"{line}\n" for line in lines))


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the place and content of each object in a JSON list or in JSON lines."""
    content = _bytes(path)
    if content.lstrip()[:1] == b"{":
        for number, line in enumerate(content.splitlines(), start=1):
            if line.strip():
                place = f"{path}: line {number}"
                yield place, _object(_json(line, place), place)
        return
    rows = _json(content, str(path))
    if not isinstance(rows, list):
        _refuse(str(path), "a list of predictions", rows)
    for number, row in enumerate(rows, start=1):
        place = f"{path}: prediction {number}"
        yield place, _object(row, place)


def _object(row: Any, place: str) -> dict[str, Any]:
    return row if isinstance(row, dict) else _refuse(place, "an object", row)


def _field(row: dict[str, Any], name: str, kind: type | tuple[type, ...], place: str) -> Any:
    if name not in row:
        raise FormatError(f"{place}: expected the field '{name}', got {', '.join(row) or 'no fields'}; add it")
    if isinstance(row[name], bool) or not isinstance(row[name], kind):
        names = {str: "a text", int: "a whole number", list: "a list"}
        _refuse(f"{place}, {name}", names.get(kind, "a number"), row[name])  # type: ignore[arg-type]
    return row[name]


def _json(content: bytes, place: str) -> Any:
    def refuse_constant(name: str) -> NoReturn:
        raise ValueError(f"{name}, which is not JSON")

    try:
        return json.loads(content, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FormatError(f"{place}: expected JSON, got '{error.msg}' at {where}; is the file cut off?") from None
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{place}: expected JSON, got '{error}'; correct the file") from None


def _bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise FormatError(f"{path}: expected a readable file, got '{error.strerror}'; check the path") from None
    if not content.strip():
        raise FormatError(f"{path}: expected predictions, got an empty file; check the path")
    return content


def _refuse(place: str, expected: str, came: Any) -> NoReturn:
    shown = repr(came)
    raise FormatError(f"{place}: expected {expected}, got {shown[:60]}{'...' * (len(shown) > 60)}; correct the file")
