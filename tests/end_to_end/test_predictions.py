"""The test F1 of a run is the F1 of its predictions, also where documents are longer than a window."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from finecl import RelationExtractor
from finecl.tokens.windows import every_pair
from tests.end_to_end.conftest import Finecl, Small


@pytest.mark.parametrize("long_documents", ["windows", "truncate"])
def test_the_f1_of_a_run_is_the_f1_of_predict(
    long_documents: str, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    run, test = tmp_path / "run", small.documents["test"]
    # six documents to learn by heart, so that F1 is above 0
    small = small.copy(tmp_path / "data", train=test, dev=test)
    changed = {"model__max_length": 48, "finetune__num_train_epochs": 12, "finetune__learning_rate": 3e-3}
    arguments = small.arguments(run, **changed, finetune__long_documents=long_documents)
    assert finecl(*arguments, "--method", "none").code == 0
    evaluated = json.loads((run / "metrics.json").read_text())["evaluate"]
    gold, triples = small.data / "test.jsonl", tmp_path / "triples.jsonl"
    for variant in ("pretrained", "plain"):
        model = run / "extractor" / variant
        extractor = RelationExtractor.from_pretrained(model)
        rows = extractor._rows(small.documents["test"], [every_pair(d) for d in small.documents["test"]])
        assert (len(rows) > len({row.document for row in rows})) == (long_documents == "windows")
        triples.unlink(missing_ok=True)
        assert finecl("predict", model, gold, triples, "--quiet").code == 0
        scored = finecl("evaluate", triples, gold, "--metric", "docred", "--json")
        assert scored.code == 0, scored.err
        assert json.loads(scored.out)["f1"] == evaluated[variant]["f1"]
        if long_documents == "windows":
            assert 0 < evaluated[variant]["f1"] < 1
