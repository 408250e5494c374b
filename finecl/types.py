"""The nouns that travel between the engine and its plugins, and the protocols that plugins satisfy.

Shape letters, here and in every name that ends in capitals: N instances, E epochs (of evidence), A anchors,
C candidates, P positives of an anchor (or asked entity pairs), K negatives of an anchor, R relations,
H hidden width, T sub-word tokens of a packed batch, D documents, V entities of a packed batch.

Importing this module loads numpy, not torch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from finecl.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int64]
Uids: TypeAlias = npt.NDArray[np.uint64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Generator: TypeAlias = np.random.Generator

View = Literal["pair", "query", "entity"]
Draw = Literal["documents", "relation-pairs", "entity-pairs"]
DynamicsMode = Literal["batch", "epoch"]

NO_RELATION = -1
"""The relation code of a pair that carries no label, in every table: never the id of a real relation."""

_MAPPED_FROM = 2**28  # bytes from which an array of dynamics lies in a file


# ---------------------------------------------------------------- text with entities and labels


@dataclass(frozen=True, kw_only=True)
class Mention:
    """One place where an entity is named: words ``[start, end)`` of sentence ``sentence``."""

    sentence: int
    start: int
    end: int
    name: str
    type: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entity:
    """A thing that a document speaks of, by its mentions; ``id`` is its name in a knowledge graph, if known."""

    mentions: tuple[Mention, ...]
    id: str | None = None

    @property
    def type(self) -> str | None:
        """The type of the first mention that has one."""
        return next((mention.type for mention in self.mentions if mention.type), None)


@dataclass(frozen=True, kw_only=True)
class Label:
    """A claim that entity ``head`` stands in ``relation`` to entity ``tail`` (indices into the document's entities).

    ``truth`` is what the text really says where that is known (a relation name, or the corpus's no-relation
    name). Training never reads it; only the measurement of a noise scorer does.
    """

    head: int
    tail: int
    relation: str
    evidence: tuple[int, ...] = ()
    truth: str | None = None


@dataclass(frozen=True, kw_only=True)
class Document:
    """Sentences of words, the entities they mention and the labelled relations between those.

    A sentence-level data set is the case of one sentence, two entities and one label.
    """

    title: str
    sentences: tuple[tuple[str, ...], ...]
    entities: tuple[Entity, ...]
    labels: tuple[Label, ...] = ()


# ---------------------------------------------------------------- what is scored, weighed and trained on


@dataclass(frozen=True, kw_only=True)
class Instances:
    """Every (document, head, tail, relation) label of a corpus as columns of length N.

    ``relation`` holds ids into ``relations``; ``uid`` is a hash of the content, so it survives shuffling,
    filtering and sharding; ``pair`` numbers the distinct (document, head, tail), 0 .. pairs - 1.
    """

    uid: Uids
    document: Ints
    head: Ints
    tail: Ints
    relation: Ints
    pair: Ints
    relations: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.uid)


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
    """What a proxy model showed of each instance; made once, shared by every scorer.

    ``batch`` was seen on the training forward pass, before the update (paper, Algorithm 1); ``epoch`` on a full
    pass in evaluation mode at the epoch's end (Algorithm 2). Either may be missing if it was not asked for.
    """

    batch: Dynamics | None = None
    epoch: Dynamics | None = None

    def dynamics(self, mode: DynamicsMode) -> Dynamics:
        """The dynamics of one mode.

        Raises:
            TrainingError: that mode was not recorded.
        """
        found = self.batch if mode == "batch" else self.epoch
        if found is None:
            raise TrainingError(f"the evidence holds no {mode}-based dynamics: run with proxy.record = 'both'")
        return found


@dataclass(frozen=True, kw_only=True)
class Table:
    """Integer columns of the rows of one view in one step, and their weights; every column has the same length.

    ``document`` numbers the documents of the step; ``head`` and ``tail`` are entities of that document;
    ``relation`` is ``NO_RELATION`` for a pair without a label; ``uid`` is 0 where there is no label.
    View "pair": a row is one labelled instance, or one pair without a label. View "query": a row is the instance
    that a queried document asks for. View "entity": a row is one entity of a queried document, in ``head``;
    ``tail`` is -1, and ``relation`` is the queried relation if the labels make this entity a tail of the query.
    """

    uid: Uids
    document: Ints
    head: Ints
    tail: Ints
    relation: Ints
    weight: Floats

    def __len__(self) -> int:
        return len(self.document)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Which candidates are positive and which negative for each anchor: candidate rows, padded with -1.

    ``terms`` is the number of terms that the objective's loss will sum. It is known before anything is encoded,
    so accumulated passes and ranks can be normalised exactly.

    *Shape:* ``positive_AP`` [A, P], ``negative_AK`` [A, K].
    """

    positive_AP: Ints
    negative_AK: Ints
    terms: int

    @classmethod
    def contrastive(cls, positive_AP: Ints, negative_AK: Ints) -> Pairs:
        """Pairs whose terms are the (anchor, positive) pairs of anchors that have at least one negative."""
        has_negative_A: Bools = np.any(negative_AK >= 0, axis=1)
        terms = int(((positive_AP >= 0) & has_negative_A[:, None]).sum())
        return cls(positive_AP=positive_AP, negative_AK=negative_AK, terms=terms)

    @classmethod
    def from_masks(cls, positive_AC: Bools, negative_AC: Bools, limit: int | None, generator: Generator) -> Pairs:
        """Contrastive pairs from masks, keeping at most ``limit`` negatives an anchor, drawn without replacement.

        *Shape:* ``positive_AC``, ``negative_AC`` [A, C].
        """
        count = positive_AC.shape[1]
        positive_AP = _drawn(np.arange(len(positive_AC)), count, None, lambda a, c: positive_AC[a, c], generator)
        negative_AK = _drawn(np.arange(len(negative_AC)), count, limit, lambda a, c: negative_AC[a, c], generator)
        return cls.contrastive(positive_AP, negative_AK)

    @classmethod
    def drawn(
        cls,
        positive_AP: Ints,
        candidates: int,
        limit: int | None,
        allowed: Callable[[Ints, Ints], Bools],
        generator: Generator,
    ) -> Pairs:
        """Contrastive pairs with at most ``limit`` negatives an anchor, drawn without replacement.

        ``allowed(anchor rows, candidate rows)``, two arrays that broadcast, says which candidates may be negatives of
        which anchors. It is never asked about all pairs at once when there are many, so groups of thousands of
        documents are as good as small ones. Anchors without a positive get no negatives.

        *Shape:* ``positive_AP`` [A, P].
        """
        paired = np.flatnonzero(np.any(positive_AP >= 0, axis=1))
        drawn = _drawn(paired, candidates, limit, allowed, generator)
        negative_AK = np.full((len(positive_AP), drawn.shape[1]), -1, dtype=np.int64)
        negative_AK[paired] = drawn
        return cls.contrastive(positive_AP, negative_AK)


def _drawn(
    anchors: Ints, candidates: int, limit: int | None, allowed: Callable[[Ints, Ints], Bools], generator: Generator
) -> Ints:
    from finecl.negatives import draw_negatives

    return draw_negatives(anchors, candidates, limit, allowed, generator)


@dataclass(frozen=True, kw_only=True)
class LossSum:
    """A loss summed over one rank's terms, and the number of those terms. Never a mean."""

    total: Tensor
    terms: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Documents packed into one row of tokens without padding, with their entities and asked pairs.

    Entities are given as a sparse matrix over tokens (CSR): entity ``v`` is the weighted sum of the tokens
    ``member_M[offset_V[v]:offset_V[v + 1]]``, the mean over its mentions of the mean over each mention's tokens
    (FineCL, eq. 4). ``head_P`` and ``tail_P`` are rows of entities.

    *Shape:* ``input_ids``, ``position_ids`` [1, T]; ``lengths`` D numbers that add up to T, ``entities`` D numbers
    that add up to V; ``member_M``,
    ``share_M`` [M]; ``offset_V`` (first member of each entity), ``start_V`` (its first token, counted from the
    start of its document) [V]; ``head_P``, ``tail_P`` [P].
    """

    input_ids: Tensor
    position_ids: Tensor
    lengths: tuple[int, ...]
    entities: tuple[int, ...]
    member_M: Tensor
    share_M: Tensor
    offset_V: Tensor
    start_V: Tensor
    head_P: Tensor
    tail_P: Tensor

    def to(self, device: str) -> Batch:
        """The same batch on another device."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        tensors = {name: c.to(device, non_blocking=True) for name, c in columns.items() if not isinstance(c, tuple)}
        return replace(self, **tensors)


# ---------------------------------------------------------------- what plugins bring


@runtime_checkable
class NoiseScorer(Protocol):
    """Says how likely each silver label is wrong."""

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """One number an instance ``[N]``, raw: higher = noisier, +inf = never looked clean; NaN is refused."""
        ...


@runtime_checkable
class Weighting(Protocol):
    """Turns raw noise into what the loss multiplies by."""

    @property
    def unscored(self) -> float:
        """The weight of a pair that carries no silver label."""
        ...

    def weigh(self, noise: Floats) -> Floats:
        """One weight an instance ``[N]``: finite, >= 0, never rising with noise; 0 drops the instance."""
        ...


@runtime_checkable
class Objective(Protocol):
    """A contrastive loss over the representations of a step's rows."""

    @property
    def anchors(self) -> View:
        """Which rows are anchors."""
        ...

    @property
    def candidates(self) -> View:
        """Which rows are compared with the anchors."""
        ...

    @property
    def draw(self) -> Draw:
        """What a step must hold for the objective to have positives."""
        ...

    def pairs(self, anchors: Table, candidates: Table, generator: Generator) -> Pairs:
        """Positives and negatives of each anchor, from integers only."""
        ...

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: Table, candidates: Table) -> LossSum:
        """The loss summed over ``pairs.terms`` terms; float32, finite, zero where there are no terms."""
        ...


class TextEncoder(Protocol):
    """What an extractor is given to read text with."""

    @property
    def hidden_size(self) -> int:
        """Width H of its states."""
        ...

    def __call__(self, batch: Batch) -> Tensor:
        """States of the tokens of a packed batch ``[T, H]``."""
        ...

    def entities(self, states_TH: Tensor, batch: Batch) -> Tensor:
        """Entity representations ``[V, H]``, float32, from the states of a batch."""
        ...


class Extractor(Protocol):
    """An ``nn.Module``: encoder and relation head. Built as ``factory(encoder, relations, **settings)``.

    ``relations`` is the number R of its logits; the last one is no-relation.
    """

    def __call__(self, batch: Batch) -> Tensor:
        """Logits ``[P, R]`` of the asked entity pairs."""
        ...

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """Loss summed over pairs; ``labels_PR`` is multi-hot, its last column no-relation."""
        ...

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Scores ``[P, R - 1]`` of the relations, higher = more certain, comparable between pairs."""
        ...


class Format(Protocol):
    """A file format of the field."""

    def recognises(self, path: Path) -> bool:
        """Whether the file at ``path`` looks like this format; reads no more than its beginning."""
        ...

    def read(self, path: Path) -> Iterator[Document]:
        """The documents of a file.

        Raises:
            FormatError: names the file, the place, the field, what was expected and what came.
        """
        ...

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes a file, or refuses with a FormatError that says what the format cannot hold."""
        ...


@dataclass(frozen=True, kw_only=True)
class Method:
    """A published recipe, as data: names of parts, to be found in the registry.

    ``objectives`` are (coefficient, name) pairs; ``mlm`` is the coefficient of masked language modelling;
    ``settings`` are values of the parts, as ``{"objective.relation-discrimination.temperature": 0.05}``.
    """

    scorer: str | None
    weighting: str
    objectives: tuple[tuple[float, str], ...]
    mlm: float = 1.0
    text: Literal["documents", "marked-sentences"] = "documents"
    summary: str = ""
    citation: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


Scorers: TypeAlias = Mapping[str, Callable[..., NoiseScorer]]
Weightings: TypeAlias = Mapping[str, Callable[..., Weighting]]
Objectives: TypeAlias = Mapping[str, Callable[..., Objective]]
Methods: TypeAlias = Mapping[str, Method]
Extractors: TypeAlias = Mapping[str, Callable[..., Extractor]]
Formats: TypeAlias = Mapping[str, Callable[..., Format]]
