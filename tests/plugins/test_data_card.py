"""A data set written for Hugging Face's library has a card with its counts, which the hub's library reads."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from finecl_formats.data_card import DataCard
from finecl_formats.hugging_face import HuggingFace
from huggingface_hub import DatasetCard

from tests.helpers import tiny


def test_a_written_data_set_has_a_card_and_is_read_as_before(tmp_path: Path) -> None:
    documents = tiny.documents(5)
    HuggingFace().write(documents, tmp_path / "mine")
    card = DatasetCard.load(tmp_path / "mine" / "README.md")
    assert card.data.to_dict()["pretty_name"] == "mine"
    assert card.data.to_dict()["size_categories"] == "n<1K"
    labels = [label.relation for document in documents for label in document.labels]
    entities = sum(len(document.entities) for document in documents)
    expected = f"5 documents with {entities:,} entities and {len(labels):,} labels of {len(set(labels)):,} relations"
    assert expected in card.text
    for relation in set(labels):
        assert f"| {relation} | {labels.count(relation):,} |" in card.text
    assert list(HuggingFace().read(tmp_path / "mine")) == list(documents)


def test_many_relations_are_cut_and_counted_and_names_cannot_break_the_table() -> None:
    (document,) = tiny.documents(1)
    label = document.labels[0]
    many = [
        dataclasses.replace(document, labels=(dataclasses.replace(label, relation=f"a|b\n{n}"),)) for n in range(53)
    ]
    card = DataCard()
    assert list(card.counted(many)) == many
    text = card.text("x")
    assert "| a\\|b 0 | 1 |" in text
    assert "3 more relations are not listed." in text
    assert DataCard().text("empty").count("| relation | labels |") == 0
