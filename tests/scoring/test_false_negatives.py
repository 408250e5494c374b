"""False negatives are found, stored and excluded from the negatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from finecl_extractors.bilinear import Bilinear

from finecl.artifacts.false_negatives import FALSE_NEGATIVES, FalseNegatives
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.prediction import predict_logits
from finecl.scoring.false_negatives import NotFalseNegative, find_false_negatives
from finecl.tokens.candidate_pairs import select_pairs
from finecl.tokens.packing import pack
from tests.conftest import LoadTiny
from tests.helpers import tiny


@pytest.fixture(scope="module")
def extractor_and_data(
    load_tiny: LoadTiny, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Bilinear, ExtractionDataset]:
    encoder, tokenizer = load_tiny()
    data = tiny.labelled(tiny.documents(9), tokenizer, tmp_path_factory.mktemp("false_negatives"))
    torch.manual_seed(3)
    return Bilinear(encoder, data.relations), data


def test_false_negatives_equal_those_of_a_plain_loop(extractor_and_data: tuple[Bilinear, ExtractionDataset]) -> None:
    extractor, data = extractor_and_data
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
    false_negatives = find_false_negatives(extractor, data)
    keys = list(
        zip(
            false_negatives.document.tolist(), false_negatives.head.tolist(), false_negatives.tail.tolist(), strict=True
        )
    )
    assert keys == sorted(expected)
    assert len(keys) > 5
    assert [expected[key][0] for key in keys] == false_negatives.relation.tolist()
    assert false_negatives.probability.tolist() == pytest.approx([expected[key][1] for key in keys], abs=1e-6)


def test_false_negatives_are_not_sampled_as_negatives(
    extractor_and_data: tuple[Bilinear, ExtractionDataset], tmp_path: Path
) -> None:
    extractor, data = extractor_and_data
    false_negatives = find_false_negatives(extractor, data)
    false_negatives.write(tmp_path, data.instances.relations, [str(d) for d in range(9)])
    least = float(np.median(false_negatives.probability))
    pair_filter = NotFalseNegative.read(tmp_path, least)
    out = false_negatives.probability >= least
    assert not pair_filter(false_negatives.document[out], false_negatives.head[out], false_negatives.tail[out]).any()
    assert pair_filter(false_negatives.document[~out], false_negatives.head[~out], false_negatives.tail[~out]).all()
    numbers = np.arange(9)
    packed = pack(data.tokens.rows(numbers))
    all_pairs, filtered = (select_pairs(packed, data.instances, numbers, pair_filter=a) for a in (None, pair_filter))
    assert len(all_pairs) - len(filtered) == out.sum()


def test_without_false_negatives_all_pairs_may_be_negatives(tmp_path: Path) -> None:
    assert NotFalseNegative.read(tmp_path, 0.5)(np.arange(3), np.zeros(3, dtype=int), np.ones(3, dtype=int)).all()


def test_no_false_negatives_give_an_empty_table(tmp_path: Path) -> None:
    none = np.zeros(0, dtype=np.int64)
    empty = FalseNegatives(document=none, head=none, tail=none, relation=none, probability=none.astype(np.float32))
    empty.write(tmp_path, ["a"], [])
    assert (tmp_path / FALSE_NEGATIVES).is_file()
    assert NotFalseNegative.read(tmp_path, 0.5)(none, none, none).shape == (0,)
