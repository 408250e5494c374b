"""Tests of the report page: self-contained, well-formed, escaped, and complete."""

from __future__ import annotations

import json
import math
import re
import signal
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure

from finecl.corpus.excerpts import Excerpt, Piece, excerpt, highlight
from finecl.errors import FineCLError, StoppedError
from finecl.report import figures, training_figures
from finecl.report.captions import Drawing
from finecl.report.headline import few_test_documents, gains
from finecl.report.label_table import as_script, noise_ranks
from finecl.report.numbers import percent, results, share
from finecl.report.page import write_figures, write_report
from finecl.report.svg import inline_svg
from finecl.types import Document, Entity, Mention

if TYPE_CHECKING:
    from finecl.corpus.corpus import Corpus

VOID = {"meta", "br", "hr", "link", "img", "input"}
FIGURES = {
    "learned-share", "label-accuracy", "noise-roc", "data-map", "agreement", "weights", "pretraining-loss",
    "dev-curves", "learned-by-relation",
}  # fmt: skip


def mention(sentence: int, start: int, end: int, name: str) -> Mention:
    return Mention(sentence=sentence, start=start, end=end, name=name)


DOCUMENT = Document(
    title="Ada & <b>Byron</b>",
    sentences=(
        ("Ada", "Lovelace", "was", "born", "in", "London", "."),
        ("It", "rained", "."),
        ("Lovelace", "wrote", "<script>alert('x')</script>", "."),
    ),
    entities=(
        Entity(mentions=(mention(0, 0, 2, "Ada Lovelace"), mention(2, 0, 1, "Lovelace"))),
        Entity(mentions=(mention(0, 5, 6, "London"),)),
    ),
)


class FakeCorpus:
    """The parts of a corpus that the report reads; records which documents it read."""

    names = {"P19": "place of birth", "P20": "place of death"}  # noqa: RUF012 - never written to
    no_relation = "NA"

    def __init__(self) -> None:
        self.read: list[int] = []

    def document(self, index: int) -> Document:
        self.read.append(index)
        return DOCUMENT


class Page(HTMLParser):
    """Parses a page; refuses tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.ids: list[str] = []
        self.scripts: dict[str, str] = {}
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self._script: str | None = None
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        self.ids += [value or "" for key, value in attrs if key == "id"]
        self._script = dict(attrs).get("id") or "code" if tag == "script" else None
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag
        self._script = None

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[self._script] = data
        else:
            self.words.append(data)

    @property
    def labels(self) -> dict[str, Any]:
        """Returns the data of the table of labels."""
        data: dict[str, Any] = json.loads(self.scripts["labels-data"])
        return data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def metrics() -> dict[str, Any]:
    by_order = [{"order": 1, "instances": 1500, "accuracy": 0.9}, {"order": None, "instances": 12, "accuracy": 0.2}]
    shares = {"learned_share": [0.45, 0.6], "learned_share_batch": [0.45, 0.6], "learned_share_epoch": [0.65, 0.7]}
    score = {"scorer": "learning-order", "weighting": "exp", "noise_auroc": 0.8765, "silver_accuracy": 0.55}
    score |= {"label_accuracy_by_order": by_order, "effective_sample_size": 7.25}
    loss = {"mlm": [3, 2, 2, 1], "relation-discrimination": [5, None, 4, 3]}
    test = {"f1": 0.5, "ign_f1": 0.4567, "precision": 0.5, "recall": 0.5, "threshold": 0.31, "dev_f1": 0.51}
    return {
        "score": score | shares,
        "finetune": {"pretrained": {"dev_f1_by_epoch": {"1": 0.2, "2": 0.5}}, "plain": {"dev_f1_by_epoch": {}}},
        "pretrain": {"steps": 4, "tokens": 1000, "loss": loss},
        "evaluate": {"pretrained": test | {"f1": 0.6123, "macro_f1": 0.3}, "plain": test | {"macro": 0.35}},
    }


def scores_table(count: int = 16) -> pa.Table:
    number = np.arange(count)
    columns = {
        "uid": [f"{i:016x}" for i in number],
        "document": number,
        "head": number * 0,
        "tail": number * 0 + 1,
        "relation": ["P19" if i < count - 2 else "P20" for i in number],
        "noise": np.where(number % 5 == 4, math.inf, number % 5).astype(np.float32),
        "weight": np.linspace(0, 1, count, dtype=np.float32),
        "learned_batch": number % 3,
        "learned_epoch": number % 2,
        "confidence_mean": np.linspace(0, 1, count),
        "variability": np.linspace(0.5, 0, count),
        "truth": [("P19", "P20", "NA", None)[i % 4] for i in number],
    }
    return pa.table(columns)


MakeReport = Callable[..., tuple[Path, Page, FakeCorpus]]


@pytest.fixture
def make(tmp_path: Path) -> MakeReport:
    """Returns a function that writes a run with these parts and reads its report."""

    def report(
        numbers: dict[str, Any] | None, table: pa.Table | None, silver: bool = True, name: str = "demo <1>"
    ) -> tuple[Path, Page, FakeCorpus]:
        record = {
            "name": name,
            "seed": 42,
            "settings": {"method": "finecl", "proxy": {"loss": "ce"}},
            "notes": ["A & B"],
        }
        (tmp_path / "run.json").write_text(json.dumps(record))
        if numbers is not None:
            (tmp_path / "metrics.json").write_text(json.dumps(numbers))
        if table is not None:
            pq.write_table(table, tmp_path / "scores.parquet")
            others = {"uid": table["uid"], "small-loss": np.linspace(3, 1, len(table)).astype(np.float32)}
            pq.write_table(pa.table(others), tmp_path / "scorers.parquet")
            near = {"row": [4], "near": [[0, 3, -1, -1, -1]], "similarity": [[0.9, 0.5, 0.0, 0.0, 0.0]]}
            pq.write_table(pa.table(near), tmp_path / "neighbours.parquet")
        corpus = FakeCorpus()
        path = write_report(tmp_path, cast("Corpus", corpus) if silver else None)
        return path, Page(path.read_text(encoding="utf-8")), corpus

    return report


def test_a_full_run_shows_its_numbers(make: MakeReport) -> None:
    path, page, _ = make(metrics(), scores_table())
    assert path.name == "report.html"
    assert set(page.ids) >= FIGURES
    for text in ("demo <1>", "61.2", "50.0", "+11.2", "−5.0", "0.876", "A & B", "proxy.loss", "learning-order"):
        assert text in page.text
    assert "worth 7 labels" in page.text
    assert not list(path.parent.glob(".*"))


def test_the_page_refers_to_nothing_outside(make: MakeReport) -> None:
    path, page, _ = make(metrics(), scores_table())
    text = path.read_text(encoding="utf-8")
    for outside in ("http://", "https://", "src=", "@import", "<link", "<metadata"):
        assert outside not in text
    hrefs = [value or "" for key, value in page.attributes if key in ("href", "xlink:href")]
    assert hrefs
    assert all(href.removeprefix("#") in page.ids for href in hrefs)
    assert len(set(page.ids)) == len(page.ids)
    assert "<script>alert" not in text  # only in the data, escaped
    assert "<b>Byron" not in text
    assert page.labels["title"][0] == "Ada & <b>Byron</b>"
    assert "<" not in as_script({"a": "</script><!--<script>"})


def test_colours_are_those_of_the_page(make: MakeReport) -> None:
    text = make(metrics(), scores_table())[0].read_text(encoding="utf-8")
    drawn = text[text.index("</style>") :]
    assert "var(--first)" in drawn
    assert not any(colour in drawn for colour in figures.COLOURS.values())
    assert "#000000" not in drawn
    assert "#ffffff" not in drawn
    assert "prefers-color-scheme: dark" in text


def test_the_labels_stand_from_noisy_to_clean_with_their_text_and_truth(make: MakeReport) -> None:
    _, page, corpus = make(metrics(), scores_table())
    labels = page.labels
    assert len(labels["uid"]) == labels["total"] == 16
    assert labels["rank"] == sorted(labels["rank"])
    names = [labels["relations"][number] for number in labels["relation"]]
    assert names.count("place of birth") == 14
    at = {uid: place for place, uid in enumerate(labels["uid"])}
    for number in range(16):
        place = at[f"{number:016x}"]
        relation = "P19" if number < 14 else "P20"
        truth = ("P19", "P20", "NA", None)[number % 4]
        expected = -2 if truth is None else -1 if truth == "NA" else labels["ids"].index(truth)
        assert labels["truth"][place] == expected
        assert labels["ids"][labels["relation"][place]] == relation
        assert labels["learned"][place] == number % 3
        assert labels["weight"][place] == pytest.approx(number / 15, abs=1e-4)
    text, spans = labels["text"][0], labels["head"][0]
    assert [text[a:b] for a, b in zip(spans[::2], spans[1::2], strict=True)] == ["Ada Lovelace"]
    assert labels["neighbours"] == {str(at[f"{4:016x}"]): [[at[f"{0:016x}"], 90], [at[f"{3:016x}"], 50]]}
    assert labels["scorers"]["small-loss"][at[f"{0:016x}"]] == 1
    assert set(labels["drawn"]) == {"random"}  # all labels, because there are few
    assert sorted(corpus.read) == list(range(16))


def test_suggestions_stand_beside_the_labels(make: MakeReport) -> None:
    table = scores_table()
    suggested = ["P20", "", "P19", "P19"] * 4
    table = table.append_column("suggested", [suggested])
    table = table.append_column("suggested_confidence", [np.linspace(0.5, 1, 16).astype(np.float32)])
    _, page, _ = make(metrics(), table)
    labels, at = page.labels, {uid: place for place, uid in enumerate(page.labels["uid"])}
    for number in range(16):
        place, name = at[f"{number:016x}"], suggested[number]
        assert labels["suggested"][place] == (labels["ids"].index(name) if name else -1)
        assert labels["sure"][place] == round(1000 * (0.5 + number / 30))
    assert "another relation suggested" in page.text
    _, without, _ = make(metrics(), scores_table())
    assert without.labels["suggested"] is None
    assert "another relation suggested" not in without.text


def test_a_truth_that_no_label_has_is_named(make: MakeReport) -> None:
    truths = [["P69", "NA", "P20", None][i % 4] for i in range(16)]
    _, page, _ = make(metrics(), scores_table().set_column(11, "truth", [truths]))
    labels = page.labels
    assert (labels["ids"][-1], labels["labelled"], len(labels["ids"])) == ("P69", 2, 3)
    assert {labels["truth"][labels["uid"].index(f"{row:016x}")] for row in (0, 4)} == {2}
    assert labels["truth"][labels["uid"].index(f"{1:016x}")] == -1


def test_pairs_that_may_need_a_label_are_listed_the_most_probable_first(make: MakeReport, tmp_path: Path) -> None:
    found = {"document": [0, 1, 2], "head": [0, 1, 0], "tail": [1, 0, 1], "relation": ["P19", "P<20>", "P19"]}
    pq.write_table(pa.table({**found, "probability": [0.6, 0.95, 0.7]}), tmp_path / "false_negatives.parquet")
    _, page, _ = make(metrics(), scores_table())
    section = page.text[page.text.index("Pairs without a label that may need one") :]
    assert "For 3 pairs without a label" in section
    places = [section.index(text) for text in ("P<20> 95.0", "place of birth 70.0", "place of birth 60.0")]
    assert places == sorted(places)
    assert section.count("Ada Lovelace") >= 3
    (tmp_path / "false_negatives.parquet").unlink()
    assert "may need one" not in make(metrics(), scores_table())[1].text


def test_of_many_labels_the_noisiest_are_listed_and_those_to_be_judged(
    make: MakeReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finecl.report.label_table.LISTED", 500)
    _, page, corpus = make(metrics(), scores_table(1000))
    labels = page.labels
    assert len(labels["uid"]) == 500
    assert labels["total"] == 1000
    assert labels["drawn"].count("random") == 100
    assert labels["drawn"].count("noisiest") == 200
    assert "500 noisiest of 1,000 labels" in page.text
    assert len(corpus.read) == 500


def test_the_noisiest_label_has_rank_1_and_equals_share_a_rank() -> None:
    noise = np.array([1, math.inf, 1, 0], dtype=np.float32)
    assert noise_ranks(noise).tolist() == [2, 1, 2, 4]


def estimated(**score: Any) -> tuple[dict[str, Any], pa.Table]:
    """Returns a run with probabilities: of 16 labels, 6 are more likely wrong than right."""
    p_wrong = np.array([0.9, 0.1] * 6 + [0.2] * 4, dtype=np.float32)
    shares = {"wrong_share": 0.4, "wrong_share_interval": [0.301, 0.499], "wrong_share_source": "mixture"}
    numbers = metrics()
    return numbers | {"score": numbers["score"] | shares | score}, scores_table().append_column("p_wrong", [p_wrong])


def test_the_page_says_first_how_many_labels_are_wrong_and_which_to_look_at(make: MakeReport) -> None:
    _, page, _ = make(*estimated())
    text = page.text
    head = text[: text.index("The most suspicious labels")]
    assert "Wrong labels, estimated 40.0 % 95 % interval 30.1 % to 49.9 %" in head
    assert "Fewer than 100 labels: do not rely on it." in head
    assert "Labels to look at 6 of 16 are more likely wrong than right. To drop them: finecl clean --drop 0.5" in head
    assert "Labels to judge 16 a random sample" in head
    assert "Wrong labels, known 45.0 %" in head
    wrong = page.labels["wrong"]
    assert wrong == sorted(wrong, reverse=True)
    review = {"accuracy": 0.75, "low": 0.5, "high": 0.9, "random": 12}
    _, page, _ = make(*estimated(review=review))
    assert "Labels right, by review 75.0 % 95 % interval 50.0 % to 90.0 %; 12 of a random sample of 16" in page.text
    sections = [
        page.text.index(title) for title in ("The most suspicious labels", "What the weights did", "Results on")
    ]
    assert sections == sorted(sections)


def test_without_an_estimate_the_page_says_so(make: MakeReport) -> None:
    _, page, _ = make(metrics(), scores_table())
    assert "Wrong labels, estimated unknown" in page.text
    assert page.labels["wrong"] is None
    assert "the estimated probability that the label is wrong" not in page.text


def test_the_table_of_weights_compares_likely_wrong_labels_with_others(make: MakeReport) -> None:
    _, page, _ = make(*estimated())
    weight = np.linspace(0, 1, 16, dtype=np.float32)
    likely = np.array([True, False] * 6 + [False] * 4)
    expected = f"{weight[likely].mean():.3f} {100 * likely.mean():.1f} {100 * weight[likely].sum() / weight.sum():.1f}"
    assert f"more likely wrong than right 6 {expected}" in page.text
    assert "right, by their truth 4 " in page.text  # numbers 0, 4, 8 and 12
    assert "wrong, by their truth 8 " in page.text


def test_the_navigation_leads_to_every_section(make: MakeReport) -> None:
    text = make(*estimated())[0].read_text(encoding="utf-8")
    links = re.findall(r'<li><a href="#([\w-]+)">', text)
    assert links == re.findall(r'<section id="([\w-]+)"', text)
    assert links == ["labels", "weighting", "results", "scorers", "figures", "details"]


def test_gains_are_differences_of_the_numbers_as_shown_and_have_intervals() -> None:
    evaluate = {
        "pretrained": {"f1": 0.12346, "f1_interval": [0.1, 0.2]},
        "plain": {"f1": 0.12249, "f1_gain": [-0.01, 0.02]},
    }
    table = results(evaluate)
    assert table is not None
    assert table.columns[:2] == ["F1, %", "95 % interval"]
    assert [cells[0] for _, cells in table.rows] == ["12.3", "12.2"]
    assert table.summary == [("gain over the plain encoder", ["+0.1", "−1.0 to +2.0", "–"])]
    assert gains({"evaluate": evaluate}) == [
        "+0.1 points of F1 over the plain encoder, 95 % interval −1.0 to +2.0: not clear of 0."
    ]
    assert percent(-0.0001, signed=True) == "+0.0"
    assert share(1.0) == "100.0\u00a0%"


def test_few_test_documents_are_warned_of() -> None:
    assert few_test_documents({"data": {"test": {"documents": 99}}}).startswith("Only 99 test documents")
    assert few_test_documents({"data": {"test": {"documents": 100}}}) == ""
    assert few_test_documents({}) == ""


def test_lines_of_scorers_differ_without_their_colour() -> None:
    styles = [figures.line_style(number) for number in range(1, 21)]
    assert len({(str(style["linestyle"]), style["marker"]) for style in styles}) == 20
    noise = {str(number): np.random.default_rng(number).random(50, dtype=np.float32) for number in range(9)}
    drawn = figures.noise_roc(noise, np.arange(50) % 2 == 0)
    assert len({(line.get_color(), line.get_marker()) for line in drawn.axes[0].lines[1:]}) == 9


def test_scorers_and_relations_are_compared(make: MakeReport) -> None:
    _, page, _ = make(metrics(), scores_table())
    assert "Scorers compared" in page.text
    assert "learning-order (this run's)" in page.text
    assert "small-loss" in page.text
    # Of 12 labels with known truth numbers 0, 4, 8, 12 are right: label and truth are P19; 13 has label P19, truth P20.
    assert "place of death 2 " in page.text


@pytest.mark.parametrize("ending", ["svg", "pdf", "png"])
def test_figures_are_written_as_files_and_equal_ones_are_equal(make: MakeReport, tmp_path: Path, ending: str) -> None:
    run = make(metrics(), scores_table())[0].parent
    names = {"P19": "place of birth"}
    first, again = (write_figures(run, tmp_path / at, ending, names) for at in ("one", "two"))
    assert {path.name for path in first} == {f"{name}.{ending}" for name in FIGURES}
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_a_figure_that_is_stopped_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(path: Path, **_: object) -> None:
        path.write_text("<svg")
        raise StoppedError(signal.SIGTERM, "between checkpoints")

    figure = Figure()
    monkeypatch.setattr(figure, "savefig", half)
    drawing = Drawing(name="curve", title="", caption="", description="", figure=figure)
    with pytest.raises(StoppedError):
        drawing.save(tmp_path, "svg")
    assert not list(tmp_path.iterdir())


def test_truth_unknown(make: MakeReport) -> None:
    for table in (scores_table().drop_columns(["truth"]), scores_table().set_column(11, "truth", [[None] * 16])):
        _, page, _ = make(metrics() | {"score": {"label_accuracy_by_order": None}}, table)
        assert "noise-roc" not in page.ids
        assert "Scorers compared" not in page.text
        assert set(page.labels["truth"]) == {-2}
        assert "wrong, by their truth" not in page.text


def test_a_run_that_stopped_after_score(make: MakeReport) -> None:
    _, page, _ = make({"score": metrics()["score"]}, scores_table())
    assert set(page.ids) & FIGURES == FIGURES - {"pretraining-loss", "dev-curves"}
    assert "Results on the test documents" not in page.text


@pytest.mark.parametrize(
    "numbers", [None, {}, {"score": {}, "pretrain": {}, "evaluate": {}}, {"evaluate": {"plain": {}}}]
)
def test_missing_sections_are_left_out(make: MakeReport, numbers: dict[str, Any] | None) -> None:
    _, page, _ = make(numbers, None, silver=False)
    assert not set(page.ids) & FIGURES
    assert "demo <1>" in page.text


def test_a_run_that_scored_nothing_has_no_labels_to_look_at(make: MakeReport) -> None:
    table = scores_table()
    _, page, corpus = make({}, table.set_column(5, "noise", [np.zeros(len(table), dtype=np.float32)]))
    assert corpus.read == []
    assert "noise-roc" not in page.ids


def test_equal_runs_give_equal_pages(make: MakeReport) -> None:
    first = make(metrics(), scores_table())[0].read_bytes()
    assert make(metrics(), scores_table())[0].read_bytes() == first


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FineCLError, match=r"found no run\.json"):
        write_report(tmp_path, None)
    (tmp_path / "scores.parquet").write_bytes(b"no parquet")
    with pytest.raises(FineCLError, match="expected a Parquet file"):
        write_report(tmp_path, None)
    assert not (tmp_path / "report.html").exists()


def test_sentences_left_out_are_marked() -> None:
    assert highlight(DOCUMENT, head=0, tail=1) == [
        Piece(role="head", text="Ada Lovelace"),
        Piece(role="", text="was born in"),
        Piece(role="tail", text="London"),
        Piece(role="", text="."),
        Piece(role="", text="…"),
        Piece(role="head", text="Lovelace"),
        Piece(role="", text="wrote <script>alert('x')</script> ."),
    ]


def test_an_excerpt_is_a_sentence_that_names_both_else_the_first_of_each() -> None:
    text = "Ada Lovelace was born in London ."
    assert excerpt(DOCUMENT, 0, 1) == Excerpt(text=text, head=((0, 12),), tail=((25, 31),))
    apart = Document(
        title="apart",
        sentences=(("It", "rained", "."), ("Ada", "left", "."), ("So", "?"), ("London", "is", "large", ".")),
        entities=(Entity(mentions=(mention(1, 0, 1, "Ada"),)), Entity(mentions=(mention(3, 0, 1, "London"),))),
    )
    assert excerpt(apart, 1, 0) == Excerpt(text="Ada left . … London is large .", head=((13, 19),), tail=((0, 3),))


def test_relations_of_any_script_and_with_dollars_are_drawn_as_they_stand() -> None:
    shares = np.array([[0.1, 0.9], [0.2, 0.3]], dtype=np.float32)
    svg = inline_svg(training_figures.learned_by_relation(shares, ["$a$ <b>", "出生地"]), "x", "a \\1 b")
    assert "$a$ &lt;b&gt;" in svg
    assert "出生地" in svg
    assert 'aria-label="a \\1 b"' in svg


def test_losses_of_long_runs_are_meant_over_windows() -> None:
    losses = np.where(np.arange(6000) % 2 == 0, np.nan, 1.5).astype(np.float32)
    figure = training_figures.pretraining_loss({"mlm": losses})
    drawn = figure.axes[0].lines[0].get_ydata()
    assert len(np.asarray(drawn)) == 120
    assert np.allclose(np.asarray(drawn), 1.5)
