"""Errors that a user can fix. Each is shown as one line, without a traceback; bugs keep their traceback."""

from __future__ import annotations

import signal


class FineCLError(Exception):
    """Base of all errors that a user can fix. Messages give the expected and the actual value, the place and a fix.

    ``exit_code`` is the exit code of the command. ``on_all_ranks`` means that every rank raises the error, so that
    one rank prints it.
    """

    exit_code = 2
    on_all_ranks = False


class FormatError(FineCLError):
    """A data file is invalid; the message names the file, the document or line, and the field."""


class PluginError(FineCLError):
    """A plugin breaks its contract, or no plugin provides the requested name or setting."""


class SettingsError(FineCLError):
    """A setting is unknown, of the wrong type, or out of range."""


class ModelError(FineCLError):
    """An encoder is missing, unreadable or fails verification."""


class TrainingError(FineCLError):
    """Training cannot continue: the loss is not finite, or there is no training data."""


class NothingToDrawError(TrainingError):
    """A method does not apply to the data, because they hold no pairs that its objectives can contrast."""


class StoppedError(BaseException):
    """A signal stopped the run; ``exit_code`` is 128 + the signal's number, as in shells.

    Like ``KeyboardInterrupt`` it is no ``Exception``, so that code which handles all of these does not swallow it.
    """

    on_all_ranks = True

    def __init__(self, number: int, where: str) -> None:
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        super().__init__(f"stopped by {name} {where}; run the same command again, or add --resume, to continue")
        self.exit_code = 128 + number
