"""``finecl data label``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finecl_cli.commands.data.common import FILE, desk, reading_options, tell, writing_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from finecl.data.distant.knowledge_graph import Graph
    from finecl.data.distant.labelling import Matcher
    from finecl.types import Document

_TABLE = "TSV, CSV, JSONL or Parquet"


@click.command("label")
@click.argument("file", type=FILE)
@click.argument("output", type=FILE)
@click.option("--triples", type=FILE, required=True, help=f"Knowledge graph: head, relation, tail as {_TABLE}.")
@click.option("--names", type=FILE, help="Names of its entities: id, name, and if known type and aliases.")
@click.option("--types", type=FILE, help="Types that go together: relation, head_type, tail_type.")
@click.option("--properties", type=FILE, help="Wikidata's properties (JSON): relations may be given by name.")
@click.option(
    "--match",
    type=click.Choice(["id", "name", "either"]),
    default="either",
    show_default=True,
    help="How entities are found in the graph; either: by name where there is no id.",
)
@click.option(
    "--find",
    metavar="names|PIPELINE",
    help="Find entities in raw text: the names of the graph, or what a pipeline of spaCy recognises.",
)
@click.option(
    "--no-relation-pairs",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Pairs that no fact links, a document at most.",
)
@click.option("--no-relation", default="no_relation", show_default=True, help="What these are labelled.")
@click.option("--stated", is_flag=True, help="The labels of FILE are all that its text says: they become the truth.")
@click.option("--seed", type=click.IntRange(min=0), default=42, show_default=True, help="Seed of their draw.")
@reading_options
@writing_options
def command(
    file: Path,
    output: Path,
    triples: Path,
    names: Path | None,
    types: Path | None,
    properties: Path | None,
    match: Matcher,
    find: str | None,
    no_relation_pairs: int,
    no_relation: str,
    stated: bool,
    seed: int,
    format_: str,
    to: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Label every pair of entities of FILE that the knowledge graph links, and write OUTPUT.

    FILE is a file of documents, or a folder of .txt files with --find. Beside OUTPUT stands OUTPUT's name with
    .facts.parquet: for every label its uid, the ids that made it, and how these were found.
    """
    from finecl.data.distant.files import add_names, label
    from finecl.data.distant.knowledge_graph import Graph
    from finecl.data.distant.labelling import Labelling
    from finecl.data.distant.properties import Properties

    with desk(format_, quiet) as at:
        writer, source = at.writer(output, to), at.source(file)
        known = Properties.read(properties) if properties else None
        graph = Graph.read(triples, names=names, types=types, properties=known)
        labelling = Labelling(
            graph=graph, match=match, no_relation=no_relation, candidates=no_relation_pairs, stated=stated, seed=seed
        )
        facts = output.with_name(f"{output.stem}.facts.parquet")
        told = label(_with_entities(source, find, graph), labelling, writer, output, facts=facts)
        if known:
            add_names(output.with_name("rel_info.json"), known.named(told.relations))
    tell({"output": str(output), "facts": str(facts), **told.to_dict()}, as_json=as_json)


def _with_entities(source: Iterable[Document], find: str | None, graph: Graph) -> Iterable[Document]:
    if not find:
        return source
    if find == "names":
        from finecl.data.distant.gazetteer import Gazetteer

        return Gazetteer(graph).find(source)
    from finecl.data.distant.spacy_ner import Recogniser

    return Recogniser(find).find(source)
