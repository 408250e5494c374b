"""What stage "score" leaves beside the scores, for the report: other scorers on the same evidence, and neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from finecl.artifacts.files import write_parquet
from finecl.artifacts.scores_table import write_scores
from finecl.extraction.examples import ExtractionDataset
from finecl.extraction.prediction import pair_vectors
from finecl.metrics import dense_ranks
from finecl.numerics.ragged import find
from finecl.pipeline.context import Context
from finecl.registry import Part
from finecl.types import Evidence, EvidenceKind, Floats, Instances, Ints, NoiseScorer, Uids, declared

SCORERS, NEIGHBOURS = "scorers.parquet", "neighbours.parquet"
_ASKED, _AMONG, _NEAREST = 2_000, 20_000, 5  # bound what neighbours cost, whatever the size of the corpus


def other_scorers(
    context: Context, instances: Instances, evidence: Evidence, there: Sequence[EvidenceKind]
) -> dict[str, Floats]:
    """The noise ``[N]`` by every other registered scorer that needs no settings and only the evidence that is there."""
    found: dict[str, Floats] = {}
    for name, part in context.registry.parts("scorer").items():
        try:
            noise = _noise(part, instances, evidence, there) if name != context.method.scorer else None
        except Exception:  # nobody asked for it: what is wrong with it must not stop the run
            continue
        if noise is not None and noise.shape == (len(instances),) and not np.isnan(noise).any():
            found[name] = noise
    return found


def _noise(part: Part, instances: Instances, evidence: Evidence, there: Sequence[EvidenceKind]) -> Floats | None:
    scorer = part.create()
    if not set(declared(scorer, NoiseScorer, "required_evidence")) <= set(there):
        return None
    noise: Floats = np.asarray(scorer.score(instances, evidence), dtype=np.float32)
    return noise


def nearest_labels(context: Context, instances: Instances, noise: Floats) -> dict[str, Any]:
    """The nearest labels of the noisiest 2,000, among 20,000 labels of other pairs, drawn at random if there are more.

    Entity pairs are compared by the cosine of [head; tail], as the encoder has them before any training. Columns
    ``row`` [Q], and ``near`` and ``similarity`` [Q, 5], rows of the instances; -1 where there are fewer. Every rank
    takes part.
    """
    asked = np.sort(np.argsort(dense_ranks(noise), kind="stable")[-_ASKED:])
    candidates = np.sort(np.random.default_rng(context.settings.seed).permutation(len(instances))[:_AMONG])
    wanted = np.union1d(asked, candidates)
    documents = np.unique(instances.document[wanted])
    chosen = np.zeros(len(instances), dtype=np.bool_)
    chosen[wanted] = True
    part = instances.part(chosen, document=find(documents, instances.document))
    data = ExtractionDataset(tokens=context.labelled("silver").tokens.part(documents), instances=part)
    vectors = pair_vectors(context.encoder()[0], data)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    read = wanted[~np.isnan(vectors).any(axis=1)]
    asked, candidates = (np.intersect1d(some, read) for some in (asked, candidates))
    of_asked, of_among = (vectors[np.searchsorted(wanted, some)] for some in (asked, candidates))
    near, similarity = _nearest(of_asked, of_among, instances.pair[asked], instances.pair[candidates])
    return {"row": asked, "near": np.append(candidates, -1)[near], "similarity": similarity}


def _nearest(asked_QH: Floats, among_CH: Floats, pair_Q: Ints, pair_C: Ints) -> tuple[Ints, Floats]:
    """Numbers and similarities of the nearest candidates of other pairs ``[Q, 5]``, nearest first; -1 where none is."""
    near = np.full((len(asked_QH), _NEAREST), -1, dtype=np.int64)
    similarity = np.zeros(near.shape, dtype=np.float32)
    count = min(_NEAREST, len(among_CH))
    for begin in range(0, len(asked_QH) if count else 0, 256):
        part = slice(begin, begin + 256)
        cosine = asked_QH[part] @ among_CH.T
        cosine[pair_Q[part, None] == pair_C[None, :]] = -np.inf
        best = np.argsort(-cosine, axis=1, kind="stable")[:, :count]
        value = np.take_along_axis(cosine, best, axis=1)
        near[part, :count] = np.where(np.isfinite(value), best, -1)
        similarity[part, :count] = np.where(np.isfinite(value), value, 0.0)
    return near, similarity


def write_comparison(directory: Path, uids: Uids, noises: Mapping[str, Floats]) -> None:
    """Writes ``scorers.parquet``: a uid and a column for each scorer."""
    write_scores(directory / SCORERS, uids, noises)


def write_neighbours(directory: Path, found: Mapping[str, Any]) -> None:
    """Writes ``neighbours.parquet``; see ``nearest_labels``."""
    write_parquet(directory / NEIGHBOURS, {name: list(column) for name, column in found.items()})
