"""Third-party plugins: a complete one, from wheel to run, and broken ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from finecl_cli.main import cli

from tests.end_to_end.conftest import Finecl, Small
from tests.helpers.documents import install, write_examples

_SCORER = """
from dataclasses import dataclass
import numpy as np
from finecl import hookimpl

@dataclass(frozen=True, kw_only=True)
class Broken:
    def score(self, instances, evidence):
        return {answer}

@hookimpl
def noise_scorers():
    return {{"{name}": Broken}}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example plugin of plugins/README.md, built as a wheel and installed in a separate directory."""
    at = tmp_path_factory.mktemp("plugin")
    write_examples(at / "source")
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(at), str(at / "source")]
    subprocess.run(build, check=True, capture_output=True, env=environment)
    (wheel,) = at.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(at / "site")]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, env=environment)
    return at / "site"


def unwrapped(text: str) -> str:
    """Joins wrapped lines; help texts are also wrapped at hyphens."""
    return "".join(text.split())


def test_an_installed_plugin_is_listed_with_its_settings(installed: Path, finecl_process: Finecl) -> None:
    result = finecl_process("plugins", "--json", PYTHONPATH=installed)
    assert result.code == 0, result.err
    listed = json.loads(result.out)
    assert listed["faults"] == []
    (row,) = [part for part in listed["parts"] if part["name"] == "pair-rarity"]
    assert row["plugin"] == "pair-rarity"
    assert row["version"] == "0.1"
    assert row["kind"] == "scorer"
    assert row["settings"] == {"prior": 1.0}
    assert row["about"].startswith("Noise = -log")
    assert "pair-rarity" in unwrapped(finecl_process("train", "--help", PYTHONPATH=installed).out)
    assert "pair-rarity" not in unwrapped(finecl_process("train", "--help").out)


def test_an_installed_plugin_scores_a_run(
    installed: Path, small: Small, finished_run: Path, tmp_path: Path, finecl_process: Finecl
) -> None:
    arguments = [*small.arguments(tmp_path / "run", scorer__prior=2), "--scorer", "pair-rarity"]
    result = finecl_process(*arguments, PYTHONPATH=installed)
    assert result.code == 0, result.err
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["score"]["scorer"] == "pair-rarity"
    assert metrics["score"]["scorer_settings"] == {"prior": 2.0}
    actual, expected = (pq.read_table(at / "scores.parquet") for at in (tmp_path / "run", finished_run))
    assert actual["uid"].equals(expected["uid"])
    assert not np.array_equal(actual["noise"], expected["noise"])
    assert "no scorer is called 'pair-rarity'" in finecl_process(*arguments).error_line()


def test_only_requested_plugins_are_loaded(installed: Path, finecl_process: Finecl) -> None:
    result = finecl_process("plugins", "--json", PYTHONPATH=installed, FINECL_PLUGINS="pair-rarity")
    assert {part["plugin"] for part in json.loads(result.out)["parts"]} == {"pair-rarity"}
    result = finecl_process("plugins", FINECL_PLUGINS="nobody")
    assert "FINECL_PLUGINS names the plugin 'nobody'" in result.error_line()


Plug = Callable[..., None]


@pytest.fixture
def plug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plug]:
    """Installs a module with this text as a plugin."""
    before = set(sys.modules)
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def put(text: str, name: str = "broken") -> None:
        (site / f"{name}_plugin.py").write_text(text)
        install(site, name, {name: f"{name}_plugin"})

    cli.commands.clear()
    yield put
    cli.commands.clear()
    for name in set(sys.modules) - before:
        if name.endswith("_plugin"):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("import nobody_has_this", "plugin 'broken' was left out: ModuleNotFoundError: No module named 'nobody_has"),
        ("x = (", "plugin 'broken' was left out: SyntaxError: "),
        (
            "from finecl import hookimpl\n@hookimpl\ndef noise_scorer():\n    return {}",
            "plugin 'broken' was left out: unknown hook 'noise_scorer'",
        ),
        (
            "from finecl import hookimpl\n@hookimpl\ndef noise_scorers():\n    raise OSError('no\\nfile')",
            "plugin 'broken' was left out: OSError: no file",
        ),
        (
            "from finecl import hookimpl\n@hookimpl\ndef commands(cli):\n    raise ValueError('no command')",
            "plugin 'broken' was left out: ValueError: no command",
        ),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named_and_the_others_work(
    text: str, fault: str, plug: Plug, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    plug(text)
    result = finecl("plugins", "--json")
    assert result.code == 0, result.err
    listed = json.loads(result.out)
    assert "learning-order" in {part["name"] for part in listed["parts"]}
    if "commands" in text:
        assert "Commands:" in finecl("--help").out
        return
    (line,) = listed["faults"]
    assert fault in line
    assert finecl("plugins").err == f"finecl: {line}\n"
    arguments = [argument for argument in small.arguments(tmp_path / "run") if argument != "--quiet"]
    result = finecl(*arguments, "--stop-after", "score")
    assert result.code == 0, result.err
    assert [told_line for told_line in result.err.splitlines() if fault in told_line]
    assert fault in finecl(*small.arguments(tmp_path / "other"), "--scorer", "broken").error_line()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("np.full(len(instances), np.nan)", "scorer 'broken' must return numbers (+inf for never clean), got NaN"),
        ("np.zeros(3)", "scorer 'broken' must return one number for each of "),
        ("np.zeros((len(instances), 1))", "scorer 'broken' must return one number for each of "),
        ("None", "scorer 'broken' must return one number for each of "),
        ("['a'] * len(instances)", "scorer 'broken' must return numbers"),
    ],
)
def test_a_scorer_that_breaks_its_contract_is_named(
    answer: str, message: str, plug: Plug, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    plug(_SCORER.format(answer=answer, name="broken"))
    complaint = finecl(*small.arguments(tmp_path / "run"), "--scorer", "broken").error_line()
    assert message in complaint
    assert not (tmp_path / "run" / "scores.parquet").exists()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("-np.ones_like(noise)", "must return finite weights >= 0"),
        ("noise * np.inf", "must return finite weights >= 0"),
        ("noise[:1]", "got float32 of shape (1,)"),
        ("['heavy'] * len(noise)", "got <U5 of shape"),
        ("None", "got object of shape ()"),
        ("noise.argsort().argsort()", "gives a noisier instance more weight than a cleaner one"),
    ],
)
def test_a_weighting_that_breaks_its_contract_is_named(
    answer: str, message: str, plug: Plug, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    text = _SCORER.replace("score(self, instances, evidence)", "weigh(self, noise)").replace(
        "noise_scorers", "weightings"
    )
    plug(text.format(answer=answer, name="broken").replace("    def weigh", "    unscored = 1.0\n    def weigh"))
    arguments = [*small.arguments(tmp_path / "run", scorer__floor=1.0), "--weighting", "broken"]
    complaint = finecl(*arguments).error_line()
    assert "weighting 'broken'" in complaint
    assert message in complaint


def test_a_changed_plugin_scores_again_and_an_unchanged_one_does_not(
    small: Small, tmp_path: Path, finecl_process: Finecl
) -> None:
    site, run = tmp_path / "site", tmp_path / "run"
    site.mkdir()
    install(site, "mine", {"mine": "mine_plugin"})
    arguments = [argument for argument in small.arguments(run) if argument != "--quiet"]

    def noise(answer: str) -> tuple[str, list[float]]:
        (site / "mine_plugin.py").write_text(_SCORER.format(answer=answer, name="mine"))
        result = finecl_process(
            *arguments, "--scorer", "mine", "--stop-after", "score", PYTHONPATH=site, FINECL_CACHE=tmp_path
        )
        assert result.code == 0, result.err
        return result.err, pq.read_table(run / "scores.parquet")["noise"].to_pylist()

    messages, first = noise("np.arange(len(instances))")
    assert "evidence found" not in messages
    messages, second = noise("np.arange(len(instances))")
    assert "score: finished before" in messages
    messages, third = noise("np.arange(len(instances))[::-1]")
    assert "score: finished before" not in messages
    assert "evidence found" in messages  # the proxy's code is the same
    assert first == second == third[::-1]


def test_two_plugins_with_the_same_name_are_both_named(
    plug: Plug, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    plug(_SCORER.format(answer="0", name="learning-order"))
    complaint = "the scorer 'learning-order' is provided by two plugins: 'broken' and 'learning-order'"
    assert finecl("plugins").error_line() == complaint
    assert finecl(*small.arguments(tmp_path / "run")).error_line() == complaint


def test_a_hook_that_returns_no_mapping_is_named(plug: Plug, finecl: Finecl) -> None:
    plug("from finecl import hookimpl\n@hookimpl\ndef formats():\n    return ['jsonl']")
    complaint = finecl("plugins").error_line()
    assert complaint == "plugin 'broken': formats() must return a mapping of names, not list"


def test_a_command_cannot_replace_a_command_of_finecl(plug: Plug, finecl: Finecl) -> None:
    command = "    @cli.command('train')\n    def train(): print('mine')"
    plug(f"from finecl import hookimpl\n@hookimpl\ndef commands(cli):\n{command}")
    assert "--scorer" in finecl("train", "--help").out
    assert finecl("--help").out.count("\n  train ") == 1


_OBJECTIVE = """
from dataclasses import dataclass
from finecl import hookimpl
from finecl.types import Method

@dataclass(frozen=True, kw_only=True)
class Sentences:
    anchors, candidates = "query", "entity"
    sampling = "{sampling}"

@hookimpl
def objectives():
    return {{"sentences": Sentences}}

@hookimpl
def methods():
    return {{"ours": Method(scorer=None, weighting="uniform", objectives=((1.0, "sentences"),), input_format="{text}")}}
"""


def test_parts_that_marked_sentences_do_not_support_are_refused_before_training(
    plug: Plug, small: Small, tmp_path: Path, finecl: Finecl
) -> None:
    plug(_OBJECTIVE.format(sampling="documents", text="marked-sentences"))
    message = "objective 'sentences' contrasts the entities of a document, of which a marked sentence has two"
    assert message in finecl(*small.arguments(tmp_path / "run"), "--method", "ours").error_line()
    assert not (tmp_path / "run" / "scores.parquet").exists()
