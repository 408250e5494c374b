"""The option ``--log-level``: messages of finecl and of the libraries that it uses, on stderr."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import click

LEVELS = ("debug", "info", "warning", "error")


def log_level_option(command: Any) -> Any:
    """Adds the option ``--log-level``, which takes effect as it is read."""
    return click.option(
        "--log-level",
        type=click.Choice(LEVELS),
        expose_value=False,
        is_eager=True,
        callback=_set_level,
        help="Log messages of at least this level to stderr, those of libraries too.  [default: warning]",
    )(command)


def _set_level(context: click.Context, parameter: click.Parameter, level: str | None) -> None:
    if level is None:
        return
    # transformers sets up its own logger; it reads this variable when it is imported.
    os.environ["TRANSFORMERS_VERBOSITY"] = level
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True
    )
