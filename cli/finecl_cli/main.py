"""The command group, loaded a command at a time, and what becomes of errors.

Exit codes: 0 done, 2 the user can mend it (one line says how), 130 stopped by Ctrl-C, 143 by SIGTERM. Bugs keep
their traceback.
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
from finecl.errors import FineCLError

COMMANDS = {
    "train": "Score, weigh, pre-train, fine-tune, evaluate and report, in one go.",
    "score": "Score and weigh the silver labels: the first stage of a run.",
    "pretrain": "Pre-train the encoder of a scored run.",
    "finetune": "Fine-tune extractors on the encoder of a run.",
    "evaluate": "Evaluate the extractors of a run, or files of predictions.",
    "report": "Write the report of a run or a suite, and its figures as files.",
    "review": "Let people judge silver labels, and put their verdicts into the scores.",
    "predict": "Extract triples from documents or raw text with a fine-tuned extractor.",
    "export": "Write an extractor as ONNX.",
    "compare-orders": "Compare what two proxies learned when: the Jaccard curve of their learned sets.",
    "data": "Convert, check, count, split, label and corrupt your own data.",
    "benchmark": "Run suites and tasks, and measure scorers, speed and memory.",
    "plugins": "List every part that the installed plugins bring.",
}


# What a disk answers that is full, protected, or holds something else at this place.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


class Commands(click.Group):
    """Imports a command's module only when that command is asked for: help stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands."""
        self._take_plugin_commands()
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One command."""
        if cmd_name in COMMANDS:
            module = importlib.import_module(f"finecl_cli.commands.{cmd_name.replace('-', '_')}")
            command: click.Command = module.command
            return command
        self._take_plugin_commands()
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        self._take_plugin_commands()
        others = {name: command.get_short_help_str() for name, command in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl(list((COMMANDS | others).items()))

    def _take_plugin_commands(self) -> None:
        from finecl import registry

        if not self.commands:
            registry.load().add_commands(self)
            for name in COMMANDS:  # finecl's own are not to be replaced
                self.commands.pop(name, None)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(finecl.__version__, prog_name="finecl")
def cli() -> None:
    """Learn which silver labels to trust, then pre-train a relation encoder with them."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and ends the process with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    code = run(arguments)
    if "torch.distributed" in sys.modules:
        from finecl.distributed.process_group import shutdown

        shutdown()
    sys.exit(code)


def _terminate(number: int, _frame: Any) -> None:
    """Outside training loops, which write a checkpoint first."""
    from finecl.errors import StoppedError

    raise StoppedError(number, "between checkpoints; finished stages are kept")


def run(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = cli.main(given or ["--help"], prog_name="finecl", standalone_mode=False)
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "finecl"
        return _tell(f"{error.format_message()} See: {command} --help")
    except FineCLError as error:
        if _speaks() or not error.on_all_ranks:
            _tell(str(error))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _tell("stopped; finished stages are kept: the same command, or --resume, goes on")
        return 130
    except OSError as error:
        if error.errno not in _DISK:
            raise
        return _tell(f"cannot write {error.filename or 'a file'}: {error.strerror}; nothing was half-written")
    except RuntimeError as error:
        from finecl.distributed.process_group import lost_a_peer

        if not lost_a_peer(error):
            raise
        return _wait_for_the_end()
    return code if isinstance(code, int) else 0  # a command that leaves by its context returns its code


def _wait_for_the_end() -> int:
    """Another rank has failed and says why: its exit code is to be the first that the launcher sees."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(20)
    return _tell("another rank ended; its own error says why")


def _speaks() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _tell(message: Any) -> int:
    rank = "" if _speaks() else f" rank {os.environ['RANK']}:"
    line = " ".join(str(message).split()).encode("utf-8", "backslashreplace").decode()
    click.echo(f"finecl:{rank} {line}", err=True)
    return 2
