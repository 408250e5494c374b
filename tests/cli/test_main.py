"""Tests of the command line: options map to settings, errors are one line, run directories have default names."""

from __future__ import annotations

import errno
import io
import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from finecl_cli import main as cli_main
from finecl_cli.main import COMMANDS, run
from finecl_cli.options import default_directory, settings_of
from finecl_cli.running import _NEXT
from finecl_cli.screen import Screen, _columns, show_metrics
from rich.console import Console
from rich.progress import Progress, ProgressSample

import finecl
from finecl.artifacts.run_directory import STAGES
from finecl.config.resolve import resolve
from finecl.config.schema import Settings
from finecl.errors import FineCLError

OPTIONS: dict[str, Any] = {"assignments": ()}


@pytest.mark.parametrize(
    ("option", "value", "path"),
    [
        ("data", "mine", "data.name"),
        ("silver", "a.json", "data.silver"),
        ("gold_train", "b.json", "data.train"),
        ("gold_dev", "b.json", "data.dev"),
        ("gold_test", "b.json", "data.test"),
        ("model", "bert", "model.name"),
        ("method", "erica", "method"),
        ("scorer", "x", "scorer.name"),
        ("weighting", "x", "weighting.name"),
        ("seed", 7, "seed"),
    ],
)
def test_an_option_is_a_setting(option: str, value: object, path: str) -> None:
    settings: Any = settings_of(OPTIONS | {option: value})
    for name in path.split("."):
        settings = settings[name] if isinstance(settings, dict) else getattr(settings, name)
    assert settings == value


def test_set_wins_over_options_and_those_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("seed = 1\n[pretrain]\nmax_steps = 5\n")
    options = {"config": file, "seed": 2}
    assert settings_of(OPTIONS | options).seed == 2
    assert settings_of(OPTIONS | options).pretrain.max_steps == 5
    assert settings_of({"assignments": ("seed=3",), **options}).seed == 3


def test_the_default_directory_names_data_parts_and_seed() -> None:
    assert default_directory(Settings()) == Path("runs/demo-finecl-seed42")
    settings = resolve(assignments=["data.silver=x/train_distant.json", "scorer.name=aum", "seed=7"])
    assert default_directory(settings) == Path("runs/train_distant-finecl-aum-seed7")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)
    for name in COMMANDS:
        assert run([name, "--help"]) == 0
    assert run(["--version"]) == 0
    assert finecl.__version__ in capsys.readouterr().out


def test_every_listed_command_can_be_imported() -> None:
    """``finecl --help`` prints its own texts, so that it need not import the commands."""
    group = cli_main.cli
    with click.Context(group) as context:
        for name in COMMANDS:
            command = group.get_command(context, name)
            assert command is not None
            assert command.name == name
            assert command.help


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (FineCLError("two\n  lines"), 2, "finecl: two lines"),
        (KeyboardInterrupt(), 130, "finecl: stopped; finished stages are kept"),
        (click.Abort(), 130, "finecl: stopped"),
        (OSError(errno.ENOSPC, "No space left on device", "a.json"), 2, "finecl: cannot write a.json: No space left"),
        (PermissionError(errno.EACCES, "Permission denied", "b"), 2, "finecl: cannot write b: Permission denied"),
        (click.UsageError("nonsense"), 2, "finecl: nonsense See: finecl --help"),
    ],
)
def test_errors_a_user_can_fix_are_one_line(
    raised: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(cli_main.cli, "main", fail)
    assert run(["train"]) == code
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(line)


@pytest.mark.parametrize("bug", [ValueError("a bug"), OSError(errno.EPIPE, "Broken pipe")])
def test_bugs_keep_their_traceback(bug: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise bug

    monkeypatch.setattr(cli_main.cli, "main", fail)
    with pytest.raises(type(bug)):
        run(["train"])


def test_main_exits_with_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["finecl", "train", "--nonsense"])
    with pytest.raises(SystemExit, match="2"):
        cli_main.main()


def test_plugins_are_listed_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plugins", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    by_name = {(part["kind"], part["name"]): part for part in listed["parts"]}
    assert by_name["scorer", "learning-order"]["settings"]["epochs"] == 15
    assert by_name["method", "erica"]["about"]
    assert all(part["plugin"] and part["version"] and part["about"] for part in listed["parts"])
    assert run(["plugins"]) == 0
    assert "learning-order" in capsys.readouterr().out


def test_notes_stay_one_line_and_keep_their_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    note = "scorer 'x' must return [N] numbers; [/oops] " + "long " * 40
    with Screen() as screen:
        screen.note(note)
        screen.begin("proxy", 2, "documents")
        screen.advance(2, "loss [1, 2]")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].rstrip() == f"- {note}".rstrip()
    assert lines[1] == "proxy: 2 documents"
    assert "loss [1, 2]" in lines[2]


@pytest.mark.parametrize("width", [46, 80, 120])
def test_bars_keep_their_name_and_the_time_left(width: int) -> None:
    text = io.StringIO()
    terminal = Console(file=text, width=width, force_terminal=True, color_system=None)
    with Progress(*_columns(width), console=terminal, auto_refresh=False) as progress:
        task = progress.add_task("pre-training", total=123_456, unit="documents", figures="loss 1.234 and more")
        progress.advance(task, 61_728)
        progress.tasks[0]._progress.clear()
        progress.tasks[0]._progress.extend(ProgressSample(progress.get_time() - 10 + at, 10) for at in range(10))
        progress.refresh()
    line = next(line for line in reversed(text.getvalue().splitlines()) if "pre-training" in line)
    assert "61728/123456" in line
    assert re.search(r"1:42:5\d", line), line  # 61,728 documents at 10 a second
    assert len(re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", line).strip("\r")) <= width


def test_a_quiet_screen_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(quiet=True) as screen:
        screen.begin("proxy", 1, "documents")
        screen.note("something")
        screen.advance(1)
    assert capsys.readouterr().err == ""


def test_only_available_results_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_metrics({}, None)
    assert capsys.readouterr().out == ""
    scores = dict.fromkeys(("f1", "ign_f1", "auc", "macro_f1", "precision", "recall"), 0.5)
    show_metrics({"score": {"noise_auroc": None}, "evaluate": {"plain": scores}}, "runs/[x]/report.html")
    out = capsys.readouterr().out
    assert "50.00" in out
    assert "gain over" not in out
    assert out.endswith("report: runs/[x]/report.html\n")


def test_every_stage_is_followed_by_commands_that_exist() -> None:
    assert set(_NEXT) == set(STAGES)
    for line in (command for commands in _NEXT.values() for command in commands):
        program, name, *_ = line.split()
        assert program == "finecl"
        assert name in COMMANDS, line
