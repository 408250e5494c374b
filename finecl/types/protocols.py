"""Protocols of the parts that plugins provide, and the return types of the hooks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, get_args, runtime_checkable

from finecl.types.arrays import BatchSampling, DynamicsMode, EvidenceKind, Floats, Generator, InputFormat, Unit

if TYPE_CHECKING:
    from torch import Tensor

    from finecl.types.batch import Batch
    from finecl.types.contrast import LossSum, RowColumns
    from finecl.types.documents import Document
    from finecl.types.evidence import Evidence
    from finecl.types.instances import Instances
    from finecl.types.pairs import Pairs


@runtime_checkable
class NoiseScorer(Protocol):
    """Scores how likely each silver label is wrong.

    Subclass it to inherit the default of ``required_evidence``.
    """

    @property
    def mode(self) -> DynamicsMode:
        """Dynamics that the scorer reads: of the training passes, or of the evaluation pass after each epoch.

        The report shows when labels were learned by this mode.
        """
        return "batch"

    @property
    def required_evidence(self) -> tuple[EvidenceKind, ...]:
        """Kinds of evidence that ``score`` reads; see ``Evidence``. A run computes no other kind."""
        return ("dynamics",)

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns the raw noise of each instance ``[N]``: higher = noisier, +inf = never learned; NaN is an error."""
        ...


@runtime_checkable
class Weighting(Protocol):
    """Maps raw noise to loss weights."""

    @property
    def unscored(self) -> float:
        """Returns the weight of a pair without a silver label."""
        ...

    def weigh(self, noise: Floats) -> Floats:
        """Returns the weight of each instance ``[N]``: finite, >= 0, non-increasing in noise; 0 drops the instance."""
        ...


@runtime_checkable
class Objective(Protocol):
    """A contrastive loss over the representations of a step's rows.

    ``anchors`` and ``candidates`` are the units that are compared, ``sampling`` is how a step's documents are sampled.
    Not all combinations are valid; see ``combination_fault``. Subclass it to inherit the defaults.
    """

    anchors: ClassVar[Unit] = "pair"
    candidates: ClassVar[Unit] = "pair"
    sampling: ClassVar[BatchSampling] = "documents"

    def pairs(self, anchors: RowColumns, candidates: RowColumns, generator: Generator) -> Pairs:
        """Returns the positives and negatives of each anchor; uses integer columns only."""
        ...

    def loss(self, x_AH: Tensor, y_CH: Tensor, pairs: Pairs, anchors: RowColumns, candidates: RowColumns) -> LossSum:
        """Returns the loss summed over ``pairs.terms`` terms; float32, finite, zero without terms."""
        ...


AttentionBias: TypeAlias = "Callable[[int, int, Tensor, Tensor], Tensor | None]"
"""Takes layer, document, queries and keys [heads, L, width]; returns a bias for the scores [heads, L, L], or None."""


class TextEncoder(Protocol):
    """The encoder that an extractor is built on."""

    @property
    def vocabulary(self) -> Sequence[str]:
        """Returns the sub-words in the order of their ids."""
        ...

    @property
    def attention_shape(self) -> tuple[int, int, int]:
        """Returns the number of layers, the number of heads, and the width of a head."""
        ...

    @property
    def hidden_size(self) -> int:
        """Returns the width H of the states."""
        ...

    def __call__(self, batch: Batch) -> Tensor:
        """Returns the states of the tokens of a packed batch ``[T, H]``."""
        ...

    def entities(self, states_TH: Tensor, batch: Batch) -> Tensor:
        """Computes entity representations ``[V, H]``, float32, from the states of a batch."""
        ...

    def with_attention_bias(self, batch: Batch, bias: AttentionBias) -> Tensor:
        """Returns states ``[T, H]`` with ``bias`` added to the attention scores before they are scaled."""
        ...


class Extractor(Protocol):
    """An ``nn.Module`` of an encoder and a relation head, built by ``factory(encoder, relations, **settings)``.

    ``relations`` is the number R of its logits; the last one is no-relation. ``input_format`` is what it reads:
    documents, or marked sentences, in which entity 0 is the head and entity 1 the tail. ``reads_encoder`` is False if
    it reads words only; the encoder is then not trained. ``initial_settings`` are settings that only initialise
    weights, such as the path of a word embedding file; they are not needed to load a trained extractor.
    Subclass it to inherit the defaults.
    """

    input_format: ClassVar[InputFormat] = "documents"
    reads_encoder: ClassVar[bool] = True
    initial_settings: ClassVar[tuple[str, ...]] = ()

    def __call__(self, batch: Batch) -> Tensor:
        """Returns the logits ``[P, R]`` of the batch's candidate pairs."""
        ...

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """Returns the loss summed over pairs; ``labels_PR`` is multi-hot, its last column no-relation."""
        ...

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Returns the scores ``[P, R - 1]`` of the relations: higher = more certain, comparable between pairs.

        For marked sentences, a score above 0 means that the relation is more likely than no-relation.
        """
        ...


class Format(Protocol):
    """A file format of documents.

    ``suffixes`` are the endings of file names, such as ``(".jsonl",)``, that this format writes when no format is
    named. A format without them is written only where it is named. ``one_label``: each document has exactly one label,
    so that a document without a label cannot be written.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    one_label: ClassVar[bool] = False

    def recognises(self, path: Path) -> bool:
        """Returns whether the file at ``path`` appears to have this format; reads only its beginning."""
        ...

    def read(self, path: Path) -> Iterator[Document]:
        """Yields the documents of a file.

        Raises:
            FormatError: the file is invalid; the message names file, place, field, the expected and the actual value.
        """
        ...

    def write(self, documents: Iterable[Document], path: Path) -> None:
        """Writes a file.

        Raises:
            FormatError: the format cannot represent a document without loss.
        """
        ...

    def rewrite(self, source: Path, documents: Iterable[Document | None], path: Path) -> None:
        """Writes ``source``, a file of this format, with other labels.

        ``documents`` are those of ``source`` in their order, with the labels to write; None leaves a document out. A
        format may keep what it reads past, such as additional columns. By default the documents are written as by
        ``write``.

        Raises:
            FormatError: the format cannot represent a document without loss.
        """
        self.write((document for document in documents if document is not None), path)


class Recogniser(Protocol):
    """A recogniser of named entities in raw text, built by ``factory(source, **settings)``.

    ``source`` is what stands after the colon of ``--ner NAME:SOURCE``: a model, a directory or a file.
    """

    def find(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the documents, in order, with the recognised entities in place of their own, and without labels."""
        ...


Scorers: TypeAlias = Mapping[str, Callable[..., NoiseScorer]]
Weightings: TypeAlias = Mapping[str, Callable[..., Weighting]]
Objectives: TypeAlias = Mapping[str, Callable[..., Objective]]
Extractors: TypeAlias = Mapping[str, Callable[..., Extractor]]
Formats: TypeAlias = Mapping[str, Callable[..., Format]]
Recognisers: TypeAlias = Mapping[str, Callable[..., Recogniser]]


def declared(part: Any, protocol: type, name: str) -> Any:
    """Returns an optional member of a part, or of its class; the protocol's default if neither defines it."""
    value = getattr(part, name, None)
    if value is None or isinstance(value, property):
        default: Any = inspect.getattr_static(protocol, name)
        value = default.fget(part) if isinstance(default, property) and default.fget else default
    return value


def combination_fault(objective: Any) -> str | None:
    """Returns why an objective's units and sampling cannot be combined; None if they can.

    Documents offer entity pairs, or queries and entities; sampled pairs of sentences offer entity pairs only.
    """
    kinds = {"anchors": Unit, "candidates": Unit, "sampling": BatchSampling}
    values = {name: declared(objective, Objective, name) for name in kinds}
    for name, value in values.items():
        if value not in get_args(kinds[name]):
            return f"{name} must be one of {', '.join(get_args(kinds[name]))}, got {value!r}"
    anchors, candidates, sampling = values.values()
    if {anchors, candidates} == {"pair"}:
        return None
    if sampling != "documents":
        return f"sampling '{sampling}' needs anchors and candidates 'pair', got '{anchors}' and '{candidates}'"
    if "pair" in (anchors, candidates):
        expected = "anchors and candidates must both be 'pair', or both 'query' or 'entity'"
        return f"{expected}, got '{anchors}' and '{candidates}'"
    return None
