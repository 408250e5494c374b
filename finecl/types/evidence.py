"""Training dynamics and other evidence from which noise scorers score instances."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from finecl.errors import TrainingError
from finecl.types.arrays import Bools, DynamicsMode, EvidenceKind, Floats, Ints
from finecl.types.documents import Document

_MAPPED_FROM = 2**28  # bytes; arrays of dynamics of this size or more are memory-mapped


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """Training dynamics: predictions of a proxy model for every instance in every epoch, arrays ``[E, N]``.

    ``correct``: the label's logit exceeds those of all relations (and no-relation) that its pair is not labelled
    with; ``top``: the label is the arg-max over all relations, true of at most one label of a multi-label pair;
    ``confidence``: the softmax probability of the label against the relations of ``correct``; ``margin``: its logit
    minus the largest of theirs; ``loss``: -log of the confidence, in nats. For single-label pairs these are the usual
    definitions. An instance that was not seen in an epoch (lost by truncation) has False, 0, -inf and +inf.
    """

    correct: Bools
    top: Bools
    confidence: Floats
    margin: Floats
    loss: Floats

    @classmethod
    def empty(cls, epochs: int, instances: int) -> Dynamics:
        """Returns arrays in which no instance has been seen."""
        shape = (epochs, instances)
        return cls(
            correct=_filled(shape, False, np.bool_),
            top=_filled(shape, False, np.bool_),
            confidence=_filled(shape, 0.0, np.float32),
            margin=_filled(shape, -np.inf, np.float32),
            loss=_filled(shape, np.inf, np.float32),
        )

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Returns the arrays by name."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    def spread(self, place_I: Ints, count: int) -> Dynamics:
        """Returns dynamics of ``count`` instances: instance i moves to ``place_I[i]``, all others are unseen."""
        wide = Dynamics.empty(len(self.correct), count)
        for name, column in wide.columns().items():
            column[:, place_I] = getattr(self, name)
        return wide


def _filled(shape: tuple[int, int], value: float, kind: type[np.generic]) -> npt.NDArray[Any]:
    """Returns a constant array; a large one is memory-mapped from an unnamed file to save memory."""
    if shape[0] * shape[1] * np.dtype(kind).itemsize < _MAPPED_FROM:
        return np.full(shape, value, dtype=kind)
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, dtype=kind, mode="w+", shape=shape)
    mapped[:] = value
    return mapped


def first_epoch(correct_EN: Bools) -> Ints:
    """Returns the first epoch (from 1) in which each instance was correct ``[N]``; 0 if it never was."""
    return np.where(correct_EN.any(axis=0), correct_EN.argmax(axis=0) + 1, 0).astype(np.int64)


class LabelTexts(Protocol):
    """The text of each instance, read on demand; a corpus stays on disk.

    ``words_between`` and ``sentences_between`` [N]: between the nearest mentions of head and tail; 0 if they overlap or
    are adjacent, or in one sentence. Words are counted in document order, across sentences.
    """

    @property
    def words_between(self) -> Ints:
        """Returns the number of words between the nearest mentions ``[N]``."""
        ...

    @property
    def sentences_between(self) -> Ints:
        """Returns the distance in sentences of the nearest mentions ``[N]``; 0: in one sentence."""
        ...

    def documents(self) -> Iterator[tuple[Document, Ints]]:
        """Yields each document that has instances, with the numbers of its instances."""
        ...


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Model outputs for each instance; each kind is computed once and shared by all scorers.

    ``batch``: dynamics of the proxy's training forward passes, before the update (paper, Algorithm 1).
    ``epoch``: dynamics of a full pass in evaluation mode at the end of each epoch (Algorithm 2).
    ``gold``: logits of each instance's pair from an extractor trained on gold labels only.
    ``held_out``: logits from a proxy that was not trained on the instance's document. The last column of both is
    no-relation. ``representations``: head and tail as encoded before training. ``statements``: cosines of the label's
    sentence to statements of each relation, and of none in the last column, without training. ``text``: documents and
    mentions.
    A kind that no scorer names in ``required_evidence`` is None; so is a mode of dynamics that was not recorded.

    *Shape:* ``gold``, ``held_out`` [N, R]; ``representations`` [N, H]; NaN where an instance was not seen.
    ``statements`` [N, R]; NaN where a relation was not compared.
    """

    batch: Dynamics | None = None
    epoch: Dynamics | None = None
    gold: Floats | None = None
    held_out: Floats | None = None
    representations: Floats | None = None
    statements: Floats | None = None
    text: LabelTexts | None = None

    def texts(self) -> LabelTexts:
        """Returns ``text``.

        Raises:
            TrainingError: the scorer did not name "text" in ``required_evidence``.
        """
        if self.text is None:
            raise TrainingError("the evidence holds no 'text': the scorer must name it in 'required_evidence'")
        return self.text

    def dynamics(self, mode: DynamicsMode) -> Dynamics:
        """Returns the dynamics of one mode.

        Raises:
            TrainingError: that mode was not recorded.
        """
        dynamics = self.batch if mode == "batch" else self.epoch
        if dynamics is None:
            raise TrainingError(f"the evidence holds no {mode}-based dynamics: run with proxy.record = 'both'")
        return dynamics

    def array(self, need: EvidenceKind) -> Floats:
        """Returns ``gold``, ``held_out``, ``representations`` or ``statements`` by the name in ``required_evidence``.

        Raises:
            TrainingError: the scorer did not name this kind in ``required_evidence``.
        """
        evidence: Floats | None = getattr(self, need.replace("-", "_"))
        if evidence is None:
            raise TrainingError(
                f"the evidence holds no '{need}': the scorer must name it in its attribute 'required_evidence'"
            )
        return evidence
