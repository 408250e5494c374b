"""Training dynamics and other evidence about each instance."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from finecl.errors import TrainingError
from finecl.types.arrays import Bools, DynamicsMode, EvidenceKind, Floats, Ints

_MAPPED_FROM = 2**28  # bytes from which an array of dynamics lies in a file


@dataclass(frozen=True, kw_only=True)
class Dynamics:
    """How a proxy model judged every instance in every epoch of its training: arrays ``[E, N]``.

    ``correct``: the label outranks every relation (and no-relation) that its pair is not labelled with;
    ``top``: the label is the arg-max over everything, which of a multi-label pair only one label can be;
    ``confidence``: the softmax probability of the label against those; ``margin``: its logit less the best of
    theirs; ``loss``: -log of the confidence, in nats. For a pair of one label these are the usual definitions.
    An instance that was not shown in an epoch (lost by truncation) is False, 0, -inf, +inf there.
    """

    correct: Bools
    top: Bools
    confidence: Floats
    margin: Floats
    loss: Floats

    @classmethod
    def empty(cls, epochs: int, instances: int) -> Dynamics:
        """Arrays in which nothing has been shown yet."""
        shape = (epochs, instances)
        return cls(
            correct=_filled(shape, False, np.bool_),
            top=_filled(shape, False, np.bool_),
            confidence=_filled(shape, 0.0, np.float32),
            margin=_filled(shape, -np.inf, np.float32),
            loss=_filled(shape, np.inf, np.float32),
        )

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays by name."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    def spread(self, place_I: Ints, count: int) -> Dynamics:
        """The same with each instance at its place among ``count``; the others were never shown."""
        wide = Dynamics.empty(len(self.correct), count)
        for name, column in wide.columns().items():
            column[:, place_I] = getattr(self, name)
        return wide


def _filled(shape: tuple[int, int], value: float, kind: type[np.generic]) -> npt.NDArray[Any]:
    """An array of one value; a large one lies in an unnamed file, so that it need not be in memory."""
    if shape[0] * shape[1] * np.dtype(kind).itemsize < _MAPPED_FROM:
        return np.full(shape, value, dtype=kind)
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, dtype=kind, mode="w+", shape=shape)
    mapped[:] = value
    return mapped


def first_epoch(correct_EN: Bools) -> Ints:
    """The first epoch, from 1, in which each instance was correct ``[N]``; 0 where it never was."""
    return np.where(correct_EN.any(axis=0), correct_EN.argmax(axis=0) + 1, 0).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What models showed of each instance; each part is made once and shared by every scorer.

    ``batch`` was seen on the proxy's training forward pass, before the update (paper, Algorithm 1); ``epoch`` on a
    full pass in evaluation mode at the epoch's end (Algorithm 2). Either may be missing if it was not asked for.
    ``gold`` are the logits of each instance's pair by an extractor that was trained on gold labels only;
    ``held_out`` those by a proxy that did not train on the instance's document; the last column is no-relation.
    ``representations`` are head and tail as the encoder has them before it is trained.
    What a scorer does not name in ``required_evidence`` is None.

    *Shape:* ``gold``, ``held_out`` [N, R]; ``representations`` [N, H]; NaN where an instance was not shown.
    """

    batch: Dynamics | None = None
    epoch: Dynamics | None = None
    gold: Floats | None = None
    held_out: Floats | None = None
    representations: Floats | None = None

    def dynamics(self, mode: DynamicsMode) -> Dynamics:
        """The dynamics of one mode.

        Raises:
            TrainingError: that mode was not recorded.
        """
        found = self.batch if mode == "batch" else self.epoch
        if found is None:
            raise TrainingError(f"the evidence holds no {mode}-based dynamics: run with proxy.record = 'both'")
        return found

    def array(self, need: EvidenceKind) -> Floats:
        """``gold``, ``held_out`` or ``representations`` by the name that a scorer gives in ``required_evidence``.

        Raises:
            TrainingError: the scorer did not name it.
        """
        found: Floats | None = getattr(self, need.replace("-", "_"))
        if found is None:
            raise TrainingError(
                f"the evidence holds no '{need}': the scorer must name it in its attribute 'required_evidence'"
            )
        return found
