"""Help, settings, completion and logging of the command line."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from finecl_cli.commands.benchmark.suite import _plan_lines
from finecl_cli.main import cli, run
from finecl_cli.numbers import duration, shown
from finecl_cli.settings_list import all_settings

from finecl.config.describe import choices, range_text, settings, value_text
from finecl.config.resolve import resolve
from finecl.config.schema import Settings
from finecl.errors import SettingsError


def commands(group: click.Group = cli, path: tuple[str, ...] = ("finecl",)) -> Iterator[tuple[str, click.Command]]:
    """Yields every command of finecl's own with its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize(("path", "command"), [pytest.param(*pair, id=pair[0]) for pair in commands()])
def test_every_help_ends_with_examples_that_parse(path: str, command: click.Command) -> None:
    lines = (command.epilog or "").splitlines()
    assert lines[:2] == ["\b", "Examples:"], f"{path} has no examples"
    assert lines[2:]
    for line in lines[2:]:
        assert line.startswith(f"  {path}"), line
        inner = command
        words = shlex.split(line)[len(path.split()) :]
        context = click.Context(command)
        while isinstance(inner, click.Group) and words and not words[0].startswith("-"):
            found = inner.get_command(context, words[0])
            assert found is not None, line
            inner, words, context = found, words[1:], click.Context(found)
        inner.make_parser(context).parse_args(list(words))  # raises for an option that does not exist
        required = [p.name for p in inner.params if isinstance(p, click.Argument) and p.required]
        assert len([word for word in words if not word.startswith("-")]) >= len(required), line


def test_options_stand_in_groups(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("train", "score"):
        assert run([name, "--help"]) == 0
        text = capsys.readouterr().out
        headings = ["\nMethod:\n", "\nData and encoder:\n", "\nSettings:\n", "\nTraining:\n", "\nOptions:\n"]
        places = [text.index(heading) for heading in headings]
        assert places == sorted(places)
        assert text.index("--output-dir") > places[-1]
        assert places[1] < text.index("--gold-dev") < places[2]


def test_every_option_of_a_group_exists() -> None:
    for path, command in commands():
        known = {parameter.name for parameter in command.params}
        for names in getattr(command, "groups", {}).values():
            assert set(names) <= known, path


def flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in values.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return result


def test_every_setting_is_listed_with_its_default_and_a_meaning() -> None:
    listed = {setting.key: setting for setting in settings()}
    parts = ("scorer", "weighting", "objective", "extractor")
    defaults = {key: value for key, value in flat(Settings().to_dict()).items() if key not in parts}
    assert {key: setting.default for key, setting in listed.items()} == {
        key: value_text(value) for key, value in defaults.items()
    }
    assert [key for key, setting in listed.items() if not setting.meaning] == []
    assert listed["pretrain.false_negative_threshold"].range == "number from 0.5 to 1 | none"
    assert listed["proxy.loss"].range == "ce | bce"
    assert listed["proxy.folds"].meaning.startswith("trainings for the scorers")


def test_listed_defaults_can_be_set() -> None:
    for setting in settings():
        if setting.default != "-" and setting.key not in ("preset", "compat"):
            resolve(assignments=[f"{setting.key}={setting.default}"])


def test_settings_of_parts_name_their_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["settings", "scorer.floor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("# scorer learning-order: ")
    assert lines[1] == "scorer.floor = 0.5  [number from 0 to 1]"
    assert run(["settings", "--json"]) == 0
    keys = [row["key"] for row in json.loads(capsys.readouterr().out)]
    assert {"seed", "data.demo.noise", "scorer.name", "objective.relation-discrimination.mate"} <= set(keys)
    assert len(keys) == len(all_settings())
    assert run(["settings", "pretrain.max_step"]) == 0
    capsys.readouterr()
    assert run(["settings", "pretrian"]) == 2
    assert "no setting begins with 'pretrian'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hint", "text"),
    [(bool, "true | false"), (str, "text"), (str | None, "text | none"), (tuple[str, ...], "list of text")],
)
def test_ranges_are_words(hint: object, text: str) -> None:
    assert range_text(hint) == text
    assert choices(int) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("finecl train --scorer lea", ["learning-order"]),
        ("finecl score --weighting ex", ["exp"]),
        ("finecl train --preset s", ["silver", "small"]),
        ("finecl train --set proxy.los", ["proxy.loss="]),
        ("finecl train --set proxy.loss=", ["proxy.loss=bce", "proxy.loss=ce"]),
        ("finecl settings save.", ["save.save_steps", "save.save_total_limit"]),
    ],
)
def test_values_are_completed(words: str, expected: list[str]) -> None:
    variables = {"_FINECL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "finecl_cli"], env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert sorted(line.partition(",")[2] for line in done.stdout.split()) == expected, done.stderr


@pytest.mark.parametrize("place", ["before", "after"])
def test_the_log_level_is_that_of_all_libraries(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    option, command = ["--log-level", "info"], ["settings", "seed"]
    try:
        assert run([*option, *command] if place == "before" else ["score", *option, "--help"]) == 0
        if place == "before":
            logging.getLogger("finecl.pipeline.run").info("stage %s", "score")
            assert "INFO finecl.pipeline.run: stage score" in capsys.readouterr().err
        assert run(["--log-level", "loud", *command]) == 2
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
        os.environ.pop("TRANSFORMERS_VERBOSITY", None)


def test_numbers_are_formatted() -> None:
    values = (779.1455180869725, 0.000123456, 12345, 12345.6, None, "", "x", 0.5)
    assert [shown(value) for value in values] == ["779.1", "0.0001235", "12,345", "12,346", "-", "-", "x", "0.5"]
    assert [duration(seconds) for seconds in (42, 779.14, 9000, 200_000)] == ["42 s", "13 min", "2.5 h", "2.3 days"]
    planned = {"by_kind": {"run": 9}, "runs": 9, "seconds_left": None, "seconds": 779.1455180869725, "memory_gb": 1.234}
    assert _plan_lines(planned) == ["by kind: 9 run", "runs: 9", "time: 13 min", "memory: 1.2 GB"]


def test_nothing_is_cut_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plugins"]) == 0
    out = capsys.readouterr().out
    assert "…" not in out
    assert "relation-discrimination" in out
    assert not re.search(r"= None\b", out)


def test_an_unknown_key_is_still_refused() -> None:
    with pytest.raises(SettingsError, match=r"did you mean 'proxy\.loss'"):
        resolve(assignments=["proxy.los=ce"])
