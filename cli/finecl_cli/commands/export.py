"""``finecl export``: exports an extractor to ONNX."""

from __future__ import annotations

import json
from pathlib import Path

import click

from finecl_cli.help import examples
from finecl_cli.next_steps import print_next
from finecl_cli.options import output_options


@click.command(
    "export",
    epilog=examples(
        "finecl export runs/mine mine.onnx",
        "finecl export runs/mine plain.onnx --variant plain",
    ),
)
@click.argument("model")
@click.argument("output", metavar="OUT.onnx", type=click.Path(path_type=Path))
@click.option(
    "--variant", metavar="NAME", default="pretrained", show_default=True,
    help="Extractor of a run: pretrained or plain.",
)  # fmt: skip
@output_options
def command(model: str, output: Path, variant: str, quiet: bool, as_json: bool) -> None:
    """Export encoder and head of MODEL to OUT.onnx, for padded batches. Requires the extra finecl[onnx].

    MODEL is a run directory, RUN/extractor/VARIANT, or OWNER/NAME on the Hugging Face hub. Load the file with
    RelationExtractor.from_pretrained(MODEL, backend="onnx", onnx_file=OUT.onnx).
    """
    from finecl.inference.onnx.export import export

    summary = export(model, output, variant=variant)
    if as_json:
        click.echo(json.dumps(summary))
    elif not quiet:
        click.echo(f"{summary['megabytes']:.1f} MB: {output}")
        print_next(f"finecl predict {model} FILE triples.jsonl --backend onnx")
