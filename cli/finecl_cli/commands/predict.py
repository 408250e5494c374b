"""``finecl predict``: triples out of a file of documents, or of raw text."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from finecl_cli.options import output_options

if TYPE_CHECKING:
    from finecl.data.formats import DocumentFile


@click.command("predict")
@click.argument("model")
@click.argument("file", metavar="IN", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--format", "format_", metavar="NAME", default="auto", help="Format of IN.  [default: recognised]")
@click.option("--ner", metavar="spacy:PIPELINE|names:TRIPLES", help="Find entities in documents that have none.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Least probability.  [default: what dev chose]")
@click.option(
    "--pairs",
    type=click.Choice(("labelled", "all")),
    default="all",
    show_default=True,
    help="Pairs asked about.",
)
@click.option("--type-constraints", is_flag=True, help="Leave out triples of types that training never joined so.")
@click.option("--variant", metavar="NAME", default="pretrained", show_default=True, help="Which extractor of a run.")
@click.option("--backend", type=click.Choice(("torch", "onnx")), default="torch", show_default=True, help="Engine.")
@click.option("--device", metavar="cpu|cuda[:N]", default="auto", help="Where.  [default: a GPU if there is one]")
@output_options
def command(
    model: str,
    file: Path,
    output: Path,
    format_: str,
    ner: str | None,
    threshold: float | None,
    pairs: Literal["all", "labelled"],
    type_constraints: bool,
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Extract triples from the documents of IN into OUT (.jsonl or .parquet), a row a triple.

    MODEL is a run directory, RUN/extractor/VARIANT, or OWNER/NAME on the Hugging Face hub. IN is a file or folder in
    any registered format; raw text (a folder of .txt files, or --format text) needs --ner. Killed and started again,
    it goes on where it was.
    """
    from finecl.inference.batch_predict import Predicting, check_output
    from finecl_cli.screen import Screen

    began = time.perf_counter()
    check_output(output)
    with Screen(quiet=quiet) as screen:
        source = _source(file, format_, screen)
        made_from = _made_from(source, ner, chosen)
        from finecl.inference.relation_extractor import RelationExtractor

        extractor = RelationExtractor.from_pretrained(model, ner=ner, **chosen)
        predicting = Predicting(
            extractor=extractor, output=output, made_from=made_from, pairs=pairs, threshold=threshold,
            type_constraints=type_constraints,
        )  # fmt: skip
        told = predicting.run(source)
    numbers = {"output": str(output), **told.to_dict(), "seconds": round(time.perf_counter() - began, 2)}
    if as_json:
        click.echo(json.dumps(numbers))
        return
    click.echo(f"{told.triples:,} triples of {told.documents:,} documents: {output}")
    for relation, count in told.by_relation.most_common(10):
        click.echo(f"{count:>8,}  {relation}")


def _source(file: Path, format_: str, screen: Any) -> DocumentFile:
    from finecl import registry as plugins
    from finecl.data.formats import DocumentFile

    return DocumentFile.open(file, plugins.load(), format_, screen)


def _made_from(source: DocumentFile, ner: str | None, chosen: dict[str, Any]) -> str:
    """Changes when what is read does, or who reads it."""
    from finecl.artifacts.provenance import digest, fingerprint

    content = digest(source.path) if source.path.exists() else str(source.path)
    names = Path((ner or "").partition("names:")[2])
    known = digest(names) if names.is_file() else None
    return fingerprint(content, repr(source.format), ner, known, chosen)
