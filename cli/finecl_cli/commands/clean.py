"""``finecl clean``: writes silver documents without the labels that are likely wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from finecl_cli.help import examples
from finecl_cli.next_steps import print_next
from finecl_cli.options import output_options
from finecl_cli.running import opened_run, silver_run

_SHARE = click.FloatRange(0, 1)


@click.command(
    "clean",
    epilog=examples(
        "finecl clean labels.csv cleaned.csv --drop 0.5",
        "finecl clean runs/labels relabelled.csv --drop 0.5 --relabel 0.8",
        "finecl clean runs/mine more.jsonl --add-missing 0.9",
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--run", "directory", type=click.Path(path_type=Path), help="Run of `finecl score`.  [default: FILE's]")
@click.option("--drop", type=_SHARE, metavar="P", help="Drop labels that are wrong with at least this probability.")
@click.option(
    "--drop-share", type=_SHARE, metavar="SHARE", help="Drop this share of all labels, most suspicious first."
)
@click.option("--drop-never-learned", is_flag=True, help="Drop labels that the proxy never learned.")
@click.option(
    "--relabel",
    type=_SHARE,
    metavar="P",
    help="Give labels the suggested relation where its confidence is at least this; with --drop, only where it drops.",
)
@click.option(
    "--add-missing",
    type=_SHARE,
    metavar="P",
    help="Label pairs without a label whose most likely relation has at least this probability.",
)
@click.option(
    "--to", metavar="NAME", default="auto", help="Format of OUT.  [default: that of FILE, or of the ending of OUT]"
)
@output_options
def command(file: Path, out: Path, directory: Path | None, to: str, quiet: bool, as_json: bool, **rules: Any) -> None:
    """Write the documents of FILE to OUT without, or with other, labels where the labels are likely wrong.

    FILE is a file of silver documents, or the directory of a run. A file that was not scored yet is scored first, as
    `finecl score FILE` does. OUT has the same format, documents and order, unless its name ends differently;
    OUT.changes.csv lists every change.
    """
    from finecl.labels.cleaning import counts
    from finecl.pipeline.scored_labels import ScoredLabels

    run = directory or (file if (file / "run.json").is_file() else None)
    no_options: dict[str, Any] = {"assignments": ()}
    with opened_run(run or silver_run(file, no_options), quiet=quiet) as opened:
        if directory:
            _check_file(file, opened.spec.settings.data.silver, directory)
        if run is None:
            opened.finish("score")
        cleaned = ScoredLabels(opened).clean(out, to=to, **rules)
    numbers = {**counts(cleaned.changes), "documents_without_labels": cleaned.dropped_documents}
    table = out.with_name(f"{out.stem}.changes.csv")
    if as_json:
        click.echo(json.dumps({"output": str(out), "changes": str(table), **numbers}))
        return
    dropped = f"; left out {numbers['documents_without_labels']} records whose only label was dropped"
    click.echo(
        f"{out}: dropped {numbers['drop']}, relabelled {numbers['relabel']}, added {numbers['add']} labels"
        f"{dropped if cleaned.dropped_documents else ''}"
    )
    click.echo(f"every change with its reason: {table}")
    print_next(f"finecl data validate {out}", f"finecl train --silver {out}")


def _check_file(file: Path, silver: str | None, directory: Path) -> None:
    """Checks that a file is the one that a run scored, or a copy of it.

    Raises:
        SettingsError: it is another one.
    """
    from finecl.artifacts.provenance import digest
    from finecl.errors import SettingsError

    scored = Path(silver or "")
    if not file.exists() or (file.resolve() != scored.resolve() and digest(file) != digest(scored)):
        what = silver or "the built-in corpus"
        raise SettingsError(
            f"{file}: expected the file that {directory} scored, {what}; score this file, or leave out --run"
        )
