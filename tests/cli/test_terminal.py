"""Names of strangers reach the terminal as text: no escapes, no bidirectional controls, no markup."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from finecl_cli import signals
from finecl_cli.main import run
from finecl_cli.screen import Screen
from finecl_cli.terminal import console, visible, visible_output

from finecl import hookimpl, registry
from tests.end_to_end.conftest import environment

HOSTILE = "a\x1b[2Jb\x07c\x9bd\u202ee\u2066f\u2028g\ud800h\ri"
SHOWN = r"a\x1b[2Jb\x07c\x9bd\u202ee\u2066f\u2028g\ud800h\ri"


def test_controls_become_escapes_and_other_text_stays() -> None:
    assert visible(HOSTILE) == SHOWN
    for text in ("Zoë\tmet\n日本 🙂 e\u0301 \u05e9\u05dc", ""):
        assert visible(text) == text


def test_what_commands_print_is_visible(capsys: pytest.CaptureFixture[str]) -> None:
    with visible_output():
        click.echo(HOSTILE)
        click.echo(HOSTILE, err=True)
        print(HOSTILE)
        console().print(HOSTILE, soft_wrap=True)
        with Screen() as screen:
            screen.note(HOSTILE)
            screen.begin(HOSTILE, 1, "documents")
            screen.advance(1, f"[/bold]{HOSTILE}")
    out, err = capsys.readouterr()
    assert visible(out) == out
    assert visible(err) == err
    assert SHOWN in out  # click and rich leave some controls out themselves
    assert out.count(r"\u202ee\u2066f\u2028g\ud800h") == 3
    assert err.count(r"\u202ee\u2066f\u2028g\ud800h") == 4
    assert "[/bold]" in err


def test_an_error_with_a_hostile_name_is_visible(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "no\x1b[31mrun\u202e"]) == 2
    err = capsys.readouterr().err
    assert r"run\u202e" in err
    assert "\x1b" not in err


def test_markup_in_a_default_does_not_stop_the_list_of_plugins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Mine:
        @hookimpl
        def weightings(self) -> dict[str, object]:
            def mine(*, closing: str = "[/red]\x1b[31m") -> None:
                """Weighs."""

            return {"mine": mine}

    def load() -> registry.Registry:
        loaded = registry.Registry()
        loaded.register(Mine(), name="[bold]mine[/italic]")
        return loaded

    monkeypatch.setattr(registry, "load", load)
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["plugins"]) == 0
    out = capsys.readouterr().out
    assert r"closing = [/red]\x1b[31m" in out
    assert "[bold]mine[/italic]" in out
    assert run(["plugins", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parts"][0]["plugin"] == "[bold]mine[/italic]"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_modules_are_imported_ends_with_one_line(number: int, code: int, tmp_path: Path) -> None:
    slow = tmp_path / "torch" / "__init__.py"  # takes the place of torch, and turns interruptions into other errors
    slow.parent.mkdir()
    slow.write_text(
        "import sys, time\n"
        "print('importing', flush=True)\n"
        "try:\n"
        "    time.sleep(30)\n"
        "except BaseException as error:\n"
        "    raise RuntimeError('cannot import') from error\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    process = subprocess.Popen(
        [sys.executable, "-m", "finecl_cli", "train", "--output-dir", str(tmp_path / "run")],
        env=environment(PYTHONPATH=path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert len(err.splitlines()) == 1
    assert err.startswith("finecl: stopped by ")


def test_a_signal_outside_of_imports_is_an_exception() -> None:
    assert not signals._importing(sys._getframe())
    with pytest.raises(KeyboardInterrupt):
        signals._stop(signal.SIGINT, None)
