"""``finecl data split``."""

from __future__ import annotations

from pathlib import Path

import click

from finecl_cli.commands.data.common import FILE, Desk, desk, reading_options, tell, writing_options


@click.command("split")
@click.argument("file", type=FILE)
@click.argument("output", type=FILE)
@reading_options
@writing_options
@click.option("--fraction", type=float, help="Share of the labels of every relation; each keeps at least one.")
@click.option("--rest", type=FILE, help="With --fraction: where the other documents go.")
@click.option("--share", "shares", metavar="NAME=SHARE", multiple=True, help="A part, at random; repeatable.")
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Seed of the draw.")
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
    """Draw documents of FILE: with --fraction a low-resource part into the file OUTPUT, stratified by relation.

    With --share train=0.8 --share dev=0.2 parts by document, into OUTPUT/train.jsonl and OUTPUT/dev.jsonl.
    """
    from finecl.errors import SettingsError

    if (fraction is None) == (not shares) or (rest and fraction is None):
        raise SettingsError("data split: expected --fraction (and if wanted --rest), or --share; got both or neither")
    with desk(format_, quiet) as at:
        if fraction is not None:
            written = _fraction(at, file, fraction, seed, {"chosen": output, "rest": rest}, to)
        else:
            written = _shares(at, file, shares, seed, output, to)
    tell(written, as_json=as_json)


def _fraction(
    at: Desk, file: Path, fraction: float, seed: int, outputs: dict[str, Path | None], to: str
) -> dict[str, int]:
    from finecl.data.split import low_resource

    source = at.source(file)
    chosen = {int(number) for number in low_resource(source, fraction, seed)}
    count = sum(1 for _ in source) if outputs["rest"] else 0
    numbers = {"chosen": chosen, "rest": set(range(count)) - chosen}
    return _write(at, file, {name: (path, numbers[name]) for name, path in outputs.items() if path}, to)


def _shares(at: Desk, file: Path, shares: tuple[str, ...], seed: int, output: Path, to: str) -> dict[str, int]:
    from finecl.data.split import random_shares
    from finecl.errors import SettingsError

    wanted: dict[str, float] = {}
    for share in shares:
        name, _, value = share.partition("=")
        try:
            wanted[name] = float(value)
        except ValueError:
            raise SettingsError(f"--share: expected NAME=SHARE, as train=0.8, got '{share}'") from None
    parts = random_shares(sum(1 for _ in at.source(file)), wanted, seed)
    output.mkdir(parents=True, exist_ok=True)
    ending = "jsonl" if to == "auto" else to
    outputs = {name: (output / f"{name}.{ending}", set(map(int, part))) for name, part in parts.items()}
    return _write(at, file, outputs, to)


def _write(at: Desk, file: Path, outputs: dict[str, tuple[Path, set[int]]], to: str) -> dict[str, int]:
    from finecl.data.convert import convert, none_if_not_all
    from finecl.data.split import numbered

    with none_if_not_all([path for path, _ in outputs.values()]):
        return {
            name: convert(numbered(at.source(file), numbers), at.writer(path, to), path).documents
            for name, (path, numbers) in outputs.items()
        }
