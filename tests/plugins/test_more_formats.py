"""Every format: round trips or refusals, and the meaning of the format's official files."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import finecl_formats
import pytest
from finecl_formats.label_studio import LabelStudio
from hypothesis import event, given, settings
from hypothesis import strategies as st

from finecl import registry
from finecl.corpus.validation import check_document
from finecl.data.formats import recognise
from finecl.errors import FormatError
from finecl.testing import check_format
from finecl.types import Document, Entity, Format, Label, Mention
from tests.plugins.test_formats import documents as any_documents

FORMATS = finecl_formats.formats()
SENTENCE_LEVEL = ("csv", "tacred", "semeval", "opennre", "fewrel")
FOLDERS = ("brat", "text", "hugging-face")


def new_format(name: str) -> Format:
    """Creates the format; skips the test if its library is not installed."""
    if name == "spacy":
        pytest.importorskip("spacy", reason="spaCy is not installed: pip install 'finecl[spacy]'")
    return FORMATS[name]()


READ_ONLY = ("crossre", "declared", "dygie", "nyt", "prodigy", "pubtator", "spert")
ALL = pytest.mark.parametrize("name", [name for name in FORMATS if name not in READ_ONLY])

# ---------------------------------------------------------------- documents that a format can store

SOLID = st.text(min_size=1, max_size=6).filter(lambda word: word.split() == [word] and not set(word) & set("<>\x00"))
CODE = st.from_regex(r"[A-Za-z][A-Za-z_-]{0,7}", fullmatch=True)
TITLE = st.from_regex(r"[1-9][0-9]{0,5}", fullmatch=True)
FIELDS_OF: dict[str, set[str]] = {
    "brat": {"types", "ids", "several", "code"},
    "csv": {"types", "ids", "truth", "code"},
    "doccano": {"types", "several"},
    "docred": {"types", "several", "names", "evidence"},
    "fewrel": {"ids", "names"},
    "glirel": {"types", "names"},
    "hugging-face": {"types", "ids", "several", "names", "evidence", "truth"},
    "jsonl": {"types", "ids", "several", "names", "evidence", "truth"},
    "label-studio": {"types", "several"},
    "opennre": {"types", "ids", "names"},
    "parquet": {"types", "ids", "several", "names", "evidence", "truth"},
    "semeval": {"code"},
    "spacy": {"types", "ids", "several"},
    "tacred": {"types"},
    "text": set(),
}


@st.composite
def storable(draw: st.DrawFn, name: str) -> Document:
    """A document that a format can store: entities do not overlap and have the optional data in ``FIELDS_OF``."""
    fields = FIELDS_OF[name]
    one = name in (*SENTENCE_LEVEL, "glirel")
    word = st.from_regex(r"[a-z]{1,5}", fullmatch=True) if name == "text" else SOLID
    lengths = draw(st.lists(st.integers(4, 7), min_size=1, max_size=1 if one else 3))
    sentences = tuple(tuple(draw(st.lists(word, min_size=n, max_size=n))) for n in lengths)
    places = [(s, at) for s, n in enumerate(lengths) for at in range(0, n - 1, 2)]
    count = 0 if name == "text" else 2 if one else draw(st.integers(0, len(places)))
    chosen = draw(st.permutations(places))[:count]
    groups = [[place] for place in (sorted(chosen) if name == "spacy" else chosen)]  # doc.ents are sorted
    if "several" in fields and len(groups) > 2:
        groups = [[*groups[0], *groups[1]], *groups[2:]]
    text, code = st.text(min_size=1, max_size=5).filter(str.strip), CODE if "code" in fields else SOLID
    kind = code.filter(lambda text: text != "Entity")

    def mention(place: tuple[int, int]) -> Mention:
        sentence, start = place
        end = draw(st.integers(start + 1, start + 2))
        covered = " ".join(sentences[sentence][start:end])
        label = draw(text) if "names" in fields and name != "fewrel" else covered
        return Mention(
            sentence=sentence, start=start, end=end, name=label, type=draw(kind) if "types" in fields else None
        )

    entities = tuple(
        Entity(mentions=tuple(map(mention, group)), id=draw(st.none() | code) if "ids" in fields else None)
        for group in groups
    )
    pairs = [(h, t) for h in range(len(entities)) for t in range(len(entities)) if h != t]
    triples = [((0, 1), draw(code))] if name in SENTENCE_LEVEL else []
    if pairs and not triples:
        triples = draw(st.lists(st.tuples(st.sampled_from(pairs), code), unique=True, max_size=3))
    if name == "spacy":  # stores relations by pair
        triples.sort(key=lambda triple: triple[0])
    labels = tuple(
        Label(
            head=h,
            tail=t,
            relation=relation,
            evidence=(0,) if "evidence" in fields else (),
            truth=draw(st.none() | code) if "truth" in fields else None,
        )
        for (h, t), relation in triples
    )
    return Document(title=draw(TITLE), sentences=sentences, entities=entities, labels=labels)


def fresh(folder: Path) -> Path:
    """A path that does not exist."""
    path = folder / "written"
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return path


def in_order(documents: list[Document]) -> list[Document]:
    """Sorts documents: FewRel groups them by relation, folders sort them by title."""
    return sorted(documents, key=repr)


@ALL
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_a_format_holds_comes_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    format = new_format(name)
    unique = st.lists(storable(name), min_size=1, max_size=3, unique_by=lambda document: document.title)
    written, path = data.draw(unique), fresh(tmp_path_factory.getbasetemp())
    for document in written:
        check_document(document, "generated")
    format.write(iter(written), path)
    assert in_order(list(format.read(path))) == in_order(written)
    assert format.recognises(path)


@ALL
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_a_format_cannot_hold_is_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    """Any document survives a round trip unchanged, or nothing is written and one line says why."""
    format, document, path = new_format(name), data.draw(any_documents()), fresh(tmp_path_factory.getbasetemp())
    refusal = ""
    try:
        format.write([document], path)
    except FormatError as error:
        refusal = str(error)
    event("refused" if refusal else "written")
    if refusal:
        assert refusal.startswith(f"{path}: document 1 (")
        assert not path.exists()
    else:
        assert list(format.read(path)) == [document]


@ALL
def test_every_format_keeps_the_contract(name: str) -> None:
    check_format(type(new_format(name)), suffix="" if name in FOLDERS else ".x")


@ALL
def test_a_file_is_recognised_by_its_format_alone(tmp_path: Path, name: str) -> None:
    words = ("Ada", "met", "Zoe", ".")
    kind = "PER" if name == "spacy" else None  # has no entity without a type
    ends = tuple(Entity(mentions=(Mention(sentence=0, start=n, end=n + 1, name=words[n], type=kind),)) for n in (0, 2))
    sentence = Document(title="1", sentences=(words,), entities=ends, labels=(Label(head=0, tail=1, relation="met"),))
    if name == "text":
        sentence = replace(sentence, entities=(), labels=())
    path = tmp_path / "d"
    new_format(name).write([sentence], path)
    assert [other for other, factory in FORMATS.items() if factory().recognises(path)] == [name]
    assert type(recognise(path, registry.load())) is FORMATS[name]


# ---------------------------------------------------------------- meaning of the formats' fields

WORDS = ("Marie", "Curie", "was", "born", "in", "Warsaw", ".")


def sentence(title: str, relation: str, *, types: tuple[str | None, str | None] = (None, None)) -> Document:
    curie = Mention(sentence=0, start=0, end=2, name="Marie Curie", type=types[0])
    warsaw = Mention(sentence=0, start=5, end=6, name="Warsaw", type=types[1])
    return Document(
        title=title,
        sentences=(WORDS,),
        entities=(Entity(mentions=(curie,)), Entity(mentions=(warsaw,))),
        labels=(Label(head=0, tail=1, relation=relation),),
    )


def read(name: str, path: Path, content: str | dict[str, str]) -> list[Document]:
    if isinstance(content, str):
        path.write_bytes(content.encode())
    else:
        path.mkdir()
        for file, text in content.items():
            (path / file).write_bytes(text.encode())
    assert new_format(name).recognises(path)
    return list(new_format(name).read(path))


def test_tacred_means_what_it_says(tmp_path: Path) -> None:
    row = {
        "id": "e779865fb9", "docid": "AFP", "relation": "per:city_of_birth", "token": WORDS, "subj_start": 0,
        "subj_end": 1, "obj_start": 5, "obj_end": 5, "subj_type": "PERSON", "obj_type": "CITY",
        "stanford_ner": ["PERSON"] * 7,
    }  # fmt: skip
    expected = sentence("e779865fb9", "per:city_of_birth", types=("PERSON", "CITY"))
    assert read("tacred", tmp_path / "d", json.dumps([row])) == [expected]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_semeval_means_what_it_says(tmp_path: Path, end: str) -> None:
    lines = [
        '7\t"<e1>Marie Curie</e1> was born in <e2>Warsaw</e2>."', "Entity-Origin(e1,e2)", "Comment: (a) holds.", "",
        '8\t"<e1>Marie Curie</e1> was born in <e2>Warsaw</e2>."', "Other", "Comment:", "",
    ]  # fmt: skip
    expected = [sentence("7", "Entity-Origin(e1,e2)"), sentence("8", "Other")]
    assert read("semeval", tmp_path / "d", end.join(lines)) == expected
    unlabelled = end.join(line for line in lines if line[:1].isdigit())
    assert read("semeval", tmp_path / "e", unlabelled) == [replace(document, labels=()) for document in expected]


def test_opennre_counts_words_or_characters(tmp_path: Path) -> None:
    curie = {"name": "marie curie", "id": "Q7186", "pos": [0, 2], "type": "PER"}
    row = {"token": WORDS, "h": curie, "t": {"name": "Warsaw", "pos": [5, 6]}, "relation": "born in"}
    text = "Marie Curie was born in Warsaw."
    spans = {"h": curie | {"pos": [0, 11]}, "t": {"name": "Warsaw", "pos": [24, 30]}}
    lines = [row, {"text": text, "relation": "born in"} | spans, row | {"id": "mine"}]
    first, second, third = read("opennre", tmp_path / "d", "\n".join(map(json.dumps, lines)))
    head, tail = first.entities
    assert (head.id, tail.id) == ("Q7186", None)
    assert head.mentions == (Mention(sentence=0, start=0, end=2, name="marie curie", type="PER"),)
    assert first == second
    assert third == replace(first, title="mine")
    assert re.fullmatch("[0-9a-f]{16}", first.title)


def test_fewrel_means_what_it_says(tmp_path: Path) -> None:
    row = {"tokens": WORDS, "h": ["marie curie", "Q7186", [[0, 1], [1]]], "t": ["warsaw", "Q270", [[5]]]}
    other, first = read("fewrel", tmp_path / "d", json.dumps({"P20": [row], "P19": [row]}))
    assert [document.labels[0].relation for document in (other, first)] == ["P20", "P19"]
    assert [(m.start, m.end) for m in first.entities[0].mentions] == [(0, 2), (1, 2)]
    assert [entity.id for entity in first.entities] == ["Q7186", "Q270"]


def test_glirel_means_what_it_says(tmp_path: Path) -> None:
    row = {
        "ner": [[0, 1, "Q5", "Marie Curie"], [5, 5, "Q515", "Warsaw"]],
        "relations": [
            {
                "head": {"mention": "Marie Curie", "position": [0, 1], "type": "PER"},
                "tail": {"mention": "Warsaw", "position": [5, 5], "type": "LOC"},
                "relation_text": "place of birth",
            }
        ],
        "tokenized_text": WORDS,
    }
    (document,) = read("glirel", tmp_path / "d", json.dumps(row))
    assert document == sentence(document.title, "place of birth", types=("Q5", "Q515"))


TEXT = "Marie Curie was born in Warsaw.\nShe left."
TWO = replace(
    sentence("curie", "born_in", types=("PER", "CITY")),
    sentences=(WORDS, ("She", "left.")),
    entities=(
        Entity(
            mentions=(
                Mention(sentence=0, start=0, end=2, name="Marie Curie", type="PER"),
                Mention(sentence=1, start=0, end=1, name="She", type="PER"),
            )
        ),
        Entity(mentions=(Mention(sentence=0, start=5, end=6, name="Warsaw", type="CITY"),)),
    ),
)


def test_brat_means_what_it_says(tmp_path: Path) -> None:
    lines = [
        "T1\tPER 0 11\tMarie Curie", "T2\tPER 32 35\tShe", "T3\tCITY 24 30\tWarsaw", "*\tEquiv T1 T2",
        "R1\tborn_in Arg1:T2 Arg2:T3", "E1\tBirth:T1", "A1\tNegation E1", "N1\tReference T3 Wikidata:Q270\tWarsaw",
        "#1\tAnnotatorNotes T1\ta note",
    ]  # fmt: skip
    (document,) = read("brat", tmp_path / "d", {"curie.txt": TEXT, "curie.ann": "\n".join(lines)})
    city = replace(TWO.entities[1], id="Q270")
    assert document == replace(TWO, entities=(TWO.entities[0], city))


def region(identity: str, start: int, end: int, label: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "text": TEXT[start:end], "labels": [label]}
    return {"id": identity, "from_name": "label", "to_name": "text", "type": "labels", "value": value}


def link(head: str, tail: str, label: str, direction: str = "right") -> dict[str, Any]:
    return {"from_id": head, "to_id": tail, "type": "relation", "direction": direction, "labels": [label]}


def test_a_word_of_a_text_is_no_key_of_another_format(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([{"data": {"text": "sents", "words": ["sents"]}, "annotations": []}]))
    assert LabelStudio().recognises(path)
    path.write_text(json.dumps([{"data": 1, "annotations": [], "sents": []}]))
    assert not LabelStudio().recognises(path)


def test_label_studio_means_what_it_says(tmp_path: Path) -> None:
    regions = [region("a", 0, 11, "PER"), region("b", 32, 35, "PER"), region("c", 24, 30, "CITY")]
    links = [link("a", "b", "coreference"), link("c", "b", "born_in", "left"), link("a", "c", "born_in")]
    annotations = [{"was_cancelled": True, "result": [link("x", "y", "z")]}, {"result": [*regions, *links]}]
    task = {"id": 3, "data": {"text": TEXT}, "annotations": annotations}
    assert read("label-studio", tmp_path / "d", json.dumps([task])) == [replace(TWO, title="3")]


def test_doccano_means_what_it_says(tmp_path: Path) -> None:
    spans = [(4, 0, 11, "PER"), (5, 32, 35, "PER"), (9, 24, 30, "CITY")]
    row = {
        "id": 12,
        "text": TEXT,
        "entities": [{"id": n, "label": kind, "start_offset": a, "end_offset": b} for n, a, b, kind in spans],
        "relations": [
            {"id": 1, "from_id": 5, "to_id": 9, "type": "born_in"},
            {"id": 2, "from_id": 4, "to_id": 5, "type": "coreference"},
        ],
        "Comments": [],
    }
    assert read("doccano", tmp_path / "d", json.dumps(row)) == [replace(TWO, title="12")]


def test_spacy_means_what_it_says(tmp_path: Path) -> None:
    new_format("spacy")
    import spacy
    from spacy.tokens import Doc, DocBin, Span

    doc = Doc(spacy.blank("en").vocab, words=list(WORDS))
    doc.ents = [Span(doc, 0, 2, label="PER"), Span(doc, 5, 6, label="CITY", kb_id="Q270")]
    doc._.rel = {(0, 5): {"born_in": 1.0, "died_in": 0.1}, (5, 0): {"born_in": 0.0}}
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "d.spacy")
    (document,) = new_format("spacy").read(tmp_path / "d.spacy")
    expected = sentence("1", "born_in", types=("PER", "CITY"))
    assert document == replace(expected, entities=(expected.entities[0], replace(expected.entities[1], id="Q270")))


def test_spacy_files_without_spacy_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "spacy", None)
    with pytest.raises(FormatError, match=r"d.spacy: .*pip install 'finecl\[spacy\]'"):
        list(FORMATS["spacy"]().read(tmp_path / "d.spacy"))


def test_plain_text_is_cut_into_sentences_and_words(tmp_path: Path) -> None:
    text = "Dr. M. Curie's lab won (again)! In 1911, U.S. papers wrote 3.5 pages.\n\nA heading\nshe left. and came"
    (document,) = read("text", tmp_path / "d", {"curie.txt": text, "notes.md": "no"})
    assert [" ".join(words) for words in document.sentences] == [
        "Dr . M . Curie's lab won ( again ) !",
        "In 1911 , U.S . papers wrote 3.5 pages .",
        "A heading",
        "she left . and came",
    ]
    assert document.title == "curie"


def saved(rows: list[dict[str, Any]], path: Path, **features: Any) -> Path:
    import datasets

    dataset = datasets.Dataset.from_list(rows)
    for column, names in features.items():
        dataset = dataset.cast_column(column, datasets.ClassLabel(names=names))
    dataset.save_to_disk(str(path))
    return path


def test_hugging_face_data_sets_are_read_by_their_columns(tmp_path: Path) -> None:
    read_from = new_format("hugging-face")
    marked = {"sentence": '"<e1>Marie Curie</e1> was born in <e2>Warsaw</e2>."', "relation": 1}
    path = saved([marked], tmp_path / "semeval", relation=["Other", "Entity-Origin(e1,e2)"])
    assert list(read_from.read(path)) == [sentence("1", "Entity-Origin(e1,e2)")]
    hub = {
        "title": "curie",
        "sents": [list(WORDS)],
        "vertexSet": [[{"name": "Marie Curie", "sent_id": 0, "pos": [0, 2], "type": "PER"}],
                      [{"name": "Warsaw", "sent_id": 0, "pos": [5, 6], "type": "CITY"}]],
        "labels": {"head": [0], "tail": [1], "relation_id": ["P19"], "relation_text": ["born"], "evidence": [[0]]},
    }  # fmt: skip
    (document,) = read_from.read(saved([hub], tmp_path / "docred"))
    assert document.labels == (Label(head=0, tail=1, relation="P19", evidence=(0,)),)
    with pytest.raises(FormatError, match=r"expected the columns sents and vertexSet \| .*, got text; rename"):
        list(read_from.read(saved([{"text": "a"}], tmp_path / "other")))


def test_hugging_face_data_sets_of_text_and_label_keep_their_columns_when_they_are_cleaned(tmp_path: Path) -> None:
    import datasets

    format = new_format("hugging-face")
    rows = [
        {"idx": n, "text": f"It was {what} .", "label": n % 2} for n, what in enumerate(("soup", "a goal", "bread"))
    ]
    path = saved(rows, tmp_path / "texts", label=["food", "sport"])
    first, second, third = format.read(path)
    assert [each.labels[0].relation for each in (first, second, third)] == ["food", "sport", "food"]
    changed = replace(first, labels=(replace(first.labels[0], relation="sport"),))
    format.rewrite(path, [changed, None, third], tmp_path / "cleaned")
    cleaned = datasets.load_from_disk(str(tmp_path / "cleaned"))
    assert cleaned.features == datasets.load_from_disk(str(path)).features
    assert cleaned.to_list() == [{**rows[0], "label": 1}, rows[2]]
    unknown = replace(first, labels=(replace(first.labels[0], relation="art"),))
    with pytest.raises(FormatError, match="label: expected one of food, sport, got 'art'"):
        format.rewrite(path, [unknown, second, third], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_hugging_face_data_sets_of_text_head_relation_and_tail_are_read_as_csv(tmp_path: Path) -> None:
    row = {"text": "Marie Curie was born in Warsaw.", "head": "Marie Curie", "relation": "born", "tail": "Warsaw"}
    (document,) = new_format("hugging-face").read(saved([{**row, "source": None}], tmp_path / "d"))
    (label,) = document.labels
    names = [document.entities[at].mentions[0].name for at in (label.head, label.tail)]
    assert (label.relation, *names) == ("born", "Marie Curie", "Warsaw")


def test_a_split_of_a_hugging_face_data_set_is_named_after_a_colon(tmp_path: Path) -> None:
    import datasets

    row = {"token": list(WORDS), "h": {"pos": [0, 2]}, "t": {"pos": [5, 6]}, "relation": "born"}
    one = datasets.Dataset.from_list([row])
    datasets.DatasetDict({"train": one, "dev": datasets.concatenate_datasets([one, one])}).save_to_disk(
        str(tmp_path / "d")
    )
    format = new_format("hugging-face")
    assert format.recognises(tmp_path / "d")
    assert len(list(format.read(tmp_path / "d:dev"))) == 2
    with pytest.raises(FormatError, match="expected one split, got train, dev; name one: "):
        list(format.read(tmp_path / "d"))
    with pytest.raises(FormatError, match="expected one of the splits train, dev, got 'test'"):
        list(format.read(tmp_path / "d:test"))


def test_a_name_that_the_hub_does_not_have_is_one_line() -> None:
    with pytest.raises(FormatError, match="nobody/nothing: expected a data set of Hugging Face's library") as caught:
        list(new_format("hugging-face").read(Path("nobody/nothing")))
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("tacred", lambda d: replace(d, labels=d.labels * 2), "TACRED cannot store 2 labels (it needs 1)"),
        ("tacred", lambda d: replace(d, sentences=(*d.sentences, WORDS)), "TACRED cannot store 2 sentences"),
        ("opennre", lambda d: replace(d, entities=d.entities * 2), "OpenNRE cannot store 4 entities (it needs 2)"),
        ("semeval", lambda d: replace(d, title="one"), "SemEval cannot store the title 'one', which is not a number"),
        ("semeval", lambda d: replace(d, sentences=(("Marie Curie",) * 7,)), "a word that is empty or contains"),
        ("brat", lambda d: replace(d, title="a/b"), "brat cannot store the title 'a/b', which is not a valid file"),
        ("brat", lambda d: replace(d, labels=(replace(d.labels[0], relation="born in"),)), "'born in' as a type"),
        ("fewrel", lambda d: sentence("1", "r", types=("PER", None)), "FewRel cannot store entity 0's type 'PER'"),
        ("doccano", lambda d: replace(d, labels=(replace(d.labels[0], evidence=(0,)),)), "label 0's evidence"),
        ("text", lambda d: d, "plain text cannot store entities; drop it with --drop, or write jsonl or parquet"),
    ],
)
def test_a_refusal_says_what_cannot_be_held(
    tmp_path: Path, name: str, change: Callable[[Document], Document], message: str
) -> None:
    with pytest.raises(FormatError) as caught:
        new_format(name).write([change(sentence("1", "born"))], tmp_path / "d")
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "mine.txt").write_text("mine")
    with pytest.raises(FormatError, match="expected a new or empty folder to write to"):
        new_format("brat").write([sentence("1", "born")], tmp_path / "d")
    assert [path.name for path in tmp_path.rglob("*")] == ["d", "mine.txt"]


# ---------------------------------------------------------------- real data


@pytest.mark.parametrize(
    ("file", "name", "sentences", "relations"),
    [
        ("semeval2010_task8/TRAIN_FILE.TXT", "semeval", 8_000, 19),
        ("semeval2010_task8/TEST_FILE_FULL.TXT", "semeval", 2_717, 19),
        ("wiki80/dev.txt", "opennre", 5_600, 80),
        ("fewrel/val_wiki.json", "fewrel", 11_200, 16),
    ],
)
def test_the_sentence_level_sets_are_read_whole(
    data_dir: Path, file: str, name: str, sentences: int, relations: int
) -> None:
    format = recognise(data_dir / file, registry.load())
    assert type(format) is FORMATS[name]
    counts: Counter[str] = Counter()
    for document in format.read(data_dir / file):
        check_document(document, document.title)
        assert len(document.entities) == 2
        counts.update(label.relation for label in document.labels)
    assert (counts.total(), len(counts)) == (sentences, relations)
    if name in ("opennre", "fewrel"):
        assert set(counts.values()) == {sentences // relations}


@pytest.mark.parametrize("file", ["semeval2010_task8/TEST_FILE_FULL.TXT", "wiki80/dev.txt", "fewrel/val_wiki.json"])
def test_the_sets_come_back_from_their_own_format(data_dir: Path, tmp_path: Path, file: str) -> None:
    format = recognise(data_dir / file, registry.load())
    documents = list(format.read(data_dir / file))
    format.write(documents, tmp_path / "d")
    assert list(format.read(tmp_path / "d")) == documents


def test_the_test_set_of_semeval_has_its_direction(data_dir: Path) -> None:
    """Counts of the official release, both directions."""
    documents = new_format("semeval").read(data_dir / "semeval2010_task8" / "TEST_FILE_FULL.TXT")
    counts = Counter(document.labels[0].relation for document in documents)
    assert counts["Other"] == 454
    assert (counts["Cause-Effect(e1,e2)"], counts["Cause-Effect(e2,e1)"]) == (134, 194)
    assert (counts["Entity-Destination(e1,e2)"], counts["Entity-Destination(e2,e1)"]) == (291, 1)


def test_half_a_surrogate_pair_has_a_length(tmp_path: Path) -> None:
    row = {"id": 1, "text": "Ada met Zo\ud800 .", "entities": [], "relations": []}
    row["entities"] = [{"id": 1, "label": "PER", "start_offset": 0, "end_offset": 3, "text": "Bob"}]
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    with pytest.raises(FormatError, match="got 'Bob'"):
        list(finecl_formats.formats()["doccano"]().read(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,head,re\rlation,tail\nA,A,r,A\n", "expected separated values, got 'new-line character"),
        (b"text,head,relation,tail\nAda met Zoe.,Ada,met\n", "row 1: expected 4 fields, got 3"),
        (b"text,head,relation,tail\nAda met Zoe.,Ada,,Zoe\n", "row 1, relation: expected a text that is not empty"),
        (b"text,head,relation,tail,tail_start,tail_end\nAda met Zoe.,Ada,met,Zoe,8,x\n", "got 8, x"),
        (b"text,label\n,food\n", "row 1, text: expected a text that is not empty"),
    ],
)
def test_faults_of_a_csv_file_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FormatError) as caught:
        list(finecl_formats.formats()["csv"]().read(tmp_path / "a.csv"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "head", "tail", "mentions"),
    [
        ("鲁迅出生于绍兴。", "鲁迅", "绍兴", ["鲁迅", "绍兴"]),
        ("महात्मा गांधी का जन्म पोरबंदर में हुआ।", "महात्मा गांधी", "पोरबंदर", ["महात्मा गांधी", "पोरबंदर"]),
        ("Curie's Paris, not Parisian; Curie left Paris.", "Curie", "Paris", ["Curie", "Curie", "Paris", "Paris"]),
    ],
)
def test_names_in_csv_are_whole_words_of_any_script(
    text: str, head: str, tail: str, mentions: list[str], tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(f'text,head,relation,tail\n"{text}",{head},r,{tail}\n', encoding="utf-8")
    (document,) = finecl_formats.formats()["csv"]().read(tmp_path / "a.csv")
    assert [mention.name.replace(" ", "") for entity in document.entities for mention in entity.mentions] == [
        name.replace(" ", "") for name in mentions
    ]


def test_part_of_a_word_is_no_mention_in_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,head,relation,tail\nकाल आया Ada.,का,r,Ada\n", encoding="utf-8")
    with pytest.raises(FormatError, match="row 1, head: expected a name in the text, got 'का'"):
        list(finecl_formats.formats()["csv"]().read(tmp_path / "a.csv"))
