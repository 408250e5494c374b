"""Tests of cleaning CSV files: nothing but the labels that change differs."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from finecl_formats.delimited import Delimited
from hypothesis import given
from hypothesis import strategies as st

from finecl.errors import FormatError

# Text that needs quotes or holds characters that end lines elsewhere.
_CELL = st.text(st.sampled_from("ab ,;\t\"'\n\u2028é"), max_size=6)
_QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])


@given(
    notes=st.lists(st.tuples(_CELL, _CELL), min_size=1, max_size=6),
    changes=st.data(),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=_QUOTING,
    mark=st.booleans(),
)
def test_other_columns_and_rows_stay_as_they_are(
    tmp_path_factory: pytest.TempPathFactory,
    notes: list[tuple[str, str]],
    changes: st.DataObject,
    delimiter: str,
    end: str,
    quoting: int,
    mark: bool,
) -> None:
    directory = tmp_path_factory.mktemp("rows")
    source, out = directory / "a.csv", directory / "b.csv"
    names = ["note", "text", "head", "relation", "tail", "Other Column"]
    rows = [[a, f"P{n} is in Q{n}.", f"P{n}", "in", f"Q{n}", b] for n, (a, b) in enumerate(notes)]
    lines = [_line(row, delimiter, end, quoting) for row in [names, *rows]]
    source.write_bytes((b"\xef\xbb\xbf" if mark else b"") + b"".join(lines))
    documents = list(Delimited().read(source))
    fates = [changes.draw(st.sampled_from(["keep", "drop", 'near, or "in"'])) for _ in documents]
    changed = [
        None
        if fate == "drop"
        else document
        if fate == "keep"
        else replace(document, labels=(replace(document.labels[0], relation=fate),))
        for document, fate in zip(documents, fates, strict=True)
    ]
    Delimited().rewrite(source, changed, out)

    expected = [
        row if fate == "keep" else [*row[:3], fate, *row[4:]]
        for row, fate in zip(rows, fates, strict=True)
        if fate != "drop"
    ]
    content = out.read_bytes()
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    assert list(csv.reader(text, delimiter=delimiter)) == [names, *expected]
    kept = [line for line, fate in zip(lines[1:], fates, strict=True) if fate == "keep"]
    assert all(line in content for line in kept)
    if all(fate == "keep" for fate in fates):
        assert content == source.read_bytes()


def _line(row: list[str], delimiter: str, end: str, quoting: int) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerow(row)  # type: ignore[arg-type]
    return text.getvalue().encode()


def test_whole_texts_keep_their_columns_and_empty_lines(tmp_path: Path) -> None:
    source, out = tmp_path / "a.tsv", tmp_path / "b.tsv"
    source.write_text("rating\ttext\tlabel\n5\tIt was good.\tsport\n\n1\tIt was soup.\tfood\n\n")
    first, second = Delimited().read(source)
    changed = replace(first, labels=(replace(first.labels[0], relation="food"),))
    Delimited().rewrite(source, [changed, second], out)
    assert out.read_text() == "rating\ttext\tlabel\n5\tIt was good.\tfood\n\n1\tIt was soup.\tfood\n\n"


def test_a_document_that_no_row_can_hold_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    source, out = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_text("text,head,relation,tail\nA is in B.,A,in,B\n")
    (document,) = Delimited().read(source)
    with pytest.raises(FormatError, match="anything but two entities with one label"):
        Delimited().rewrite(source, [replace(document, labels=())], out)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
