"""Results of stage "score" for the report: other scorers on the same evidence, and the nearest labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from finecl.artifacts.files import write_parquet
from finecl.errors import SettingsError
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.prediction import pair_vectors
from finecl.metrics.counts import dense_ranks
from finecl.numerics.ragged import find
from finecl.pipeline.fingerprints import required_evidence
from finecl.pipeline.run_data import RunData
from finecl.pipeline.run_spec import RunSpec
from finecl.progress import Listener
from finecl.scoring.validation import checked_noise
from finecl.types import Evidence, Floats, Instances, Ints, NoiseScorer, declared

_QUERIES, _CANDIDATES, _NEAREST = 2_000, 20_000, 5  # bound the cost of neighbours, whatever the size of the corpus


def other_scorers(spec: RunSpec, instances: Instances, evidence: Evidence, listener: Listener) -> dict[str, Floats]:
    """Returns the noise ``[N]`` by every other registered scorer that needs no settings and no further evidence.

    A scorer that fails is named in a note and left out: the run did not ask for it.
    """
    available = set(required_evidence(spec))
    noises: dict[str, Floats] = {}
    for name, part in spec.registry.parts("scorer").items():
        if name == spec.method.scorer:
            continue
        try:
            scorer = part.create()
        except SettingsError:  # it needs settings
            continue
        try:
            if set(declared(scorer, NoiseScorer, "required_evidence")) <= available:
                noises[name] = checked_noise(name, scorer.score(instances, evidence), len(instances))
        except Exception as error:  # whatever a third party's scorer raises
            listener.note(f"scorer '{name}' is left out of the comparison: {type(error).__name__}: {error}")
    return noises


def nearest_labels(data: RunData, instances: Instances, noise: Floats) -> dict[str, Any]:
    """Returns the nearest labels of the noisiest 2,000, among at most 20,000 random labels of other entity pairs.

    Entity pairs are compared by the cosine of [head; tail] in the encoder before any training. Columns ``row`` [Q],
    and ``near`` and ``similarity`` [Q, 5], rows of the instances; -1 where there are fewer. Every rank takes part.
    """
    queries = np.sort(np.argsort(dense_ranks(noise), kind="stable")[-_QUERIES:])
    candidates = np.sort(np.random.default_rng(data.spec.settings.seed).permutation(len(instances))[:_CANDIDATES])
    rows = np.union1d(queries, candidates)
    documents = np.unique(instances.document[rows])
    selected = np.zeros(len(instances), dtype=np.bool_)
    selected[rows] = True
    part = instances.part(selected, document=find(documents, instances.document))
    dataset = ExtractionDataset(tokens=data.dataset("silver").tokens.part(documents), instances=part)
    vectors = pair_vectors(data.encoder()[0], dataset)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    known = rows[~np.isnan(vectors).any(axis=1)]
    queries, candidates = (np.intersect1d(selection, known) for selection in (queries, candidates))
    query_QH, candidate_CH = (vectors[np.searchsorted(rows, selection)] for selection in (queries, candidates))
    near, similarity = _nearest(query_QH, candidate_CH, instances.pair[queries], instances.pair[candidates])
    return {"row": queries, "near": np.append(candidates, -1)[near], "similarity": similarity}


def _nearest(query_QH: Floats, candidate_CH: Floats, pair_Q: Ints, pair_C: Ints) -> tuple[Ints, Floats]:
    """Numbers and similarities of the nearest candidates of other pairs ``[Q, 5]``, nearest first; -1 where none is."""
    near = np.full((len(query_QH), _NEAREST), -1, dtype=np.int64)
    similarity = np.zeros(near.shape, dtype=np.float32)
    count = min(_NEAREST, len(candidate_CH))
    for begin in range(0, len(query_QH) if count else 0, 256):
        part = slice(begin, begin + 256)
        cosine = query_QH[part] @ candidate_CH.T
        cosine[pair_Q[part, None] == pair_C[None, :]] = -np.inf
        best = np.argsort(-cosine, axis=1, kind="stable")[:, :count]
        value = np.take_along_axis(cosine, best, axis=1)
        near[part, :count] = np.where(np.isfinite(value), best, -1)
        similarity[part, :count] = np.where(np.isfinite(value), value, 0.0)
    return near, similarity


def write_neighbours(path: Path, neighbours: Mapping[str, Any]) -> None:
    """Writes ``neighbours.parquet``; see ``nearest_labels``."""
    write_parquet(path, {name: list(column) for name, column in neighbours.items()})
