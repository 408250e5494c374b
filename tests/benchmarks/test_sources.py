"""The comparison of sources of labels on the built-in corpus."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from finecl_benchmarks.sources import _facts, _scores, rules_of
from finecl_labelers.rules import Rules

from finecl.data.demo.corpora import DemoSettings, demo_corpora
from finecl.data.demo.language import Language
from finecl.types import Document, Label


def test_rules_find_what_their_wordings_state_and_nothing_else(tmp_path: Path) -> None:
    documents = demo_corpora(3, replace(DemoSettings(), silver=60, train=60, shared=1.0)).train
    stated, found = _facts(documents), []
    for wordings in (2, 5):
        (tmp_path / "rules.toml").write_text(rules_of(Language.read(), wordings), encoding="utf-8")
        votes = Rules(str(tmp_path / "rules.toml")).votes(documents)
        claims = {(d.title, v.head, v.tail, v.relation) for d, each in zip(documents, votes, strict=True) for v in each}
        assert len(claims & stated) / len(claims) > 0.9
        found.append(len(claims & stated) / len(stated))
    assert 0.05 < found[0] < found[1] < 0.9, "more wordings find more; none find all"


def test_scores_by_hand() -> None:
    def document(*labels: tuple[int, int, str]) -> Document:
        given = tuple(Label(head=head, tail=tail, relation=relation) for head, tail, relation in labels)
        return Document(title="a", sentences=(("x",),), entities=(), labels=given)

    stated = _facts([document((0, 1, "r"), (1, 2, "s"), (0, 2, "no_relation"))])
    assert len(stated) == 2
    scores = _scores([document((0, 1, "r"), (1, 2, "r"), (2, 1, "no_relation"))], stated)
    assert scores == {"labels": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert _scores([document()], stated) == {"labels": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert _scores([document((0, 1, "r"))], stated)["f1"] == pytest.approx(2 / 3)
