"""``finecl data split``."""

from __future__ import annotations

from pathlib import Path

import click

from finecl_cli.commands.data.common import (
    FILE,
    DataContext,
    data_context,
    print_numbers,
    reading_options,
    writing_options,
)
from finecl_cli.help import examples


@click.command(
    "split",
    epilog=examples(
        "finecl data split all.jsonl data --share train=0.8 --share dev=0.1 --share test=0.1",
        "finecl data split all.jsonl small.jsonl --fraction 0.1 --rest others.jsonl",
    ),
)
@click.argument("file", type=FILE)
@click.argument("output", type=FILE)
@reading_options
@writing_options
@click.option(
    "--fraction",
    type=float,
    help="Share of the labels of each relation to sample, between 0 and 1; at least one label of each is sampled.",
)
@click.option("--rest", type=FILE, help="With --fraction: file to write the other documents to.")
@click.option(
    "--share", "shares", metavar="NAME=SHARE", multiple=True, help="Name and share of a random split; repeatable."
)
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Random seed.")
def command(
    file: Path,
    output: Path,
    format_: str,
    to: str,
    fraction: float | None,
    rest: Path | None,
    shares: tuple[str, ...],
    seed: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Sample a low-resource fraction of FILE into the file OUTPUT (--fraction), stratified by relation.

    With --share train=0.8 --share dev=0.2, split the documents at random into OUTPUT/train.jsonl and OUTPUT/dev.jsonl
    instead.
    """
    from finecl.errors import SettingsError

    if (fraction is None) == (not shares) or (rest and fraction is None):
        raise SettingsError("data split: expected --fraction (optionally with --rest) or --share, got both or neither")
    with data_context(format_, quiet) as context:
        if fraction is not None:
            written = _write_fraction(context, file, fraction, seed, {"chosen": output, "rest": rest}, to)
        else:
            written = _write_shares(context, file, shares, seed, output, to)
    print_numbers(written, as_json=as_json)


def _write_fraction(
    context: DataContext, file: Path, fraction: float, seed: int, outputs: dict[str, Path | None], to: str
) -> dict[str, int]:
    from finecl.data.split import low_resource

    source = context.source(file)
    chosen = {int(number) for number in low_resource(source, fraction, seed)}
    count = sum(1 for _ in source) if outputs["rest"] else 0
    numbers = {"chosen": chosen, "rest": set(range(count)) - chosen}
    return _write(context, file, {name: (path, numbers[name]) for name, path in outputs.items() if path}, to)


def _write_shares(
    context: DataContext, file: Path, shares: tuple[str, ...], seed: int, output: Path, to: str
) -> dict[str, int]:
    from finecl.data.split import random_shares
    from finecl.errors import SettingsError

    share_by_name: dict[str, float] = {}
    for share in shares:
        name, _, value = share.partition("=")
        try:
            share_by_name[name] = float(value)
        except ValueError:
            raise SettingsError(f"--share: expected NAME=SHARE, such as train=0.8, got '{share}'") from None
    splits = random_shares(sum(1 for _ in context.source(file)), share_by_name, seed)
    output.mkdir(parents=True, exist_ok=True)
    suffix = "jsonl" if to == "auto" else to
    outputs = {name: (output / f"{name}.{suffix}", set(map(int, rows))) for name, rows in splits.items()}
    return _write(context, file, outputs, to)


def _write(context: DataContext, file: Path, outputs: dict[str, tuple[Path, set[int]]], to: str) -> dict[str, int]:
    """Writes the documents with these numbers to each path; returns the number of documents by name."""
    from finecl.data.convert import convert, none_if_not_all
    from finecl.data.split import numbered

    with none_if_not_all([path for path, _ in outputs.values()]):
        return {
            name: convert(numbered(context.source(file), numbers), context.writer(path, to), path).documents
            for name, (path, numbers) in outputs.items()
        }
