"""``finecl predict``: extracts triples from a file of documents or from raw text."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from finecl_cli.help import examples, grouped
from finecl_cli.next_steps import print_next
from finecl_cli.options import output_options
from finecl_cli.reading import key_values, open_documents, tolerance_options

if TYPE_CHECKING:
    from finecl.data.formats import DocumentFile

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--format", "format_", metavar="NAME", default="auto", help="Format of IN.  [default: recognised automatically]"
    ),
    click.option(
        "--ner",
        metavar="NAME:SOURCE",
        help="Entity recogniser for documents without entities: spacy:PIPELINE, gliner:MODEL, transformers:MODEL, "
        "names:TRIPLES, or one of a plugin.",
    ),
    click.option(
        "--ner-option", metavar="KEY=VALUE", multiple=True, help="Setting of the recogniser, such as labels=drug,gene."
    ),
    click.option(
        "--threshold",
        type=click.FloatRange(0, 1),
        help="Minimum probability of a triple.  [default: the threshold chosen on dev]",
    ),
    click.option(
        "--pairs",
        type=click.Choice(("labelled", "all")),
        default="all",
        show_default=True,
        help="Entity pairs to classify: those with a label in IN, or all.",
    ),
    click.option(
        "--type-constraints",
        is_flag=True,
        help="Drop triples whose pair of entity types never has that relation in the training data.",
    ),
    click.option(
        "--variant",
        metavar="NAME",
        default="pretrained",
        show_default=True,
        help="Extractor of a run: pretrained or plain.",
    ),
    click.option(
        "--backend", type=click.Choice(("torch", "onnx")), default="torch", show_default=True, help="Inference backend."
    ),
    click.option(
        "--device", metavar="cpu|cuda[:N]", default="auto", help="Device.  [default: a GPU if available, else the CPU]"
    ),
)


def _prediction_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command(
    "predict",
    cls=grouped(
        {
            "Input": ("format_", "ner", "ner_option", "skip_faulty", "format_option"),
            "Predictions": ("threshold", "pairs", "type_constraints"),
            "Model": ("variant", "backend", "device"),
        }
    ),
    epilog=examples(
        "finecl predict runs/mine texts triples.jsonl --ner spacy:en_core_web_sm",
        "finecl predict runs/mine test.json triples.parquet --pairs labelled",
        "finecl predict OWNER/NAME texts triples.jsonl --ner names:names.tsv --threshold 0.5",
    ),
)
@click.argument("model")
@click.argument("file", metavar="IN", type=click.Path(path_type=Path))
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@_prediction_options
@tolerance_options
@output_options
def command(
    model: str,
    file: Path,
    output: Path,
    format_: str,
    ner: str | None,
    ner_option: tuple[str, ...],
    threshold: float | None,
    pairs: Literal["all", "labelled"],
    type_constraints: bool,
    quiet: bool,
    as_json: bool,
    **loading: Any,
) -> None:
    """Extract triples from the documents of IN and write them to OUT (.jsonl or .parquet), one row per triple.

    MODEL is a run directory, RUN/extractor/VARIANT, or OWNER/NAME on the Hugging Face hub. IN is a file or folder in
    any registered format; raw text (a folder of .txt files, or --format text) requires --ner. An interrupted
    prediction resumes when the same command is run again.
    """
    from finecl.inference.batch_predict import Predicting, check_output
    from finecl_cli.screen import Screen

    began = time.perf_counter()
    check_output(output)
    with Screen(quiet=quiet) as screen:
        source = _source(file, format_, screen)
        settings = key_values("--ner-option", ner_option)
        made_from = _input_fingerprint(source, ner, settings, loading)
        from finecl.inference.relation_extractor import RelationExtractor

        extractor = RelationExtractor.from_pretrained(model, ner=ner, ner_settings=settings, **loading)
        predicting = Predicting(
            extractor=extractor, output=output, made_from=made_from, pairs=pairs, threshold=threshold,
            type_constraints=type_constraints,
        )  # fmt: skip
        counts = predicting.run(source)
    _print_counts(counts, output, time.perf_counter() - began, as_json)


def _source(file: Path, format_: str, screen: Any) -> DocumentFile:
    from finecl import registry as plugins

    return replace(open_documents(file, plugins.load(), format_, screen), empty=True)


def _input_fingerprint(source: DocumentFile, ner: str | None, settings: dict[str, str], loading: dict[str, Any]) -> str:
    """Returns a hash of the input and of the options that change how it is read; guards the resumed output."""
    from finecl.artifacts.provenance import digest, fingerprint

    content = digest(source.path) if source.path.exists() else str(source.path)
    names = Path((ner or "").partition("names:")[2])
    names_digest = digest(names) if names.is_file() else None
    return fingerprint(content, repr(source.format), ner, settings, names_digest, loading)


def _print_counts(counts: Any, output: Path, seconds: float, as_json: bool) -> None:
    """Prints the number of triples and documents, and the ten most frequent relations."""
    if as_json:
        click.echo(json.dumps({"output": str(output), **counts.to_dict(), "seconds": round(seconds, 2)}))
        return
    click.echo(f"{counts.triples:,} triples of {counts.documents:,} documents: {output}")
    for relation, count in counts.by_relation.most_common(10):
        click.echo(f"{count:>8,}  {relation}")
    if counts.pairs_left_out:
        what = "no sentence or window that the extractor reads holds both entities"
        click.echo(f"finecl: {counts.pairs_left_out:,} entity pairs were not scored: {what}", err=True)
    print_next(f"finecl evaluate {output} GOLD --metric docred")
