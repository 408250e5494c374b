"""What can go wrong by the user's hand. Each is shown as one line, without a traceback; bugs keep theirs."""

from __future__ import annotations

import signal


class FineCLError(Exception):
    """A fault that its reader can mend: the message says what was expected, what came, where, and what to do.

    ``exit_code`` is that of the command; ``on_all_ranks`` says that every rank raises it, so that one need tell.
    """

    exit_code = 2
    on_all_ranks = False


class FormatError(FineCLError):
    """A data file breaks its format: names the file, the document or line, and the field."""


class PluginError(FineCLError):
    """A plugin, or a name or setting asked of one, does not fit the contract."""


class SettingsError(FineCLError):
    """A setting is unknown, of the wrong type, or out of range."""


class ModelError(FineCLError):
    """An encoder cannot be found, read or verified."""


class TrainingError(FineCLError):
    """Training cannot go on: the loss is not a number, or nothing is there to learn from."""


class NothingToDrawError(TrainingError):
    """A method does not apply to the data: they hold nothing of what it contrasts."""


class StoppedError(FineCLError):
    """A signal ended the run; ``exit_code`` is 128 + its number, as shells have it."""

    on_all_ranks = True

    def __init__(self, number: int, where: str) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(f"stopped by {name} {where}; the same command, or --resume, goes on")
        self.exit_code = 128 + number
