"""Small test data: randomly initialised encoders of every family, and documents of a few words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from finecl_benchmarks.tiny_encoders import FILLERS, LONGEST, NAMES, WIDTH, WINDOW, save_model

from finecl.corpus.corpus import Corpus
from finecl.extraction.evaluation_data import EvaluationDataset
from finecl.extraction.examples import ExtractionDataset
from finecl.tokens.token_table import TokenizedCorpus
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import NO_RELATION, Document, Entity, Ints, Label, Mention, RowColumns

__all__ = ["FILLERS", "LONGEST", "NAMES", "WIDTH", "WINDOW", "save_model"]
FAMILIES = ("bert", "roberta", "modernbert")


def document(title: str, sentences: Sequence[str], entities: Sequence[str], *labels: tuple[int, str, int]) -> Document:
    """Returns a document from plain text: an entity's mentions are all occurrences of its words."""
    split = tuple(tuple(sentence.split()) for sentence in sentences)
    return Document(
        title=title,
        sentences=split,
        entities=tuple(Entity(mentions=_mentions(split, name)) for name in entities),
        labels=tuple(Label(head=head, tail=tail, relation=relation) for head, relation, tail in labels),
    )


def _mentions(sentences: Sequence[Sequence[str]], name: str) -> tuple[Mention, ...]:
    words = name.split()
    return tuple(
        Mention(sentence=s, start=at, end=at + len(words), name=name)
        for s, sentence in enumerate(sentences)
        for at in range(len(sentence))
        if list(sentence[at : at + len(words)]) == words
    )


def documents(count: int, *, seed: int = 0, relations: int = 3, words: int = 12, labels: int = 3) -> list[Document]:
    """Returns random documents of three to five entities, with repeated mentions and pairs of two labels."""
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        names = rng.choice(NAMES, int(rng.integers(3, 6)), replace=False).tolist()
        text = [*names, *rng.choice(FILLERS, int(rng.integers(words // 2, words + 1))).tolist(), names[0]]
        rng.shuffle(text)
        pairs = [(h, t) for h in range(len(names)) for t in range(len(names)) if h != t]
        drawn = {
            (*pairs[int(rng.integers(len(pairs)))], f"P{int(rng.integers(relations))}")
            for _ in range(int(rng.integers(1, labels + 1)))
        }
        both = {(h, t, f"P{(int(r[1:]) + 1) % relations}") for h, t, r in sorted(drawn) if rng.random() < 0.4}
        claims = [(h, r, t) for h, t, r in sorted(drawn | both)]
        samples.append(document(f"document {number}", [" ".join(text)], names, *claims))
    return samples


def labelled(samples: Sequence[Document], tokenizer: DocumentTokenizer, directory: Path) -> ExtractionDataset:
    """Returns documents as an extraction data set."""
    corpus = Corpus.from_documents(samples, directory / "corpus.arrow")
    tokens = TokenizedCorpus.of(corpus, tokenizer, directory)
    return ExtractionDataset(tokens=tokens, instances=corpus.instances(corpus.relations))


def evaluation(documents: Sequence[Document], tokenizer: DocumentTokenizer, directory: Path) -> EvaluationDataset:
    """Documents as rows to score."""
    corpus = Corpus.from_documents(documents, directory / "evaluation.arrow")
    return EvaluationDataset.of(documents, corpus.instances(corpus.relations), tokenizer, marked=False)


def table(
    rows: Sequence[tuple[int, int, int, int]],
    weight: Sequence[float] | None = None,
    keys: Sequence[tuple[int, int]] | None = None,
) -> RowColumns:
    """Returns columns of (document, head, tail, relation) rows; uid is 0 without a relation; ``keys``: of entities."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4)
    numbers = np.where(columns[:, 3] == NO_RELATION, 0, np.arange(1, len(columns) + 1))
    weights = np.ones(len(columns)) if weight is None else np.asarray(weight)
    return RowColumns(
        uid=numbers.astype(np.uint64),
        document=columns[:, 0],
        head=columns[:, 1],
        tail=columns[:, 2],
        relation=columns[:, 3],
        weight=weights.astype(np.float32),
        head_key=np.array([head for head, _ in keys] if keys else [0] * len(columns), dtype=np.int64),
        tail_key=np.array([tail for _, tail in keys] if keys else [0] * len(columns), dtype=np.int64),
    )


def chosen(rows: Ints) -> list[set[int]]:
    """Returns padded rows of candidate numbers as sets."""
    return [set(row[row >= 0].tolist()) for row in rows]
