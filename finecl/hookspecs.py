"""The questions that finecl asks of every plugin. A plugin answers those it can; see plugins/README.md.

Each hook returns a mapping of names to factories. A factory's keyword-only parameters are its settings: a frozen
keyword-only dataclass is the usual way to write one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from finecl.types import Extractors, Formats, Methods, Objectives, Scorers, Weightings

PROJECT = "finecl"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def noise_scorers() -> Scorers:  # type: ignore[empty-body]
    """Noise scorers by name: which silver labels are likely wrong?"""


@hookspec
def weightings() -> Weightings:  # type: ignore[empty-body]
    """Weightings by name: how much does an instance of this noise count?"""


@hookspec
def objectives() -> Objectives:  # type: ignore[empty-body]
    """Contrastive objectives by name: which representations should be near, which far?"""


@hookspec
def methods() -> Methods:  # type: ignore[empty-body]
    """Published recipes by name: which parts make up this method?"""


@hookspec
def extractors() -> Extractors:  # type: ignore[empty-body]
    """Extractors by name: which relation do two entities of a text stand in?"""


@hookspec
def formats() -> Formats:  # type: ignore[empty-body]
    """File formats by name: how are documents read and written?"""


@hookspec
def commands(cli: click.Group) -> None:
    """Adds commands to the ``finecl`` command line."""
