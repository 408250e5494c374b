"""Hooks that a plugin may implement; see plugins/README.md.

Each hook, except ``commands``, returns a mapping of names to factories (``methods``: to ``Method`` records). The
keyword-only parameters of a factory are its settings; most factories are frozen keyword-only dataclasses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import click

    from finecl.types import (
        Extractors,
        Formats,
        Labelers,
        LabelModels,
        Methods,
        Objectives,
        Recognisers,
        Scorers,
        Weightings,
    )

PROJECT = "finecl"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def noise_scorers() -> Scorers:  # type: ignore[empty-body]
    """Returns noise scorers by name; they estimate which silver labels are wrong."""


@hookspec
def weightings() -> Weightings:  # type: ignore[empty-body]
    """Returns weightings by name; they map an instance's noise to its loss weight."""


@hookspec
def objectives() -> Objectives:  # type: ignore[empty-body]
    """Returns contrastive objectives by name; they define the positive and negative pairs and the loss."""


@hookspec
def methods() -> Methods:  # type: ignore[empty-body]
    """Returns published methods by name; each lists its parts and settings."""


@hookspec
def extractors() -> Extractors:  # type: ignore[empty-body]
    """Returns extractors by name; they predict the relations between the entities of a text."""


@hookspec
def formats() -> Formats:  # type: ignore[empty-body]
    """Returns file formats by name; they read and write documents."""


@hookspec
def recognisers() -> Recognisers:  # type: ignore[empty-body]
    """Returns recognisers by name; they find named entities in raw text."""


@hookspec
def labelers() -> Labelers:  # type: ignore[empty-body]
    """Returns labelers by name; each votes on the relations of entity pairs."""


@hookspec
def label_models() -> LabelModels:  # type: ignore[empty-body]
    """Returns label models by name; they combine the votes of several labelers."""


@hookspec
def commands(cli: click.Group) -> None:
    """Adds commands to the ``finecl`` command line."""
