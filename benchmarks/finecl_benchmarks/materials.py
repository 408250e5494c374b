"""What the engines of the speed benchmark share: Re-DocRED's documents, MiniLM, FineCL's objectives, and a turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from finecl import registry as plugins
from finecl.artifacts.files import cache_directory
from finecl.config.schema import DataSettings, ModelSettings, PretrainSettings
from finecl.corpus.corpus import Corpus
from finecl.extraction.examples import ExtractionDataset
from finecl.models.encoder import Encoder
from finecl.models.pretrained import load_encoder
from finecl.pipeline.corpora import read_corpus
from finecl.pretraining.contrast_groups import SilverData
from finecl.pretraining.step_plan import MLM, PretrainingTask
from finecl.tokens.token_table import TokenizedCorpus, reached
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl_benchmarks.task_files import data_file

Precision = Literal["float32", "bf16"]
DOCUMENTS = 16  # of a step, and as many queried ones


@dataclass(frozen=True)
class Turn:
    """What one turn did: real tokens, seconds, and those of them that went by before anything was encoded."""

    tokens: int
    seconds: float
    collate_seconds: float = 0.0


Engine = Callable[[int], Any]
"""Makes a turn, given its number: a ``Turn``, or a dictionary that holds at least what it does."""


def documents_file() -> Path:
    """Re-DocRED's dev documents.

    Raises:
        SettingsError: they are not there.
    """
    return data_file("speed", "redocred/dev_revised.json")


@cache
def corpus() -> Corpus:
    """The documents as a corpus."""
    return read_corpus(documents_file(), DataSettings(), plugins.load())


def labelled(tokenizer: DocumentTokenizer) -> ExtractionDataset:
    """The documents as an extractor meets them."""
    tokens = TokenizedCorpus.of(corpus(), tokenizer, cache_directory())
    return ExtractionDataset(tokens=tokens, instances=corpus().instances(corpus().relations))


def encoder_of(precision: Precision, **settings: Any) -> tuple[Encoder, DocumentTokenizer]:
    """MiniLM in training mode."""
    encoder, tokenizer, _ = load_encoder(ModelSettings(precision=precision, **settings))
    encoder.train()
    return encoder, tokenizer


def pretraining(tokenizer: DocumentTokenizer, **settings: Any) -> PretrainingTask:
    """FineCL's objectives on the documents, all weights 1."""
    return pretraining_of(labelled(tokenizer), corpus(), tokenizer, **settings)


def pretraining_of(
    data: ExtractionDataset, corpus: Corpus, tokenizer: DocumentTokenizer, **settings: Any
) -> PretrainingTask:
    """The same on any documents."""
    registry = plugins.load()
    names = ("entity-discrimination", "relation-discrimination")
    silver = SilverData(
        tokens=data.tokens,
        instances=data.instances,
        weight=np.ones(len(data.instances), dtype=np.float32),
        unscored=1.0,
        relation_tokens=[tokenizer.encode(corpus.names.get(relation, relation)) for relation in corpus.relations],
        askable=reached(data.instances, data.tokens),
    )
    chosen = PretrainSettings(**{"batch_size": DOCUMENTS, "max_steps": 1000, **settings})
    return PretrainingTask(
        silver=silver,
        tokenizer=tokenizer,
        settings=chosen,
        objectives={name: registry.create("objective", name, {}) for name in names},
        coefficients=dict.fromkeys((*names, MLM), 1.0),
        seed=0,
    )
