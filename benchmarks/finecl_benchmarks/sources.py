"""Labels of the built-in corpus from several sources: how good each is, their combination, and what scores add.

    python -m finecl_benchmarks.sources --seeds 0 1 2 --keep

The documents state some of the facts of a knowledge graph, and all that they state is known. Three sources label them:
the graph; rules for some of the ten wordings of each relation; and an extractor trained on 50 gold documents of another
seed. Each source, each label model and the labels that are left after scoring are compared with what is stated.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from finecl import registry as plugins
from finecl.artifacts.files import read_json, write_json
from finecl.artifacts.provenance import environment
from finecl.config.resolve import resolve
from finecl.data.demo.corpora import DemoSettings, demo_corpora
from finecl.data.demo.language import Language
from finecl.data.votes.files import VoteLabelling
from finecl.data.votes.gathering import labelers
from finecl.pipeline.run import Run
from finecl.pipeline.scored_labels import ScoredLabels
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.types import Document
from finecl_benchmarks.readme_blocks import RESULTS, no_record

DOCUMENTS = 400
WORDINGS = (2, 5)
"""How many of the ten wordings of each relation the rules know: rules that miss most, and rules that are good."""
MODELS = ("majority", "dawid-skene", "generative")
_SOURCES = {"knowledge-graph": "graph.tsv", "rules": "rules.toml", "extractor": "trained"}
_RECORD = "sources.json"


def main() -> None:
    """Parses the command line, measures all seeds, prints the record and with ``--keep`` writes it."""
    parser = argparse.ArgumentParser(description="Compare sources of labels, their combinations, and scored labels.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--keep", action="store_true", help=f"write benchmarks/results/{_RECORD}")
    arguments = parser.parse_args()
    record = {"benchmark": "sources", "documents": DOCUMENTS, "seeds": arguments.seeds}
    cells = [measure(seed, wordings) for wordings in WORDINGS for seed in arguments.seeds]
    record |= {"cells": cells} | environment()
    if arguments.keep:
        write_json(RESULTS / _RECORD, record)
    json.dump(record, sys.stdout, indent=1)
    print()


def measure(seed: int, wordings: int, listener: Listener | None = None) -> dict[str, Any]:
    """Returns statistics of the sources, and precision, recall and F1 of each kind of labels.

    ``wordings``: how many of each relation the rules know.
    """
    registry = plugins.load()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        corpus = demo_corpora(seed, replace(DemoSettings(), train=DOCUMENTS, shared=1.0))
        documents, stated = corpus.train, _facts(corpus.train)
        (directory / "graph.tsv").write_text(
            "head\trelation\ttail\n" + "".join("\t".join(t) + "\n" for t in corpus.triples)
        )
        (directory / "rules.toml").write_text(rules_of(Language.read(), wordings), encoding="utf-8")
        _train(directory / "trained", seed + 1000, registry, listener)
        names = [f"{name}:{directory / file}" for name, file in _SOURCES.items()]
        sources = labelers(names, {"knowledge-graph": {"match": "id"}, "extractor": {"variant": "plain"}}, registry)
        scores: dict[str, dict[str, float]] = {}
        for name in (*sources, *MODELS):
            chosen = {name: sources[name]} if name in sources else sources
            model = registry.create("label model", name if name in MODELS else "majority", {})
            labelling = VoteLabelling(sources=chosen, model=model, name=name, stated=True)
            counts = labelling.write(documents, registry.create("format", "jsonl", {}), directory / f"{name}.jsonl")
            scores[name] = _scores(_read(directory / f"{name}.jsonl", registry), stated)
        for scorer, settings in _SCORERS.items():
            table = str(directory / "majority.labels.parquet")
            kept = _kept(directory, scorer, {k: v.format(table=table) for k, v in settings.items()}, registry, listener)
            scores[f"majority, scored by {scorer}"] = _scores(kept, stated)
    return {
        "seed": seed,
        "wordings": wordings,
        "sources": dict(counts.sources),
        "pairs": counts.pairs,
        "scores": scores,
    }


_SCORERS: Mapping[str, Mapping[str, str]] = {
    "area-under-margin": {},
    "file": {"scorer.path": "{table}"},
}


def rules_of(language: Language, wordings: int) -> str:
    """Returns rules for the first wordings of each relation, as a person would write them who has seen these only."""
    tables = []
    for pair in language.type_pairs:
        for relation, known in pair.relations.items():
            for wording in known[:wordings]:
                sentences = [part for part in wording.split("|") if "{head}" in part and "{tail}" in part]
                for sentence in sentences:  # a rule reads one sentence: wordings of several have none
                    pattern = re.escape(" ".join(sentence.split())).replace(r"\ ", " ")
                    pattern = pattern.replace(r"\{head\}", "<head>").replace(r"\{tail\}", "<tail>")
                    tables.append(f"[[rule]]\nrelation = {json.dumps(relation)}\npattern = {json.dumps(pattern)}\n")
    return "\n".join(tables)


def _train(directory: Path, seed: int, registry: Registry, listener: Listener | None) -> None:
    """Trains an extractor on the plain encoder with the 50 gold documents of the built-in corpus of a seed."""
    settings = resolve(preset="demo", overrides={"method": "none", "seed": seed, "pretrain.baseline": "none"})
    Run(directory, settings, registry, listener).finish("finetune")


def _kept(
    directory: Path, scorer: str, settings: Mapping[str, str], registry: Registry, listener: Listener | None
) -> list[Document]:
    """Scores the labels of the majority and returns the documents without those that are more likely wrong."""
    overrides: dict[str, Any] = {"data.silver": str(directory / "majority.jsonl"), "scorer.name": scorer, **settings}
    overrides["proxy.suggestions"] = False  # they are not compared
    run = Run(directory / f"run-{scorer}", resolve(preset="silver", overrides=overrides), registry, listener)
    run.finish("score")
    return list(ScoredLabels(run).clean(drop=0.5))


def _read(path: Path, registry: Registry) -> Iterable[Document]:
    documents: Iterable[Document] = registry.create("format", "jsonl", {}).read(path)
    return documents


def _facts(documents: Iterable[Document]) -> set[tuple[str, int, int, str]]:
    labels = ((document.title, label) for document in documents for label in document.labels)
    return {(title, x.head, x.tail, x.relation) for title, x in labels if x.relation != "no_relation"}


def _scores(documents: Iterable[Document], stated: set[tuple[str, int, int, str]]) -> dict[str, float]:
    """Returns precision, recall and F1 of labels against what is stated, and their number."""
    labels = _facts(documents)
    right = len(labels & stated)
    precision, recall = right / len(labels) if labels else 0.0, right / len(stated)
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"labels": len(labels), "precision": precision, "recall": recall, "f1": f1}


def sources_block() -> str:
    """Returns the record as a Markdown table: means over seeds, a row for each source and each kind of labels."""
    record = read_json(RESULTS / _RECORD)
    if not record:
        return no_record("python -m finecl_benchmarks.sources --keep")
    head = ("rules know", "labels by", "coverage", "conflict", "precision", "recall", "F1")
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for wordings in WORDINGS:
        cells = [cell for cell in record["cells"] if cell["wordings"] == wordings]
        for name in cells[0]["scores"]:
            shares = [_mean(cells, "sources", name, key) for key in ("coverage", "conflict")]
            found = [_mean(cells, "scores", name, key) for key in ("precision", "recall", "f1")]
            rows.append(f"| {wordings} of 10 wordings | {' | '.join([name, *shares, *found])} |")
    return "\n".join(rows)


def _mean(cells: Sequence[Mapping[str, Any]], part: str, name: str, key: str) -> str:
    values = [cell[part][name][key] for cell in cells if name in cell[part]]
    return f"{statistics.mean(values):.1%}" if values and None not in values else ""


if __name__ == "__main__":
    main()
