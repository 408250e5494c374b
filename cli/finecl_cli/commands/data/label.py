"""``finecl data label``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finecl_cli.commands.data.common import FILE, data_context, print_numbers, reading_options, writing_options
from finecl_cli.reading import key_values

if TYPE_CHECKING:
    from finecl.data.distant.knowledge_graph import Graph

_TABLE = "TSV, CSV, JSONL or Parquet"


@click.command("label")
@click.argument("file", type=FILE)
@click.argument("output", type=FILE)
@click.option("--triples", type=FILE, required=True, help=f"Knowledge graph: head, relation, tail as {_TABLE}.")
@click.option("--names", type=FILE, help="Entity names of the graph: id, name, and optionally type and aliases.")
@click.option("--types", type=FILE, help="Allowed type pairs of each relation: relation, head_type, tail_type.")
@click.option(
    "--properties", type=FILE, help="Wikidata properties (JSON): triples may then use property names instead of ids."
)
@click.option(
    "--match",
    type=click.Choice(["id", "name", "either"]),
    default="either",
    show_default=True,
    help="How to link entities to the graph; either: by id, or by name for entities without an id.",
)
@click.option(
    "--find",
    metavar="names|NAME:SOURCE",
    help="Recognise entities in raw text: by the names of the graph, or with a recogniser such as spacy:PIPELINE, "
    "gliner:MODEL or transformers:MODEL.",
)
@click.option(
    "--ner-option", metavar="KEY=VALUE", multiple=True, help="Setting of the recogniser, such as labels=drug,gene."
)
@click.option("--ignore-case", is_flag=True, help="With --find names: also find names that are written in other case.")
@click.option(
    "--no-relation-pairs",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Maximum number of pairs per document, not linked in the graph, to label as no relation.",
)
@click.option("--no-relation", default="no_relation", show_default=True, help="Name of the no-relation label.")
@click.option(
    "--stated",
    is_flag=True,
    help="Take the labels of FILE as all relations that its text states: they become the truth of the new labels.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Random seed of the no-relation pairs."
)
@reading_options
@writing_options
def command(
    file: Path,
    output: Path,
    triples: Path,
    properties: Path | None,
    find: str | None,
    ner_option: tuple[str, ...],
    ignore_case: bool,
    no_relation_pairs: int,
    format_: str,
    to: str,
    quiet: bool,
    as_json: bool,
    names: Path | None,
    types: Path | None,
    **labelled: Any,
) -> None:
    """Label every entity pair of FILE that the knowledge graph links and write the documents to OUTPUT.

    FILE is a file of documents, or with --find a folder of .txt files. Also writes OUTPUT's name with the suffix
    .facts.parquet: for each label its uid, the ids of its triple and how the entities were matched.
    """
    from finecl.data.distant.files import add_names, label
    from finecl.data.distant.knowledge_graph import Graph
    from finecl.data.distant.labelling import Labelling
    from finecl.data.distant.properties import Properties

    with data_context(format_, quiet) as context:
        writer, source = context.writer(output, to), context.source(file)
        known = Properties.read(properties) if properties else None
        graph = Graph.read(triples, names=names, types=types, properties=known)
        labelling = Labelling(graph=graph, candidates=no_relation_pairs, **labelled)
        facts = output.with_name(f"{output.stem}.facts.parquet")
        finder = _finder(find, graph, ignore_case, key_values("--ner-option", ner_option))
        documents, found_by = finder.find(source) if finder else source, finder if find == "names" else find
        counts = label(documents, labelling, writer, output, facts=facts, found_by=found_by)
        if known:
            add_names(output.with_name("rel_info.json"), known.named(counts.relations))
    numbers = {"output": str(output), "facts": str(facts), **counts.to_dict()}
    print_numbers(numbers, as_json=as_json, then=[f"finecl score {output}"])


def _finder(find: str | None, graph: Graph, ignore_case: bool, settings: dict[str, str]) -> Any:
    if not find:
        return None
    if find == "names":
        from finecl.data.distant.gazetteer import Gazetteer

        return Gazetteer(graph, ignore_case=ignore_case)
    from finecl.inference.ner import recogniser

    return recogniser(find if ":" in find else f"spacy:{find}", settings)  # a name alone is a pipeline's
