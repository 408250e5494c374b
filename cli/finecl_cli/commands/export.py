"""``finecl export``: an extractor as one ONNX file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from finecl_cli.options import output_options


@click.command("export")
@click.argument("model")
@click.argument("output", metavar="OUT.onnx", type=click.Path(path_type=Path))
@click.option("--variant", metavar="NAME", default="pretrained", show_default=True, help="Which extractor of a run.")
@output_options
def command(model: str, output: Path, variant: str, quiet: bool, as_json: bool) -> None:
    """Write encoder and head of MODEL as OUT.onnx, for padded batches; needs the extra finecl[onnx].

    MODEL is a run directory, RUN/extractor/VARIANT, or OWNER/NAME on the Hugging Face hub. The file is run by
    RelationExtractor.from_pretrained(MODEL, backend="onnx", onnx_file=OUT.onnx).
    """
    from finecl.inference.onnx.export import export

    told = export(model, output, variant=variant)
    if as_json:
        click.echo(json.dumps(told))
    elif not quiet:
        click.echo(f"{told['megabytes']:.1f} MB: {output}")
