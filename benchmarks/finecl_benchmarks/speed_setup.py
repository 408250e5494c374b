"""Data, encoder and objectives shared by the engines of the speed benchmark: Re-DocRED, MiniLM, FineCL's losses."""

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
DOCUMENTS = 16  # documents per step; as many again with a query


@dataclass(frozen=True)
class StepTiming:
    """Measurements of one step: real tokens, seconds, and the part of the seconds spent on collating."""

    tokens: int
    seconds: float
    collate_seconds: float = 0.0


Engine = Callable[[int], Any]
"""Runs the step with a given number and returns a ``StepTiming``, or a dictionary with at least its fields."""


def documents_file() -> Path:
    """Returns the path of Re-DocRED's dev documents.

    Raises:
        SettingsError: the file does not exist.
    """
    return data_file("speed", "redocred/dev_revised.json")


@cache
def corpus() -> Corpus:
    """Reads Re-DocRED's dev documents."""
    return read_corpus(documents_file(), DataSettings(), plugins.load())


def extraction_dataset(tokenizer: DocumentTokenizer) -> ExtractionDataset:
    """Tokenises the documents for an extractor."""
    tokens = TokenizedCorpus.of(corpus(), tokenizer, cache_directory())
    return ExtractionDataset(tokens=tokens, instances=corpus().instances(corpus().relations))


def encoder_of(precision: Precision, **settings: Any) -> tuple[Encoder, DocumentTokenizer]:
    """Loads MiniLM and its tokenizer, in training mode."""
    encoder, tokenizer, _ = load_encoder(ModelSettings(precision=precision, **settings))
    encoder.train()
    return encoder, tokenizer


def pretraining(tokenizer: DocumentTokenizer, **settings: Any) -> PretrainingTask:
    """Sets up FineCL's pre-training objectives on Re-DocRED's dev documents, with all weights 1."""
    return pretraining_of(extraction_dataset(tokenizer), corpus(), tokenizer, **settings)


def pretraining_of(
    data: ExtractionDataset, corpus: Corpus, tokenizer: DocumentTokenizer, **settings: Any
) -> PretrainingTask:
    """Sets up FineCL's pre-training objectives on any corpus, with all weights 1."""
    registry = plugins.load()
    names = ("entity-discrimination", "relation-discrimination")
    silver = SilverData(
        tokens=data.tokens,
        instances=data.instances,
        weight=np.ones(len(data.instances), dtype=np.float32),
        unscored=1.0,
        relation_tokens=[tokenizer.encode(corpus.names.get(relation, relation)) for relation in corpus.relations],
        usable=reached(data.instances, data.tokens),
    )
    pretrain = PretrainSettings(**{"batch_size": DOCUMENTS, "max_steps": 1000, **settings})
    return PretrainingTask(
        silver=silver,
        tokenizer=tokenizer,
        settings=pretrain,
        objectives={name: registry.create("objective", name, {}) for name in names},
        coefficients=dict.fromkeys((*names, MLM), 1.0),
        seed=0,
    )
