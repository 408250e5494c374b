"""Pairs without a label that a proxy believes to have one are found, kept and left out of the negatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from finecl_extractors.bilinear import Bilinear

from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.prediction import predict_logits
from finecl.scoring.false_negatives import FALSE_NEGATIVES, FalseNegatives, NotFalseNegative, find_false_negatives
from finecl.tokens.candidate_pairs import select_pairs
from finecl.tokens.packing import pack
from tests.conftest import LoadTiny
from tests.helpers import tiny


@pytest.fixture(scope="module")
def asked(load_tiny: LoadTiny, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bilinear, ExtractionDataset]:
    encoder, tokenizer = load_tiny()
    data = tiny.labelled(tiny.documents(9), tokenizer, tmp_path_factory.mktemp("false_negatives"))
    torch.manual_seed(3)
    return Bilinear(encoder, data.relations), data


def test_suspects_are_those_of_a_plain_loop(asked: tuple[Bilinear, ExtractionDataset]) -> None:
    extractor, data = asked
    i = data.instances
    labelled = set(zip(i.document.tolist(), i.head.tolist(), i.tail.tolist(), strict=True))
    expected = {}
    for documents, pairs, logits, _ in predict_logits(extractor, data, np.arange(9), every_pair=True):
        for place, row in enumerate(logits.tolist()):
            key = (int(documents[pairs.document_P[place]]), int(pairs.head_P[place]), int(pairs.tail_P[place]))
            best = max(range(len(row) - 1), key=lambda r: row[r])
            probability = 1 / (1 + np.exp(row[-1] - row[best]))
            if key not in labelled and probability >= 0.5:
                expected[key] = (best, probability)
    found = find_false_negatives(extractor, data)
    keys = list(zip(found.document.tolist(), found.head.tolist(), found.tail.tolist(), strict=True))
    assert keys == sorted(expected)
    assert len(keys) > 5
    assert [expected[key][0] for key in keys] == found.relation.tolist()
    assert found.probability.tolist() == pytest.approx([expected[key][1] for key in keys], abs=1e-6)


def test_suspected_pairs_are_not_drawn(asked: tuple[Bilinear, ExtractionDataset], tmp_path: Path) -> None:
    extractor, data = asked
    found = find_false_negatives(extractor, data)
    found.write(tmp_path, data.instances.relations, [str(d) for d in range(9)])
    least = float(np.median(found.probability))
    pair_filter = NotFalseNegative.read(tmp_path, least)
    out = found.probability >= least
    assert not pair_filter(found.document[out], found.head[out], found.tail[out]).any()
    assert pair_filter(found.document[~out], found.head[~out], found.tail[~out]).all()
    numbers = np.arange(9)
    packed = pack(data.tokens.rows(numbers))
    every, kept = (select_pairs(packed, data.instances, numbers, pair_filter=a) for a in (None, pair_filter))
    assert len(every) - len(kept) == out.sum()


def test_without_suspects_all_pairs_may_be_drawn(tmp_path: Path) -> None:
    assert NotFalseNegative.read(tmp_path, 0.5)(np.arange(3), np.zeros(3, dtype=int), np.ones(3, dtype=int)).all()


def test_nothing_suspected_is_a_table_too(tmp_path: Path) -> None:
    none = np.zeros(0, dtype=np.int64)
    empty = FalseNegatives(document=none, head=none, tail=none, relation=none, probability=none.astype(np.float32))
    empty.write(tmp_path, ["a"], [])
    assert (tmp_path / FALSE_NEGATIVES).is_file()
    assert NotFalseNegative.read(tmp_path, 0.5)(none, none, none).shape == (0,)
