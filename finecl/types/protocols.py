"""Protocols of the parts that plugins bring, and the return types of the hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from finecl.types.arrays import BatchSampling, Floats, Generator, Unit
from finecl.types.batch import Batch
from finecl.types.contrast import LossSum, RowColumns
from finecl.types.documents import Document
from finecl.types.evidence import Evidence
from finecl.types.instances import Instances
from finecl.types.pairs import Pairs

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class NoiseScorer(Protocol):
    """Says how likely each silver label is wrong.

    An attribute ``needs``, a tuple, says what evidence it reads: "dynamics" (the default), "gold", "held-out" or
    "representations", see ``Evidence``. What no scorer needs is not made.
    """

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
    def anchors(self) -> Unit:
        """Which rows are anchors."""
        ...

    @property
    def candidates(self) -> Unit:
        """Which rows are compared with the anchors."""
        ...

    @property
    def draw(self) -> BatchSampling:
        """What a step must hold for the objective to have positives."""
        ...

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """Positives and negatives of each anchor, from integers only."""
        ...

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """The loss summed over ``pairs.terms`` terms; float32, finite, zero where there are no terms."""
        ...


AttentionBias: TypeAlias = "Callable[[int, int, Tensor, Tensor], Tensor | None]"
"""Sees the layer, the document and its queries and keys [heads, L, width]; gives [heads, L, L] to be added, or None."""


class TextEncoder(Protocol):
    """What an extractor is given to read text with."""

    @property
    def vocabulary(self) -> Sequence[str]:
        """The sub-words by their numbers."""
        ...

    @property
    def attention_shape(self) -> tuple[int, int, int]:
        """Layers, heads, and the width of a head."""
        ...

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

    def with_attention_bias(self, batch: Batch, bias: AttentionBias) -> Tensor:
        """States ``[T, H]`` while ``bias`` looks at attention, and adds to its scores before they are scaled."""
        ...


class Extractor(Protocol):
    """An ``nn.Module``: encoder and relation head. Built as ``factory(encoder, relations, **settings)``.

    ``relations`` is the number R of its logits; the last one is no-relation. A class attribute ``text`` of
    "marked-sentences" says that it reads those, entity 0 the head and entity 1 the tail; others read documents.
    A class attribute ``reads_encoder`` of False says that it reads the words alone: then the encoder is not trained.
    """

    def __call__(self, batch: Batch) -> Tensor:
        """Logits ``[P, R]`` of the asked entity pairs."""
        ...

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """Loss summed over pairs; ``labels_PR`` is multi-hot, its last column no-relation."""
        ...

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Scores ``[P, R - 1]`` of the relations, higher = more certain, comparable between pairs.

        Of marked sentences, a score above 0 says that the relation is likelier than no-relation.
        """
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


Scorers: TypeAlias = Mapping[str, Callable[..., NoiseScorer]]
Weightings: TypeAlias = Mapping[str, Callable[..., Weighting]]
Objectives: TypeAlias = Mapping[str, Callable[..., Objective]]
Extractors: TypeAlias = Mapping[str, Callable[..., Extractor]]
Formats: TypeAlias = Mapping[str, Callable[..., Format]]
