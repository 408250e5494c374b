"""The built-in labelers: rules, a file of votes, a knowledge graph, a trained extractor; the command that uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from finecl_formats.jsonl import JSONLines
from finecl_labelers.models import DawidSkene, Generative, Majority
from finecl_labelers.rules import Rules, pair_texts
from finecl_labelers.votes_file import VotesFile

from finecl.data.distant.plugin import KnowledgeGraph
from finecl.errors import FormatError, SettingsError
from finecl.inference.labeler import Trained
from finecl.inference.relation_extractor import RelationExtractor
from finecl.testing import check_label_model, check_labeler
from finecl.types import Document, Entity, Label, Mention, PairText, Vote
from tests.end_to_end.conftest import Finecl, Small, finecl, small
from tests.helpers import extractors, tiny

__all__ = ["finecl", "small"]  # fixtures


def sentence(text: str, title: str = "a") -> Document:
    """Returns a document of one sentence; words as "Ada/PER" are mentions, of one entity if they are equal."""
    words: list[str] = []
    mentions: dict[str, list[Mention]] = {}
    for word in text.split():
        name, _, type = word.partition("/")
        if type:
            at = len(words)
            mentions.setdefault(name, []).append(Mention(sentence=0, start=at, end=at + 1, name=name, type=type))
        words.append(name)
    entities = tuple(Entity(mentions=tuple(each), id=f"id-{name}") for name, each in mentions.items())
    return Document(title=title, sentences=(tuple(words),), entities=entities)


TEXT = "Ada/PER founded Acme/ORG , and Zoe/PER works for Acme/ORG in Rome/LOC ."


def rules(path: Path, text: str) -> Rules:
    path.write_text(text)
    return Rules(str(path))


def claims(votes: Any) -> list[tuple[int, int, str | None]]:
    return [(vote.head, vote.tail, vote.relation) for vote in votes]


def test_rules_match_the_words_around_both_mentions(tmp_path: Path) -> None:
    labeler = rules(
        tmp_path / "r.toml",
        """
        [[rule]]
        relation = "founder of"
        pattern = "<head> founded <tail>"
        name = "founded"
        [[rule]]
        relation = "founded by"
        pattern = "<tail> FOUNDED <head>"
        confidence = 0.5
        [[rule]]
        relation = "employer"
        pattern = "<head> works for <tail>"
        head_type = "PER"
        tail_type = "ORG"
        [[rule]]
        relation = "never"
        pattern = "<head> works for <tail>"
        tail_type = "LOC"
        [[rule]]
        no_relation = true
        pattern = "<head> , and <tail>"
        """,
    )
    (votes,) = labeler.votes([sentence(TEXT)])
    assert sorted(claims(votes), key=str) == [
        (0, 1, "founder of"),
        (1, 0, "founded by"),
        (1, 2, None),
        (2, 1, "employer"),
    ]
    by_relation = {vote.relation: vote for vote in votes}
    assert by_relation["founder of"].provenance == "founded, sentence 0"
    assert (by_relation["founded by"].confidence, by_relation["employer"].confidence) == (0.5, 1.0)


def test_rules_that_agree_give_one_vote_with_the_greatest_confidence(tmp_path: Path) -> None:
    rule = '[[rule]]\nrelation = "r"\npattern = "<head> founded"\nname = "{}"\nconfidence = {}\n'
    labeler = rules(tmp_path / "r.toml", rule.format("weak", 0.2) + rule.format("strong", 0.7))
    (votes,) = labeler.votes([sentence("Ada/PER founded Acme/ORG")])
    assert [(vote.confidence, vote.provenance) for vote in votes] == [(0.7, "strong, sentence 0")]


def test_the_nearest_mentions_come_first_and_overlapping_ones_are_left_out() -> None:
    document = sentence("Acme/ORG grew , and later Zoe/PER joined Acme/ORG .")
    texts = [text for _, text in pair_texts(document, 1, 0)]
    assert [text.between for text in texts] == [("joined",), ("grew", ",", "and", "later")]
    assert texts[0].marked == "Acme grew , and later <head> joined <tail> ."
    assert texts[1].marked == "<tail> grew , and later <head> joined Acme ."
    nested = Entity(mentions=(Mention(sentence=0, start=0, end=2, name="Acme grew"),))
    inside = Entity(mentions=document.entities[0].mentions[:1])
    together = Document(title="n", sentences=document.sentences, entities=(inside, nested))
    assert not list(pair_texts(together, 0, 1))


PYTHON = """
from finecl.types import NONE, PairText, labeling_function

@labeling_function
def founder(pair: PairText) -> str | None:
    return "founder of" if pair.between == ("founded",) and pair.head < pair.tail else None

@labeling_function
def far(pair: PairText) -> str | None:
    return NONE if len(pair.between) > 5 else None

def helper(pair):
    raise RuntimeError
"""


def test_functions_in_a_python_file_vote(tmp_path: Path) -> None:
    labeler = rules(tmp_path / "r.py", PYTHON)
    (votes,) = labeler.votes([sentence(TEXT)])
    assert (0, 1, "founder of") in claims(votes)
    assert {(0, 3, None), (3, 0, None)} <= set(claims(votes))
    assert {vote.provenance for vote in votes} == {"founder, sentence 0", "far, sentence 0"}


def test_functions_of_snorkel_vote_by_the_numbers_of_relations(tmp_path: Path) -> None:
    pytest.importorskip("snorkel", reason="snorkel is not installed: pip install 'finecl[sources]'")
    text = (
        "from snorkel.labeling import labeling_function\nRELATIONS = ['employer', 'founder of']\n"
        "@labeling_function()\ndef founder(x):\n    return 1 if x.between == ('founded',) else -1\n"
    )
    (votes,) = rules(tmp_path / "r.py", text).votes([sentence(TEXT)])
    assert sorted(claims(votes)) == [(0, 1, "founder of"), (1, 0, "founder of")]
    with pytest.raises(SettingsError, match=r"expected RELATIONS = \['NAME', ...\]"):
        rules(tmp_path / "s.py", text.replace("RELATIONS", "NAMES"))
    with pytest.raises(SettingsError, match="expected a number below 1 of RELATIONS or -1, got 1"):
        list(
            rules(tmp_path / "t.py", text.replace("['employer', 'founder of']", "['employer']")).votes([sentence(TEXT)])
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"r.toml: expected \[\[rule\]\] tables with relation and pattern, found none"),
        ("[[rule", "r.toml: expected rules as TOML"),
        (
            "[[rule]]\nrelation = 'r'",
            "rule 1, pattern: expected a regular expression with <head> and <tail>, found none",
        ),
        ("[[rule]]\nrelation = 'r'\npattern = '('", "rule 1, pattern: expected a regular expression: "),
        ("[[rule]]\nrelation = 'r'\npattern = 3", "rule 1, pattern: expected text, got 3"),
        ("[[rule]]\npattern = 'x'", "rule 1: expected either relation = 'NAME' or no_relation = true"),
        ("[[rule]]\nrelation = 'r'\nno_relation = true\npattern = 'x'", "rule 1: expected either relation"),
        ("[[rule]]\nrelation = 'r'\npattern = 'x'\nconfidence = 2", "confidence: expected a number from 0 to 1, got 2"),
        ("[[rule]]\nrelation = 'r'\npatern = 'x'", "rule 1: expected a table with confidence, head_type, name"),
    ],
)
def test_faulty_rules_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        rules(tmp_path / "r.toml", text)


@pytest.mark.parametrize(
    ("text", "message"),
    [("x = 1", "expected functions marked with @labeling_function"), ("1 / 0", "cannot be run: ZeroDivisionError")],
)
def test_faulty_python_files_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        rules(tmp_path / "r.py", text)
    with pytest.raises(SettingsError, match=r"rules: expected a file FILE.toml or FILE.py, got 'nothing.toml'"):
        Rules("nothing.toml")


def test_answers_of_functions_that_are_no_names_are_refused(tmp_path: Path) -> None:
    text = "from finecl.types import labeling_function\n@labeling_function\ndef near(pair):\n    return True\n"
    with pytest.raises(
        SettingsError, match="rules, near: expected the name of a relation, NONE, or None to abstain, got True"
    ):
        list(rules(tmp_path / "r.py", text).votes([sentence(TEXT)]))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_votes_of_a_file_name_entities_by_number_id_or_name(suffix: str, tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / f"votes{suffix}"
    table = pd.DataFrame(
        {
            "title": ["a", "a", "b"],
            "head": ["0", "id-Zoe", "Acme"],
            "tail": ["1", "Acme", "Ada"],
            "relation": ["r", "", "s"],
            "confidence": [0.25, 1.0, 0.5],
            "provenance": ["by hand", "", ""],
        }
    )
    if suffix == ".jsonl":
        table.to_json(path, orient="records", lines=True)
    elif suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    first, second, third = VotesFile(str(path)).votes([sentence(TEXT), sentence(TEXT, "b"), sentence(TEXT, "c")])
    assert first == [
        Vote(head=0, tail=1, relation="r", confidence=0.25, provenance="by hand"),
        Vote(head=2, tail=1, relation=None),
    ]
    assert second == [Vote(head=1, tail=0, relation="s", confidence=0.5)]
    assert third == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title,head,tail\na,0,1\n", "expected the columns head, tail, relation, and document or title, got title"),
        (
            "title,head,tail,relation\na,0,Nobody\n",
            "tail: expected an entity's number, id or name, got 'Nobody', which",
        ),
        ("title,head,tail,relation,confidence\na,0,1,r,high\n", "confidence: expected a number, got 'high'"),
        ("title,head,tail,relation\nz,0,1,r\n", "got 1 on other ones, such as title 'z'"),
    ],
)
def test_faulty_tables_of_votes_are_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(text)
    with pytest.raises(FormatError, match=message):
        list(VotesFile(str(tmp_path / "v.csv")).votes([sentence(TEXT)]))


def test_equal_votes_of_a_file_count_once_and_a_source_can_be_chosen(tmp_path: Path) -> None:
    rows = ["title,head,tail,relation,confidence,source", "a,0,1,r,0.3,x", "a,0,1,r,0.8,y", "a,0,1,s,0.1,y"]
    (tmp_path / "v.csv").write_text("\n".join(rows) + "\n")
    (votes,) = VotesFile(str(tmp_path / "v.csv")).votes([sentence(TEXT)])
    assert votes == [vote_of("r", 0.8), vote_of("s", 0.1)]
    (votes,) = VotesFile(f"{tmp_path / 'v.csv'}#x").votes([sentence(TEXT)])
    assert votes == [vote_of("r", 0.3)]
    with pytest.raises(FormatError, match="expected votes of 'z' in the column source, found x, y"):
        VotesFile(f"{tmp_path / 'v.csv'}#z")


def vote_of(relation: str, confidence: float) -> Vote:
    return Vote(head=0, tail=1, relation=relation, confidence=confidence)


def test_a_knowledge_graph_votes_as_distant_labelling_labels(tmp_path: Path) -> None:
    (tmp_path / "kg.tsv").write_text("head\trelation\ttail\nid-Ada\tfounder of\tid-Acme\nid-Zoe\temployer\tid-Acme\n")
    (votes,) = KnowledgeGraph(str(tmp_path / "kg.tsv")).votes([sentence(TEXT)])
    assert claims(votes) == [(0, 1, "founder of"), (2, 1, "employer")]
    assert votes[0].provenance == "id-Ada founder of id-Acme, by id"
    (votes,) = KnowledgeGraph(str(tmp_path / "kg.tsv"), no_relation_pairs=9).votes([sentence(TEXT)])
    assert (0, 2, None) in claims(votes)
    with pytest.raises(SettingsError, match="expected a file of triples"):
        KnowledgeGraph("")


def test_an_extractor_votes_as_it_predicts(models: dict[str, Path], tmp_path: Path) -> None:
    directory = extractors.save(tmp_path / "extractor", models["bert"])
    documents = tiny.documents(9, seed=2)
    labeler = Trained(str(directory), threshold=0.01)
    voted = list(labeler.votes(documents))
    predicted = RelationExtractor.from_pretrained(directory)(documents, threshold=0.01)
    assert [[(v.head, v.tail, v.relation, v.confidence) for v in votes] for votes in voted] == [
        [(t.head, t.tail, t.relation, t.probability) for t in triples] for triples in predicted
    ]
    assert sum(map(len, voted)) > 5
    with pytest.raises(SettingsError, match="expected a run or the directory of an extractor"):
        Trained("")


def test_the_built_in_parts_meet_the_contract(tmp_path: Path, models: dict[str, Path]) -> None:
    (tmp_path / "r.toml").write_text('[[rule]]\nrelation = "met"\npattern = "<head> met <tail>"\n')
    check_labeler(Rules, str(tmp_path / "r.toml"))
    check_labeler(Trained, str(extractors.save(tmp_path / "extractor", models["bert"])))
    check_label_model(Majority)
    pytest.importorskip("snorkel", reason="snorkel is not installed: pip install 'finecl[sources]'")
    pytest.importorskip("crowdkit", reason="crowd-kit is not installed: pip install 'finecl[sources]'")
    check_label_model(DawidSkene)
    check_label_model(Generative, epochs=200)


def test_a_labeler_that_reads_labels_breaks_the_contract() -> None:
    class Peeking:
        """Repeats the labels."""

        def __init__(self, source: str) -> None:
            """Takes nothing."""

        def votes(self, documents: Any) -> Any:
            for document in documents:
                yield [Vote(head=x.head, tail=x.tail, relation=x.relation) for x in document.labels]

    with pytest.raises(AssertionError, match="votes must not depend on the documents' labels"):
        check_labeler(Peeking)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Documents, a graph and rules in files."""
    documents = [sentence(TEXT, f"t{n}") for n in range(4)]
    stated = (Label(head=0, tail=1, relation="founder of"), Label(head=2, tail=1, relation="employer"))
    JSONLines().write(
        [Document(title=d.title, sentences=d.sentences, entities=d.entities, labels=stated) for d in documents],
        tmp_path / "docs.jsonl",
    )
    (tmp_path / "kg.tsv").write_text("head\trelation\ttail\nid-Ada\tfounder of\tid-Acme\nid-Zoe\tresidence\tid-Rome\n")
    (tmp_path / "r.toml").write_text('[[rule]]\nrelation = "employer"\npattern = "<head> works for <tail>"\n')
    return tmp_path


def test_the_command_labels_by_several_sources(files: Path, finecl: Finecl) -> None:
    sources = f"knowledge-graph,rules:{files / 'r.toml'}"
    result = finecl("data", "label", files / "docs.jsonl", files / "out.jsonl", "--triples", files / "kg.tsv",
                    "--with", sources, "--stated", "--json", "--quiet")  # fmt: skip
    assert result.code == 0, result.err
    numbers = json.loads(result.out)
    assert (numbers["labels"], numbers["pairs"], numbers["no_relation"]) == (12, 12, 0)
    assert numbers["accuracy"] == pytest.approx(2 / 3)
    assert numbers["sources"]["knowledge-graph"]["accuracy"] == 0.5
    assert numbers["sources"]["rules"]["accuracy"] == 1.0
    votes = pq.read_table(numbers["votes_table"]).to_pylist()
    assert {(row["source"], row["relation"]) for row in votes} == {
        ("knowledge-graph", "founder of"), ("knowledge-graph", "residence"), ("rules", "employer"),
    }  # fmt: skip
    table = numbers["votes_table"]
    again = finecl("data", "label", files / "docs.jsonl", files / "again.jsonl", "--with",
                   f"file:{table}#knowledge-graph,file:{table}#rules", "--stated", "--json", "--quiet")  # fmt: skip
    assert again.code == 0, again.err
    assert (files / "again.jsonl").read_bytes() == (files / "out.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "expected --triples FILE or --with SOURCE, got neither."),
        (("--with", "knowledge-graph"), "--with knowledge-graph: expected --triples FILE, or knowledge-graph:FILE"),
        (("--triples", "{kg}", "--dry-run"), "--dry-run: expected --with SOURCE, got none"),
        (("--with", ","), "--with: expected sources, such as knowledge-graph,rules:rules.toml, got ','"),
        (("--with", "rule:x"), "no labeler is called 'rule'; did you mean 'rules'?"),
        (("--with", "file:nothing.csv"), "file: expected a table of votes, got 'nothing.csv', which is no file"),
        (("--with", "rules:{r},rules:{r}"), "--with: expected each source once, got 'rules:"),
        (("--with", "rules:{r}", "--combine", "vote"), "no label model is called 'vote'"),
        (("--with", "rules:{r}", "--source-option", "x=1"), "--source-option: expected NAME.KEY=VALUE, got 'x=1'"),
        (("--with", "rules:{r}", "--source-option", "file.x=a"), "expected settings of rules, got those of 'file'"),
        (("--with", "rules:{r}", "--source-option", "rules.x=1"), "labeler 'rules' has no setting 'x'"),
        (("--with", "rules:{r}", "--find", "names"), "--find names: expected --triples FILE"),
    ],
)
def test_faulty_options_give_one_line_and_no_file(
    options: tuple[str, ...], message: str, files: Path, finecl: Finecl
) -> None:
    given = [option.replace("{r}", str(files / "r.toml")).replace("{kg}", str(files / "kg.tsv")) for option in options]
    before = sorted(files.iterdir())
    assert message in finecl("data", "label", files / "docs.jsonl", files / "out.jsonl", "--quiet", *given).error_line()
    assert sorted(files.iterdir()) == before


def test_a_dry_run_of_sources_that_cost_nothing_says_so(files: Path, finecl: Finecl) -> None:
    before = sorted(files.iterdir())
    result = finecl("data", "label", files / "docs.jsonl", files / "out.jsonl", "--dry-run", "--json", "--quiet",
                    "--with", f"rules:{files / 'r.toml'}")  # fmt: skip
    assert json.loads(result.out) == {"rules": {"dollars": 0.0}}
    assert sorted(files.iterdir()) == before


def test_confidences_are_the_noise_of_the_scorer_file(small: Small, tmp_path: Path, finecl: Finecl) -> None:
    triples = {(x.head, x.tail, x.relation): d for d in small.documents["silver"] for x in d.labels}
    rows = ["title,head,tail,relation,confidence"]
    for document in small.documents["silver"]:
        rows += [f"{document.title},{x.head},{x.tail},{x.relation},{0.2 + 0.1 * (n % 5):.1f}"
                 for n, x in enumerate(document.labels)]  # fmt: skip
    assert len(rows) > len(triples) > 5
    (tmp_path / "votes.csv").write_text("\n".join(rows) + "\n")
    JSONLines().write(small.documents["silver"], tmp_path / "docs.jsonl")
    result = finecl("data", "label", tmp_path / "docs.jsonl", tmp_path / "out.jsonl", "--with",
                    f"file:{tmp_path / 'votes.csv'}", "--json", "--quiet")  # fmt: skip
    assert result.code == 0, result.err
    labels = {row["uid"]: row["noise"] for row in pq.read_table(tmp_path / "out.labels.parquet").to_pylist()}
    read = f"scorer.path={tmp_path / 'out.labels.parquet'}"
    scored = finecl("score", tmp_path / "out.jsonl", "--scorer", "file", "--set", read,
                    "--output-dir", tmp_path / "run", "--quiet")  # fmt: skip
    assert scored.code == 0, scored.err
    scores = pq.read_table(tmp_path / "run" / "scores.parquet").to_pylist()
    assert {row["uid"]: row["noise"] for row in scores} == pytest.approx(
        {uid: noise for uid, noise in labels.items() if uid in {row["uid"] for row in scores}}
    )
    assert len(scores) > 5


def test_pair_texts_are_plain_data() -> None:
    text = PairText(words=("a", "b", "c"), head=(2, 3), tail=(0, 1))
    assert text.marked == "<tail> b <head>"
    assert text.between == ("b",)
