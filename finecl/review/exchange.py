"""Writes labels to judge and reads verdicts: JSON lines, or tasks of Label Studio."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from finecl.artifacts.files import numbered_lines, parse_json, write_json, write_text
from finecl.artifacts.outside import Text, check_record
from finecl.corpus.excerpts import Excerpt
from finecl.errors import FormatError
from finecl.review.verdicts import Verdict

_VERDICTS = ("right", "wrong")
_TO_FILL_IN = ("verdict", "truth")
CONFIG = """<View>
  <Header value="Does the text state this relation?  $claim"/>
  <Labels name="label" toName="text"><Label value="head"/><Label value="tail"/></Labels>
  <Text name="text" value="$text"/>
  <Choices name="verdict" toName="text" choice="single" required="true">
    <Choice value="right"/><Choice value="wrong"/>
  </Choices>
  <TextArea name="truth" toName="text" maxSubmissions="1" placeholder="the true relation, if another"/>
</View>
"""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A label to judge.

    ``name`` is a readable name of ``relation``; ``verdict`` is an earlier verdict, if any. ``suggested`` is what a
    proxy predicts that has not seen the document ("": no relation); None without such a proxy.
    """

    uid: int
    drawn: str
    title: str
    head: str
    relation: str
    name: str
    tail: str
    noise: float
    weight: float
    excerpt: Excerpt
    suggested: str | None = None
    suggested_confidence: float | None = None
    verdict: str | None = None
    truth: str | None = None


def write_jsonl(tasks: Sequence[Task], path: Path) -> None:
    """Writes one row per label; reviewers fill in ``verdict`` (right or wrong) and ``truth``."""
    write_text(path, "".join(json.dumps(_row(task), ensure_ascii=False) + "\n" for task in tasks))


def _row(task: Task) -> dict[str, Any]:
    row = {key: value for key, value in asdict(task).items() if key not in ("excerpt", *_TO_FILL_IN)}
    row["uid"] = f"{task.uid:016x}"
    row["noise"] = task.noise if task.noise < float("inf") else "inf"
    spans = {"head_spans": task.excerpt.head, "tail_spans": task.excerpt.tail}
    return {**row, "text": task.excerpt.text, **spans, **{key: getattr(task, key) for key in _TO_FILL_IN}}


def write_label_studio(tasks: Sequence[Task], path: Path) -> Path:
    """Writes tasks for Label Studio and, next to them, its labelling interface; returns the path of the latter."""
    write_json(path, [_task(task) for task in tasks])
    config = path.with_suffix(".xml")
    write_text(config, CONFIG)
    return config


def _task(task: Task) -> dict[str, Any]:
    data = {key: value for key, value in _row(task).items() if key not in _TO_FILL_IN}
    by_role = {"head": task.excerpt.head, "tail": task.excerpt.tail}
    spans = [(role, span) for role, mentions in by_role.items() for span in mentions]
    regions = [
        {
            "id": f"{role}{number}", "type": "labels", "from_name": "label", "to_name": "text",
            "value": {"start": a, "end": b, "text": task.excerpt.text[a:b], "labels": [role]},
        }
        for number, (role, (a, b)) in enumerate(spans)
    ]  # fmt: skip
    claim = f"{task.head} | {task.name} | {task.tail}"
    return {"data": {**data, "claim": claim}, "predictions": [{"model_version": "finecl", "result": regions}]}


def read_answers(path: Path, relations: Mapping[str, str]) -> tuple[list[Verdict], int]:
    """Reads the verdicts of a file; returns them and the number of labels without a verdict.

    The file holds rows of ``write_jsonl``, tasks of Label Studio, or a CSV table with the columns ``uid`` and
    ``verdict``. ``relations`` maps the names that may be used for a truth to relations.

    Raises:
        FormatError: the file has neither format, or a verdict is invalid.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: expected verdicts as JSON lines or Label Studio's JSON: {error}") from None
    if path.suffix.lower() == ".csv":
        answers = _table(path, text)
    else:
        answers = _label_studio(path, text) if text.lstrip()[:1] == "[" else _lines(path, text)
    verdicts, missing = [], 0
    for place, uid, verdict, truth, why in answers:
        if verdict is None:
            missing += 1
            continue
        if verdict not in _VERDICTS:
            raise FormatError(f"{place}: verdict: expected right, wrong or null, got {verdict!r:.40}")
        if truth is not None and truth not in relations:
            raise FormatError(f"{place}: truth: expected a relation of the run or null, got {truth!r:.60}")
        checked: Literal["right", "wrong"] = "right" if verdict == "right" else "wrong"
        verdicts.append(Verdict(uid=uid, verdict=checked, truth=relations[truth] if truth else None, drawn=why))
    return verdicts, missing


class _Row(TypedDict):
    """A label with its verdict; other keys are not read."""

    uid: Any
    verdict: NotRequired[Any]
    truth: NotRequired[Text | None]
    drawn: NotRequired[Text | None]


class _Value(TypedDict):
    choices: NotRequired[list[Text]]
    text: NotRequired[Text | list[Text]]


class _Item(TypedDict):
    from_name: NotRequired[Text | None]
    value: NotRequired[_Value | None]


class _Annotation(TypedDict):
    was_cancelled: NotRequired[bool | None]
    result: NotRequired[list[_Item] | None]


class _LabelStudioTask(TypedDict):
    """A task of Label Studio's JSON export; other keys are not read."""

    data: _Row
    annotations: NotRequired[list[_Annotation] | None]


_Answer = tuple[str, int, Any, str | None, str]
"""Place in the file, uid, verdict, truth, and why the label was selected."""


def _lines(path: Path, text: str) -> Iterator[_Answer]:
    for number, line in numbered_lines(text):
        place = f"{path}: line {number}"
        try:
            row = parse_json(line)
        except ValueError as error:
            raise FormatError(f"{place}: expected a JSON object, got: {error}; correct the line") from None
        check_record(row, _Row, place, fix="correct the line")
        yield place, _uid(row, place), row.get("verdict"), row.get("truth") or None, row.get("drawn") or ""


def _table(path: Path, text: str) -> Iterator[_Answer]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if not {"uid", "verdict"} <= set(rows.fieldnames or ()):
        raise FormatError(f"{path}: expected a table with the columns uid and verdict, got {rows.fieldnames}")
    for number, row in enumerate(rows, start=1):
        place = f"{path}: row {number}"
        verdict = (row.get("verdict") or "").strip().lower() or None
        yield place, _uid(row, place), verdict, row.get("truth") or None, str(row.get("drawn") or "")


def _label_studio(path: Path, text: str) -> Iterator[_Answer]:
    try:
        tasks = parse_json(text)
    except ValueError as error:
        raise FormatError(f"{path}: expected Label Studio's JSON export: {error}") from None
    for number, task in enumerate(tasks):
        place = f"{path}: task {number}"
        check_record(task, _LabelStudioTask, place, fix="export as JSON")
        data = task["data"]
        finished = [a for a in task.get("annotations") or [] if not a.get("was_cancelled")]
        items = [item for annotation in finished[:1] for item in annotation.get("result") or []]
        values = {item.get("from_name"): item.get("value") or {} for item in items}
        choices, texts = values.get("verdict", {}).get("choices"), values.get("truth", {}).get("text")
        truth = (texts[0] if isinstance(texts, list) else texts) if texts else None
        yield place, _uid(data, place), choices[0] if choices else None, truth or None, data.get("drawn") or ""


def _uid(row: Mapping[str, Any], place: str) -> int:
    uid = row["uid"]
    try:
        return int(str(uid), 16)
    except ValueError:
        expected = "the uid of a label (hexadecimal)"
        raise FormatError(f"{place}: uid: expected {expected}, got {uid!r:.40}; leave it as exported") from None
