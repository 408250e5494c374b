"""``finecl data label``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finecl_cli.commands.data.common import FILE, data_context, print_numbers, reading_options, writing_options
from finecl_cli.help import examples
from finecl_cli.reading import key_values
from finecl_cli.voting import label_by_votes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from finecl.data.distant.gazetteer import Gazetteer
    from finecl.data.distant.knowledge_graph import Graph
    from finecl.data.distant.properties import Properties
    from finecl.types import Document, Format

_TABLE = "TSV, CSV, JSONL or Parquet"
_NO_RELATION_PAIRS = 3


@click.command(
    "label",
    epilog=examples(
        "finecl data label texts labelled.jsonl --triples triples.tsv --find names",
        "finecl data label documents.jsonl labelled.jsonl --triples triples.tsv --names names.tsv --types types.tsv",
        "finecl data label docs.jsonl labelled.jsonl --with knowledge-graph,rules:rules.toml --triples triples.tsv",
    ),
)
@click.argument("file", type=FILE)
@click.argument("output", type=FILE)
@click.option("--triples", type=FILE, help=f"Knowledge graph: head, relation, tail as {_TABLE}.")
@click.option(
    "--with",
    "sources",
    metavar="SOURCE[,SOURCE]",
    help="Label by the votes of these sources: knowledge-graph, rules:FILE, extractor:RUN, file:VOTES, or a labeler of "
    "a plugin.  [default: knowledge-graph]",
)
@click.option("--combine", metavar="NAME", default="majority", show_default=True, help="Label model for --with.")
@click.option("--dry-run", is_flag=True, help="With --with: print what the votes would cost, and write nothing.")
@click.option("--source-option", metavar="NAME.KEY=VALUE", multiple=True, help="Setting of a source of --with.")
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
    help="Maximum number of pairs per document, not linked in the graph, to label as no relation.  [default: 3; 0 with "
    "--with]",
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
    sources: str | None,
    find: str | None,
    ner_option: tuple[str, ...],
    ignore_case: bool,
    format_: str,
    to: str,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Label the entity pairs of FILE that a knowledge graph links, or by several sources; write them to OUTPUT.

    FILE is a file of documents, or with --find a folder of .txt files. Also writes OUTPUT's name with the suffix
    .facts.parquet: for each label its uid, the ids of its triple and how the entities were matched. With --with,
    instead of it, .votes.parquet holds all votes, and .labels.parquet the confidence in each label.
    """
    if not sources and options["triples"] is None:
        raise click.UsageError("expected --triples FILE or --with SOURCE, got neither.")
    if options["dry_run"] and not sources:
        raise click.UsageError("--dry-run: expected --with SOURCE, got none; labels of a graph alone cost nothing.")
    with data_context(format_, quiet) as context:
        writer, source = context.writer(output, to), context.source(file)
        known = _properties(options)
        graph = None if sources and find != "names" else _graph(options, known)
        finder = _finder(find, graph, ignore_case, key_values("--ner-option", ner_option))
        documents, found_by = finder.find(source) if finder else source, finder if find == "names" else find
        if sources or graph is None:
            numbers = label_by_votes(documents, writer, output, context.registry, sources or "", options)
        else:
            numbers = _by_graph(documents, writer, output, graph, known, found_by, options)
    score = [] if options["dry_run"] else [f"finecl score {output}"]
    if sources and score:
        score.append(f"finecl score {output} --scorer file --set scorer.path={numbers['labels_table']}")
    print_numbers(numbers, as_json=as_json, then=score)


def _properties(options: Mapping[str, Any]) -> Properties | None:
    from finecl.data.distant.properties import Properties

    return Properties.read(options["properties"]) if options["properties"] else None


def _graph(options: Mapping[str, Any], known: Properties | None) -> Graph:
    from finecl.data.distant.knowledge_graph import Graph

    if options["triples"] is None:
        raise click.UsageError("--find names: expected --triples FILE, whose names are found; got none.")
    return Graph.read(options["triples"], names=options["names"], types=options["types"], properties=known)


def _by_graph(
    documents: Iterable[Document],
    writer: Format,
    output: Path,
    graph: Graph,
    known: Properties | None,
    found_by: Gazetteer | str | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes the documents labelled by the graph, and the facts of their labels; returns the numbers to print."""
    from finecl.data.distant.files import add_names, label
    from finecl.data.distant.labelling import Labelling

    candidates = _NO_RELATION_PAIRS if options["no_relation_pairs"] is None else options["no_relation_pairs"]
    chosen = {name: options[name] for name in ("match", "no_relation", "stated", "seed")}
    labelling = Labelling(graph=graph, candidates=candidates, **chosen)
    facts = output.with_name(f"{output.stem}.facts.parquet")
    counts = label(documents, labelling, writer, output, facts=facts, found_by=found_by)
    if known:
        add_names(output.with_name("rel_info.json"), known.named(counts.relations))
    return {"output": str(output), "facts": str(facts), **counts.to_dict()}


def _finder(find: str | None, graph: Graph | None, ignore_case: bool, settings: dict[str, str]) -> Any:
    if not find:
        return None
    if find == "names":
        from finecl.data.distant.gazetteer import Gazetteer

        assert graph is not None
        return Gazetteer(graph, ignore_case=ignore_case)
    from finecl.inference.ner import recogniser

    return recogniser(find if ":" in find else f"spacy:{find}", settings)  # a name alone is a pipeline's
