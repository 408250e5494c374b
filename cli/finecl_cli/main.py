"""Command group of finecl: imports commands on demand and turns errors into exit codes.

Exit codes: 0 success; 2 an error the user can fix, shown as one line without a traceback; 130 interrupted by Ctrl-C;
143 terminated by SIGTERM. Bugs keep their traceback.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import time
from typing import Any

import click

import finecl
from finecl.errors import FineCLError, StoppedError
from finecl_cli.help import examples
from finecl_cli.logs import log_level_option
from finecl_cli.signals import install
from finecl_cli.terminal import visible_output

COMMANDS = {
    "train": "Score and weight silver labels, pre-train, fine-tune, evaluate and write the report.",
    "score": "Find the silver labels that are likely wrong; write a table of all labels.",
    "clean": "Write silver documents without the labels that are likely wrong.",
    "pretrain": "Pre-train the encoder of a scored run.",
    "finetune": "Fine-tune extractors on the encoder of a run.",
    "evaluate": "Evaluate the extractors of a run, or score files of predictions.",
    "report": "Write the report of a run or a suite, and its figures as files.",
    "review": "Export silver labels for manual review, and import the verdicts.",
    "predict": "Extract triples from documents or raw text with a fine-tuned extractor.",
    "export": "Export an extractor to ONNX.",
    "compare-orders": "Compare the learning orders of two proxies by Jaccard similarity.",
    "data": "Convert, validate, count, split, label and corrupt your own data.",
    "benchmark": "Run benchmark suites and tasks, and measure scorers, speed and memory.",
    "settings": "List the settings of --set: defaults, ranges and meanings.",
    "plugins": "List all parts of the installed plugins; create and check plugins.",
}


# Errors of a full or protected disk, or of a path that exists as something else.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


class Commands(click.Group):
    """Group that imports a command's module only when it is used, so that ``--help`` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands, those of plugins last."""
        self._add_plugin_commands()
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports and returns a command; None if there is none of this name."""
        if cmd_name in COMMANDS:
            module = importlib.import_module(f"finecl_cli.commands.{cmd_name.replace('-', '_')}")
            command: click.Command = module.command
            return command
        self._add_plugin_commands()
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without importing them."""
        self._add_plugin_commands()
        plugin_commands = {name: command.get_short_help_str() for name, command in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl(list((COMMANDS | plugin_commands).items()))

    def _add_plugin_commands(self) -> None:
        from finecl import registry

        if not self.commands:
            registry.load().add_commands(self)
            for name in COMMANDS:  # plugins cannot replace finecl's own commands
                self.commands.pop(name, None)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "finecl score labels.csv",
        "finecl train --scorer learning-order --weighting exp",
        "finecl settings pretrain",
    ),
)
@log_level_option
@click.version_option(finecl.__version__, prog_name="finecl")
def cli() -> None:
    """Score silver labels by how likely they are noise, and pre-train a relation encoder with the resulting weights."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits the process with its exit code."""
    install()
    code = run(arguments)
    if "torch.distributed" in sys.modules:
        from finecl.distributed.process_group import shutdown

        shutdown()
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns the exit code; all that is printed is visible text."""
    with visible_output():
        return _run(sys.argv[1:] if arguments is None else arguments)


def _run(arguments: list[str]) -> int:
    try:
        code = cli.main(arguments or ["--help"], prog_name="finecl", standalone_mode=False)
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "finecl"
        return _print_error(f"{error.format_message()} See: {command} --help")
    except (FineCLError, StoppedError) as error:
        if _is_main_rank() or not error.on_all_ranks:
            _print_error(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _print_error("stopped; finished stages are kept: run the same command again, or use --resume")
        return 130
    except OSError as error:
        if error.errno not in _DISK:
            raise
        return _print_error(f"cannot write {error.filename or 'a file'}: {error.strerror}; no partial file was left")
    except RuntimeError as error:
        from finecl.distributed.process_group import lost_a_peer

        if not lost_a_peer(error):
            raise
        return _exit_after_peer()
    return code if isinstance(code, int) else 0  # a command that calls ctx.exit returns its code


def _exit_after_peer() -> int:
    """Waits so that the launcher sees the exit code of the rank that failed first; that rank reports the cause."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(20)
    return _print_error("another rank failed; see its error message")


def _is_main_rank() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _print_error(message: Any) -> int:
    """Prints a message as one line on stderr and returns exit code 2."""
    rank = "" if _is_main_rank() else f" rank {os.environ['RANK']}:"
    line = " ".join(str(message).split()).encode("utf-8", "backslashreplace").decode()
    click.echo(f"finecl:{rank} {line}", err=True)
    return 2
