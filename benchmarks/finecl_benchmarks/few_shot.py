"""N-way K-shot episodes: classifies by the nearest class mean of an encoder's vectors, without training."""

from __future__ import annotations

from typing import Any

import numpy as np

from finecl.artifacts.files import cache_directory
from finecl.config.schema import Settings
from finecl.corpus.corpus import Corpus
from finecl.errors import SettingsError
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.prediction import pair_vectors
from finecl.models.pretrained import load_encoder
from finecl.pipeline.corpora import read_corpus
from finecl.registry import Registry
from finecl.tokens.marked_sentences import MarkedSentences
from finecl.types import Floats, Ints
from finecl_benchmarks.task_files import Task


def episode_scores(task: Task, settings: Settings, registry: Registry) -> dict[str, Any]:
    """Computes the accuracy for each number of ways and shots, and their mean; trains nothing.

    The vector of a sentence is [head; tail], the states at the start markers.
    """
    data = type(settings.data)(format=task.data.get("format", "auto"))
    corpus: Corpus = read_corpus(task.path("test"), data, registry)
    encoder, tokenizer, _ = load_encoder(settings.model, seed=settings.seed, markers=True)
    sentences = MarkedSentences.of(corpus, tokenizer, cache_directory())
    instances = sentences.instances(corpus.instances(corpus.relations))
    vectors = pair_vectors(encoder, ExtractionDataset(tokens=sentences, instances=instances))
    readable = ~np.isnan(vectors).any(axis=1)
    sentences_and_relations = vectors[readable], instances.relation[readable]
    accuracies = {
        f"{ways}-way {shots}-shot": few_shot_accuracy(
            *sentences_and_relations, ways=ways, shots=shots, episodes=task.episodes["count"], seed=settings.seed
        )
        for ways in task.episodes["ways"]
        for shots in task.episodes["shots"]
    }
    mean = float(np.mean(list(accuracies.values())))
    return {"accuracy": mean, "episodes": accuracies, "sentences": int(readable.sum())}


def few_shot_accuracy(vectors: Floats, relation: Ints, *, ways: int, shots: int, episodes: int, seed: int) -> float:
    """Returns the accuracy of the nearest mean (cosine) of ``shots`` sentences, pair_filter ``ways`` relations.

    Each episode samples ``ways`` relations, ``shots`` sentences of each, and one query of one of them.

    *Shape:* ``vectors`` [N, H], ``relation`` [N].

    Raises:
        SettingsError: too few relations have enough sentences.
    """
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    members = [np.flatnonzero(relation == code) for code in np.unique(relation)]
    members = [rows for rows in members if len(rows) > shots]
    if len(members) < ways:
        raise SettingsError(f"expected {ways} relations of more than {shots} sentences, got {len(members)}")
    generator = np.random.default_rng([seed, ways, shots])
    correct = 0
    for _ in range(episodes):
        classes = generator.choice(len(members), ways, replace=False)
        sampled = [generator.choice(members[c], shots + 1, replace=False) for c in classes]
        means = np.stack([unit[rows[:-1]].mean(axis=0) for rows in sampled])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        target = int(generator.integers(ways))
        correct += int((means @ unit[sampled[target][-1]]).argmax() == target)
    return correct / episodes
