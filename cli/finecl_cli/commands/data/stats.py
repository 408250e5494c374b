"""``finecl data stats``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from finecl_cli.commands.data.common import FILE, data_context, print_numbers, reading_options
from finecl_cli.help import examples


@click.command(
    "stats",
    epilog=examples(
        "finecl data stats labelled.jsonl",
        "finecl data stats labelled.jsonl --tokenizer minilm --max-length 256",
    ),
)
@click.argument("files", type=FILE, nargs=-1, required=True)
@reading_options
@click.option(
    "--tokenizer",
    metavar="NAME|DIR",
    help="Tokenizer to count sub-words with: 'minilm', a hub name or a directory.  [default: do not count them]",
)
@click.option(
    "--max-length",
    type=click.IntRange(min=3),
    default=512,
    show_default=True,
    help="With --tokenizer: sub-words per document that remain after truncation.",
)
def command(
    files: tuple[Path, ...], format_: str, tokenizer: str | None, max_length: int, quiet: bool, as_json: bool
) -> None:
    """Count documents, entities, labels by relation and type, and lengths of FILES, and entity pairs they share."""
    from finecl.data.stats import load_tokenizer, overlap, stats

    document_tokenizer = load_tokenizer(tokenizer, max_length) if tokenizer else None
    with data_context(format_, quiet) as context:
        sources = {str(file): context.source(file) for file in files}
        numbers: dict[str, Any] = {name: stats(source, document_tokenizer) for name, source in sources.items()}
        if len(sources) > 1:
            numbers["shared_entity_pairs"] = overlap(sources)
    print_numbers(numbers, as_json=as_json)
