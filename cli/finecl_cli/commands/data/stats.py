"""``finecl data stats``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from finecl_cli.commands.data.common import FILE, desk, reading_options, tell


@click.command("stats")
@click.argument("files", type=FILE, nargs=-1, required=True)
@reading_options
@click.option("--tokenizer", metavar="NAME|DIR", help="Also lengths in sub-words: 'minilm', a hub name or a directory.")
@click.option("--max-length", type=click.IntRange(min=3), default=512, show_default=True, help="What truncation keeps.")
def command(
    files: tuple[Path, ...], format_: str, tokenizer: str | None, max_length: int, quiet: bool, as_json: bool
) -> None:
    """Count what FILES hold: entities, labels by relation and types, lengths, and pairs that they share."""
    from finecl.data.stats import load_tokenizer, overlap, stats

    document_tokenizer = load_tokenizer(tokenizer, max_length) if tokenizer else None
    with desk(format_, quiet) as at:
        sources = {str(file): at.source(file) for file in files}
        told: dict[str, Any] = {name: stats(source, document_tokenizer) for name, source in sources.items()}
        if len(sources) > 1:
            told["shared_entity_pairs"] = overlap(sources)
    tell(told, as_json=as_json)
