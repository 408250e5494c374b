"""Texts and facts in scripts with combining marks, from right to left and without spaces, from label to predict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Finecl
from tests.helpers import tiny
from tests.helpers.cases import case

BORN, LIVES = "born in", "lives in"
TEXTS = {
    "hindi": ("{0} का जन्म {1} में हुआ। {2} {3} में रहती हैं।", ("राजेन्द्र", "पटना", "सुष्मिता", "कोलकाता")),
    "arabic": ("ولد {0} في {1}. تعيش {2} في {3}؟", ("جبران خليل", "بشرّي", "فيروز", "بيروت")),
    "chinese": ("{0}出生于{1}。{2}住在{3}，很久了。", ("鲁迅", "绍兴", "张爱玲", "上海市")),
    "thai": ("{0}เกิดที่{1} {2}อาศัยอยู่ที่{3}", ("สุนทร", "ระยอง", "อมรา", "เชียงใหม่")),
}


def write_texts(folder: Path) -> dict[str, tuple[str, ...]]:
    """Writes two texts per language and the facts that they state; returns the names by title."""
    (folder / "texts").mkdir(parents=True)
    facts: list[tuple[str, ...]] = []
    names: dict[str, tuple[str, ...]] = {}
    for language, (pattern, people) in TEXTS.items():
        for number in range(2):
            title = f"{language}-{number}"
            (folder / "texts" / f"{title}.txt").write_text(pattern.format(*people), encoding="utf-8")
            names[title] = people
        facts += [(people[0], BORN, people[1]), (people[2], LIVES, people[3])]
    facts.append(("Nobody", BORN, "Nowhere"))
    (folder / "facts.tsv").write_text("".join("\t".join(fact) + "\n" for fact in facts), encoding="utf-8")
    return names


def test_every_fact_of_four_scripts_is_found_scored_and_predicted(tmp_path: Path, finecl: Finecl) -> None:
    names = write_texts(tmp_path)
    texts, facts, silver = tmp_path / "texts", tmp_path / "facts.tsv", tmp_path / "silver.jsonl"
    result = finecl("data", "label", texts, silver, "--triples", facts, "--find", "names", "--json", "--quiet")
    assert result.code == 0, result.err
    counts = json.loads(result.out)
    assert (counts["documents"], counts["entities"], counts["labels"]) == (8, 32, 16)
    assert (counts["names"], counts["names_not_found"]) == (18, 2)
    for line in silver.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert {mention["name"] for vertex in row["vertexSet"] for mention in vertex} == set(names[row["title"]])
    model = tiny.save_model(tmp_path / "xlmr", "xlm-roberta")
    arguments = ["--silver", silver, "--gold", silver, "--model", model, "--output-dir", tmp_path / "run", "--quiet"]
    settings = (
        "proxy.num_train_epochs=1",
        "pretrain.max_steps=1",
        "pretrain.warmup_steps=0",
        "finetune.num_train_epochs=1",
    )
    result = finecl("train", *arguments, *(f"--set={setting}" for setting in settings))
    assert result.code == 0, result.err
    out = tmp_path / "out.jsonl"
    result = finecl(
        "predict", tmp_path / "run", texts, out, "--ner", f"names:{facts}", "--threshold", 0, "--json", "--quiet"
    )
    assert result.code == 0, result.err
    predicted: dict[str, set[str]] = {}
    for line in out.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        predicted.setdefault(row["title"], set()).update((row["head_text"], row["tail_text"]))
    assert predicted == {title: set(people) for title, people in names.items()}


def test_labelling_that_finds_no_name_says_how_many_it_looked_for(tmp_path: Path, finecl: Finecl) -> None:
    write_texts(tmp_path)
    (tmp_path / "facts.tsv").write_text("ada\tborn in\tlondon\n", encoding="utf-8")
    arguments = ("--triples", tmp_path / "facts.tsv", "--find", "names", "--quiet")
    result = finecl("data", "label", tmp_path / "texts", tmp_path / "out.jsonl", *arguments)
    assert "none of the graph's 2 names stands in the texts" in result.error_line()
    assert "--find" not in result.error_line()


@pytest.mark.parametrize(("folder", "labels"), [("texts", 2), ("only", 2)])
def test_the_case_of_names_without_spaces(tmp_path: Path, finecl: Finecl, folder: str, labels: int) -> None:
    at = case("02-no-spaces", tmp_path)
    out = tmp_path / "out.jsonl"
    arguments = ("--triples", at / "triples.tsv", "--find", "names", "--quiet", "--json", "--no-relation-pairs", 0)
    result = finecl("data", "label", at / folder, out, *arguments)
    assert result.code == 0, result.err
    assert json.loads(result.out)["labels"] == labels
    row = json.loads(out.read_text(encoding="utf-8"))
    mentions = {vertex[0]["name"]: len(vertex) for vertex in row["vertexSet"]}
    assert mentions == (
        {"李明": 2, "南京": 2, "南京大学": 1} if folder == "texts" else {"李明": 1, "南京": 1, "南京大学": 1}
    )
