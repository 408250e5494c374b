"""Words and sentences of many scripts, and names as they are compared."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import polars as pl
import pytest

from finecl.data.distant.gazetteer import Gazetteer
from finecl.data.distant.knowledge_graph import Graph, normalised_column
from finecl.text.names import normalised
from finecl.text.words import joined, joined_text, split_words, words_of
from finecl.tokens.alignment import document_text
from finecl.types import Document, Entity, Mention


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("इन्दिरा प्रयागराज में जन्मीं।", ["इन्दिरा", "प्रयागराज", "में", "जन्मीं", "।"]),
        ("רָחֵל נולדה", ["רָחֵל", "נולדה"]),
        (unicodedata.normalize("NFD", "José Müller"), [unicodedata.normalize("NFD", w) for w in ("José", "Müller")]),
        ("魯迅生於紹興", list("魯迅生於紹興")),
        ("ทักษิณ", ["ทั", "ก", "ษิ", "ณ"]),
        ("ភ្នំពេញ", ["ភ្", "នំ", "ពេ", "ញ"]),
        ("born:Ulm, 10,000 of 3.5% don’t", ["born", ":", "Ulm", ",", "10,000", "of", "3.5", "%", "don’t"]),
        ("Ulm-based U.S. firm", ["Ulm", "-", "based", "U.S", ".", "firm"]),
    ],
)
def test_words_are_those_of_unicode(text: str, expected: list[str]) -> None:
    assert words_of(text) == expected
    assert [word for sentence in split_words(text).sentences for word in sentence] == expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("वह आया। वह गया।", 2),
        ("هل ولد هناك؟ نعم. ولد هناك", 3),
        ("他来了。她走了！真的？", 3),
        ("他说：“我来了。”她走了。", 2),
        ("እሱ መጣ። እሷ ሄደች።", 2),
        ("Dr. Ada Noether of the U.S. wrote. It was read.", 2),
        ("वह\nगया", 2),
    ],
)
def test_sentences_end_as_their_script_ends_them(text: str, count: int) -> None:
    assert len(split_words(text).sentences) == count


def test_words_are_joined_as_their_script_joins_them() -> None:
    for text in ("3M公司在東京。", "Ada met Charles", "ทักษิณเกิด", "서울 대학교"):
        assert joined_text(words_of(text)) == text
    text, starts = joined(["東", "京", "大", "学"], edges={2})
    assert (text, starts) == ("東京 大学", [0, 1, 3, 4])


def test_no_sub_word_of_a_clause_without_spaces_crosses_the_ends_of_a_mention() -> None:
    words = tuple("魯迅生於紹興。")
    mentions = (Mention(sentence=0, start=0, end=2, name="魯迅"), Mention(sentence=0, start=4, end=6, name="紹興"))
    document = Document(title="a", sentences=(words,), entities=tuple(Entity(mentions=(m,)) for m in mentions))
    text, starts = document_text(document)
    assert text == "魯迅 生於 紹興 。"
    assert [text[a : a + 1] for a in starts] == list(words)


@pytest.mark.parametrize("name", ["東 京", "ＮＡＳＡ", "Jo\u0308rg", "กรุง เทพ", "« Straße »", "New   York"])
def test_names_are_normalised_alike_in_python_and_in_columns(name: str) -> None:
    column = pl.DataFrame({"name": [name]}).select(normalised_column(pl.col("name"))).item()
    assert column.replace("ß", "ss") == normalised(name)
    assert normalised("東 京") == normalised("東京")


def found(text: str, names: list[str], *, ignore_case: bool = False) -> tuple[list[str], Gazetteer]:
    gazetteer = Gazetteer(Graph.of([(name, "r", "other") for name in names]), ignore_case=ignore_case)
    sentences = split_words(text).sentences
    (document,) = gazetteer.find([Document(title="a", sentences=sentences, entities=())])
    return sorted(m.name for e in document.entities for m in e.mentions), gazetteer


def test_names_are_found_in_every_script_and_in_either_normal_form() -> None:
    for name, text in (
        ("प्रयागराज", "इन्दिरा प्रयागराज में जन्मीं।"),
        ("紹興", "魯迅生於紹興。"),
        ("เชียงใหม่", "ทักษิณเกิดที่เชียงใหม่"),
        ("ວຽງຈັນ", "ລາວຢູ່ວຽງຈັນ"),
        ("Reykjavík-Nord Sud", "Anna lebt in Reykjavík-Nord Sud heute"),
        ("联合国教育科学及文化组织", "她在联合国教育科学及文化组织工作"),
    ):
        assert found(text, [name])[0] == [name]
    decomposed = unicodedata.normalize("NFD", "Málaga")
    assert found(f"Ana vive en {decomposed}", ["Málaga"])[0] == ["Málaga"]
    assert len(found("Ana vive en Málaga", [decomposed])[0]) == 1


def test_case_is_a_setting_and_names_without_a_text_are_counted() -> None:
    names, gazetteer = found("ULM is old", ["Ulm", "Bern"])
    assert (names, gazetteer.names, gazetteer.not_found) == ([], 3, 3)  # "other" is a name of the graph, too
    names, gazetteer = found("ULM is old", ["Ulm", "Bern"], ignore_case=True)
    assert (names, gazetteer.not_found) == (["ULM"], 2)


def test_a_name_is_found_in_a_longer_compound_only_where_it_is_a_word(tmp_path: Path) -> None:
    assert found("Ulmer Münster", ["Ulm"])[0] == []
    assert found("魯迅大学と紹興", ["魯迅", "魯迅大学"])[0] == ["魯迅大学"]
