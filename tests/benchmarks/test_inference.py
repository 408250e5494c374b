"""The benchmark of inference measures what it says: the same rows by both, and as many triples as there are labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from finecl_benchmarks import inference

from finecl.config.schema import ModelSettings
from finecl.models.pretrained import load_encoder
from tests.helpers import tiny


def test_a_record_holds_both_and_their_ratio(models: dict[str, Path], tmp_path: Path) -> None:
    documents = tiny.documents(12)
    record = inference.measure(documents, tmp_path, model=str(models["bert"]), rounds=2)
    whole, bare = record["seconds"]["whole"], record["seconds"]["bare"]
    assert len(whole) == len(bare) == 2
    assert record["share_of_bare_encoder"] == pytest.approx(
        np.median([b / w for w, b in zip(whole, bare, strict=True)])
    )
    labels = sum(len(document.labels) for document in documents)
    assert labels <= record["triples"] <= 2 * labels
    assert record["pairs"] == sum(len(d.entities) * (len(d.entities) - 1) for d in documents)


def test_the_bare_encoder_meets_the_rows_of_the_extractor(models: dict[str, Path], tmp_path: Path) -> None:
    documents = tiny.documents(12)
    extractor = inference.untrained(documents, tmp_path / "extractor", str(models["bert"]))
    encoder, tokenizer, _ = load_encoder(ModelSettings(name=str(models["bert"])))
    batches = inference.bare_batches(extractor, encoder, documents)
    lengths = [length for batch in batches for length in batch.lengths]
    texts = [" ".join(word for sentence in d.sentences for word in sentence) for d in documents]
    assert lengths == sorted(min(len(tokenizer.encode(text)) + 2, tokenizer.max_length) for text in texts)
