"""The README's picture is what its record gives, for both themes."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from finecl_benchmarks.picture import PICTURES, RECORD, THEMES, picture

from finecl.artifacts.files import read_json
from tests.helpers.documents import ROOT


@pytest.mark.parametrize("theme", THEMES)
def test_the_pictures_are_those_of_the_record(theme: str) -> None:
    path = PICTURES / f"labels-{theme}.svg"
    assert path.read_text(encoding="utf-8") == picture(read_json(RECORD), theme), "python -m finecl_benchmarks.picture"
    assert f"docs/{path.name}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_texts_are_escaped_and_mentions_are_marked_where_they_stand() -> None:
    row = {
        "p_wrong": 0.987,
        "head": "A&B",
        "relation": "<x>",
        "tail": "C",
        "suggested": "",
        "sentence": "So A&B met C .",
    }
    estimate = {"wrong_share": 0.25, "wrong_share_interval": [0.1, 0.4], "instances": 8, "likely_wrong": 2}
    text = picture({**estimate, "rows": [row]}, "light")
    root = ElementTree.fromstring(text)
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "About 25.0\u00a0% of 8 labels are wrong" in words
    assert {"98.7\u00a0%", "<x>", "So A&B met C .", "no relation"} <= set(words)
    boxes = list(root.iter("{http://www.w3.org/2000/svg}rect"))[1:]
    starts = [round((float(box.get("x") or 0) + 2 - 196) / 7.8) for box in boxes]
    assert starts == [3, 11]
