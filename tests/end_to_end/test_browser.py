"""The report in a real browser, from disk: without errors, at any width, light and dark; table and review page work."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from finecl_benchmarks.record import RESULTS
from finecl_benchmarks.report_speed import chromium_of

from finecl.report.page import write_report
from finecl.review.exchange import read_answers
from tests.end_to_end.conftest import Finecl
from tests.report.test_page import FakeCorpus, metrics


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'finecl[test]'")
    with sync.sync_playwright() as driver:
        path = chromium_of(driver)
        if path is None:
            pytest.skip("no Chromium is installed; `playwright install chromium` brings one")
        opened = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens a page with a colour scheme, and fails on errors or warnings in the console."""
    contexts, messages = [], []

    def call(path: Path, width: int = 1280, scheme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: messages.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield call
    for context in contexts:
        context.close()
    assert messages == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_fits_and_has_no_error(width: int, scheme: str, finished_run: Path, opened: Any) -> None:
    page = opened(finished_run / "report.html", width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
    assert page.locator("#labels-rows tr").count() == 25
    assert page.locator("figure svg").count() >= 6
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_of_a_suite_fits_and_has_no_error(
    width: int, scheme: str, tmp_path: Path, finecl: Finecl, opened: Any
) -> None:
    experiments = json.loads((RESULTS / "suite-cpu.json").read_text(encoding="utf-8"))["cells"]
    (tmp_path / "cells").mkdir()
    for number, cell in enumerate(experiments):
        (tmp_path / "cells" / f"{number}.json").write_text(json.dumps(cell))
    assert finecl("report", tmp_path).code == 0
    page = opened(tmp_path / "report.html", width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    assert page.locator("figure svg").count() == 8  # methods on two tasks at three fractions, and one curve per task
    assert page.locator("h3", has_text="semeval, 10 % of the training data").count() == 1


def violations(page: Any) -> list[str]:
    """Returns the rules of axe-core that a page breaks, with all its details open; skips if axe is not installed."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe: pip install 'finecl[test]'")
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    return [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in axe.Axe().run(page).response["violations"]]


def test_the_navigation_and_the_heads_of_tables_stay_in_view(finished_run: Path, opened: Any) -> None:
    page = opened(finished_run / "report.html")
    page.click("nav a[href='#figures']")
    assert page.evaluate("document.querySelector('#figures h2').getBoundingClientRect().top") < 200
    assert page.evaluate("document.querySelector('nav').getBoundingClientRect().top") == 0
    page.locator("#labels-rows tr").nth(9).evaluate("row => row.scrollIntoView()")
    bottom = page.evaluate("document.querySelector('nav').getBoundingClientRect().bottom")
    top = page.evaluate("document.querySelector('#labels-table th').getBoundingClientRect().top")
    assert abs(top - bottom) < 2
    inner = "#weighting .scroll:last-of-type"
    page.locator(inner).evaluate("box => { box.style.maxHeight = '100px'; box.scrollTop = 60; }")
    tops = page.locator(inner).evaluate("box => [box, box.querySelector('th')].map(e => e.getBoundingClientRect().top)")
    assert abs(tops[0] - tops[1]) < 2


def test_labels_are_judged_by_keyboard_alone(finished_run: Path, opened: Any) -> None:
    page = opened(finished_run / "report.html")
    page.keyboard.press("Tab")
    seen = set()
    for _ in range(60):
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        if page.evaluate("document.activeElement.className") == "right":
            break
        page.keyboard.press("Tab")
    assert {"A", "labels-show", "labels-relation", "labels-find", "labels-csv"} <= seen
    for expected in ("true", "false", "true"):
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == expected
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert page.inner_text("#labels-save") == "Save 1 verdict"


def test_the_shown_labels_are_downloaded_as_csv(finished_run: Path, tmp_path: Path, opened: Any) -> None:
    page = opened(finished_run / "report.html")
    page.click("button[data-show=random]")
    assert page.input_value("#labels-show") == "random"
    page.locator("#labels-rows button.wrong").first.click()
    with page.expect_download() as download:
        page.click("#labels-csv")
    download.value.save_as(tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    scores = {row["uid"]: row for row in pq.read_table(finished_run / "scores.parquet").to_pylist()}
    assert page.inner_text("#labels-count").startswith(f"{len(rows)} of ")
    assert [row["verdict"] for row in rows] == ["wrong"] + [""] * (len(rows) - 1)
    for row in rows:
        of = scores[row["uid"]]
        truth = "no relation" if of["truth"] == "no_relation" else of["truth"]
        assert (row["relation"], row["truth"], row["drawn"]) == (of["relation"], truth, "random")
        assert float(row["p_wrong"]) == pytest.approx(of["p_wrong"], abs=6e-4)
        assert row["head"]
        assert row["head"] in row["sentence"]
    verdicts, missing = read_answers(tmp_path / "labels.csv", {truth: truth for truth in {r["truth"] for r in rows}})
    assert (verdicts[0].verdict, verdicts[0].drawn, missing) == ("wrong", "random", len(rows) - 1)


def column(page: Any, name: str) -> list[str]:
    texts: list[str] = page.locator(f"#labels-rows td[data-name={name}]").all_inner_texts()
    return texts


def test_labels_are_sorted_and_filtered(finished_run: Path, opened: Any) -> None:
    page = opened(finished_run / "report.html")
    scores = pq.read_table(finished_run / "scores.parquet").to_pylist()
    shares = [float(text.split()[0]) for text in column(page, "wrong")]
    assert shares == sorted(shares, reverse=True)
    page.click("#labels-table th[data-column=rank] button")
    ranks = [int(text) for text in column(page, "rank")]
    assert ranks == sorted(ranks)
    assert ranks[0] == 1
    page.click("#labels-table th[data-column=weight] button")
    heavy = [float(text) for text in column(page, "weight")]
    assert heavy == [round(w, 3) for w in sorted((row["weight"] for row in scores), reverse=True)[:25]]
    page.click("#labels-table th[data-column=weight] button")
    light = [float(text) for text in column(page, "weight")]
    assert light == [round(w, 3) for w in sorted(row["weight"] for row in scores)[:25]]
    assert page.get_attribute("#labels-table th[data-column=weight]", "aria-sort") == "ascending"
    first = page.evaluate("document.querySelector('#labels-rows tr').dataset.uid")
    page.fill("#labels-find", first)
    assert page.locator("#labels-rows tr").count() == 1
    assert page.inner_text("#labels-count").startswith(f"1 of {len(scores)} labels")
    page.fill("#labels-find", "")
    chosen = page.locator("#labels-relation option").nth(1)
    name, value = chosen.inner_text(), chosen.get_attribute("value")
    page.select_option("#labels-relation", value)
    assert set(column(page, "relation")) == {name}
    page.select_option("#labels-relation", "")
    page.select_option("#labels-show", "wrong")
    wrong = sum(row["truth"] != row["relation"] for row in scores)
    assert page.inner_text("#labels-count").startswith(f"{wrong} of ")
    page.select_option("#labels-show", "all")
    page.click("#labels-after")
    assert "page 2 of" in page.inner_text("#labels-count")
    page.locator("#labels-rows button.link").first.click()
    assert "uid " in page.inner_text(".why")


def test_verdicts_from_the_page_are_imported_into_the_run(
    finished_run: Path, tmp_path: Path, opened: Any, finecl: Finecl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINECL_CACHE", str(finished_run.parent / "cache"))
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    page = opened(run / "report.html")
    page.select_option("#labels-show", "random")
    rows = page.locator("#labels-rows tr")
    uids = [rows.nth(number).get_attribute("data-uid") for number in range(3)]
    rows.nth(0).locator("button.right").click()
    rows.nth(1).locator("button.wrong").click()
    rows.nth(1).locator("select").select_option(index=1)
    truth = rows.nth(1).locator("select").input_value()
    rows.nth(2).locator("button.right").click()
    rows.nth(2).locator("button.right").click()  # undone
    assert page.inner_text("#labels-save") == "Save 2 verdicts"
    page.reload()
    assert page.inner_text("#labels-save") == "Save 2 verdicts"  # the browser remembers
    with page.expect_download() as download:
        page.click("#labels-save")
    saved = tmp_path / "verdicts.jsonl"
    download.value.save_as(saved)
    verdicts = [json.loads(line) for line in saved.read_text().splitlines()]
    assert verdicts == [
        {"uid": uids[0], "verdict": "right", "truth": None, "drawn": "random"},
        {"uid": uids[1], "verdict": "wrong", "truth": truth, "drawn": "random"},
    ]
    result = finecl("review", "import", run, saved, "--quiet", "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["random"] == 2


@pytest.mark.slow
def test_a_hundred_thousand_labels_open(tmp_path: Path, opened: Any) -> None:
    """Checks that all are on the page; benchmarks/ measures the time."""
    count = 100_000
    write_many(tmp_path, count)
    page = opened(write_report(tmp_path, FakeCorpus()))  # type: ignore[arg-type]
    assert page.inner_text("#labels-count").startswith("100,000 of 100,000 labels · page 1 of 4000")
    page.click("#labels-table th[data-column=relation] button")
    assert column(page, "relation")[0] == "place of birth"


def write_many(run: Path, count: int) -> None:
    """Writes a run with many labels."""
    number = np.arange(count)
    columns = {
        "uid": [f"{i * 2654435761 % 2**32:08x}{i:08x}" for i in range(count)],
        "document": number,
        "head": number * 0,
        "tail": number * 0 + 1,
        "relation": ["P19" if i % 2 else "P20" for i in range(count)],
        "noise": np.random.default_rng(0).random(count, dtype=np.float32),
        "weight": np.ones(count, dtype=np.float32),
        "learned_batch": number % 16,
        "learned_epoch": number % 16,
        "truth": [("P19", "P20", "NA", None)[i % 4] for i in range(count)],
    }
    pq.write_table(pa.table(columns), run / "scores.parquet")
    (run / "run.json").write_text(json.dumps({"name": "many"}))
    (run / "metrics.json").write_text(json.dumps(metrics()))
