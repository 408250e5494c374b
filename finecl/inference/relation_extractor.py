"""``RelationExtractor``: predicts triples from texts with entities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np

from finecl.errors import SettingsError
from finecl.extraction.decision import DecisionRule, Predictions
from finecl.extraction.pair_scores import Backend, score_pairs
from finecl.extraction.type_constraints import TypeConstraints, TypeTriples
from finecl.inference.inputs import read_inputs
from finecl.inference.loading import find_extractor, load
from finecl.inference.ner import recogniser, refuse_without_entities, with_entities
from finecl.inference.triples import Triple, TripleLists, triples_by_document
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.tokens.windows import Row, distinct_pairs, document_rows, every_pair, labelled_pairs, sentence_rows
from finecl.types import Document, Ints, Recogniser

__all__ = ["RelationExtractor"]

PairChoice = Literal["all", "labelled"] | Sequence[Any]
CHUNK = 256  # documents that are sorted by length and encoded together; evaluation results do not depend on it


@dataclass(frozen=True, kw_only=True)
class RelationExtractor:
    """Extracts relations between the entities of texts. Create it with ``from_pretrained`` and call it.

    Texts of similar length are encoded together; results have the order of the inputs. A document longer than the
    encoder's maximum is read in windows that overlap by half (or truncated, if the extractor was evaluated so): a pair
    is scored in each window with mentions of both entities, and its highest score counts. Extractors of marked
    sentences score pairs within one sentence and predict at most one relation per pair.
    """

    directory: Path
    config: Mapping[str, Any]
    tokenizer: DocumentTokenizer
    backend: Backend
    marked: bool
    found_by: Recogniser | None = None
    _left_out: list[int] = field(default_factory=lambda: [0], init=False, repr=False, compare=False)

    @property
    def pairs_left_out(self) -> int:
        """The number of entity pairs so far that no sentence or window held, so that they were not scored."""
        return self._left_out[0]

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        variant: str = "pretrained",
        revision: str | None = None,
        ner: str | Recogniser | None = None,
        ner_settings: Mapping[str, Any] | None = None,
        backend: Literal["torch", "onnx"] = "torch",
        onnx_file: str | Path | None = None,
        device: str = "auto",
        precision: Literal["auto", "float32", "bf16"] = "auto",
        max_tokens: int | None = None,
    ) -> RelationExtractor:
        """Loads the extractor of a directory (RUN/extractor/VARIANT), of a run, or on the Hugging Face hub.

        Args:
            name: a directory, a run directory, or OWNER/NAME on the hub.
            variant: which of a run's extractors: "pretrained" or "plain".
            revision: branch, tag or commit on the hub.
            ner: recogniser for texts without entities: NAME:SOURCE as for ``--ner``, or an object with ``find``.
            ner_settings: settings of the recogniser, such as ``{"labels": ["drug", "gene"]}``.
            backend: "onnx" runs the file that ``finecl export`` writes, on the CPU; needs the extra ``finecl[onnx]``.
            onnx_file: that file; default: ``model.onnx`` in the extractor's directory.
            device: "auto", "cpu", "cuda" or "cuda:N".
            precision: "auto" computes in bfloat16 where the hardware supports it.
            max_tokens: maximum sub-words per encoder pass; default: 6144 on a CPU and 32768 on a GPU.

        Raises:
            ModelError: the extractor does not exist or cannot be read.
            SettingsError, PluginError: ``ner`` names no recogniser, or it does not have a setting.
        """
        directory = find_extractor(name, variant=variant, revision=revision)
        loaded = load(
            directory, backend=backend, file=onnx_file, device=device, precision=precision, max_tokens=max_tokens
        )
        return cls(
            directory=directory, config=loaded.config, tokenizer=loaded.tokenizer, backend=loaded.backend,
            marked=loaded.marked, found_by=recogniser(ner, ner_settings) if isinstance(ner, str) else ner,
        )  # fmt: skip

    @property
    def relations(self) -> list[str]:
        """The relations that the extractor predicts."""
        return list(self.config["relations"])

    def __call__(
        self,
        inputs: Any,
        entities: Any = None,
        *,
        pairs: PairChoice = "all",
        threshold: float | None = None,
        type_constraints: bool | Mapping[str, TypeTriples] = False,
        is_split_into_words: bool = False,
    ) -> Any:
        """Returns the triples of a text, highest score first; for several texts a list of such lists.

        The list has a method ``to_pandas``.

        Args:
            inputs: a text, a ``finecl.types.Document``, a mapping with ``text`` or ``tokens`` and ``entities`` (or with
                DocRED's columns), or a list or ``datasets.Dataset`` of these.
            entities: of a text, or one list per text. An entity is ``(start, end)`` in characters, a mapping with
                ``start``, ``end`` and optionally ``name``, ``type`` and ``id``, or a list of such mentions. Without
                them, the recogniser ``ner`` of ``from_pretrained`` is used.
            pairs: "all" ordered pairs; the "labelled" pairs of documents; or ``[(head, tail), ...]`` by entity numbers,
                one such list per text.
            threshold: minimum probability of a triple; default: the score threshold that dev chose.
            type_constraints: True leaves out triples whose entity types have this relation nowhere in the training
                data, if it has both types; a mapping ``{relation: [(head type, tail type), ...]}`` allows these only.
            is_split_into_words: texts are lists of tokens, and spans count tokens.

        Raises:
            FormatError: an entity lies outside the text, or its name differs from the text.
            SettingsError: a pair, the threshold or the constraints are invalid, or there are neither entities nor a
                recogniser.
        """
        documents, single = read_inputs(inputs, entities, split=is_split_into_words)
        selected = pairs if isinstance(pairs, str) else iter([pairs] if single else pairs)
        documents = refuse_without_entities(documents, self.found_by) if entities is None else documents
        triples = list(self.stream(documents, pairs=selected, threshold=threshold, type_constraints=type_constraints))
        return triples[0] if single else TripleLists(triples)

    def stream(
        self,
        documents: Iterable[Document],
        *,
        pairs: str | Iterable[Any] = "all",
        threshold: float | None = None,
        type_constraints: bool | Mapping[str, TypeTriples] = False,
        chunk: int = CHUNK,
        find_entities: bool = True,
    ) -> Iterator[list[Triple]]:
        """Yields the triples of each document, in order; ``chunk`` documents are in memory at a time. See ``__call__``.

        ``find_entities`` False does not run the recogniser: the documents went through ``with_entities`` before.
        """
        rule = self._rule(threshold)
        constraints = self._constraints(type_constraints)
        rest = iter(documents)
        selected = pairs if isinstance(pairs, str) else iter(pairs)
        while piece := list(islice(rest, chunk)):
            piece = self.with_entities(piece) if find_entities else piece
            yield from self._triples(piece, _selected_pairs(piece, selected), rule, constraints)
        if not isinstance(selected, str) and next(selected, None) is not None:
            raise SettingsError("pairs: expected one list of pairs per text, got more lists than texts")

    def with_entities(self, documents: Sequence[Document]) -> list[Document]:
        """Returns the documents; those without entities get the recognised ones, if there is a recogniser."""
        return with_entities(documents, self.found_by)

    def save_pretrained(self, directory: str | Path, *, license: str | None = None) -> Path:
        """Writes the extractor and a model card into a directory, atomically, and returns the directory. ``license``:
        that of the weights, by its name on the hub.
        """
        from finecl.inference.hub import save

        return save(self.directory, Path(directory), license=license)

    def push_to_hub(self, repo_id: str, *, private: bool = False, license: str | None = None) -> str:
        """Uploads the extractor and a model card to OWNER/NAME on the hub; returns its address.

        Raises:
            ModelError: the hub refuses the upload.
        """
        from finecl.inference.hub import push

        return push(self.directory, repo_id, private=private, license=license)

    def _rule(self, threshold: float | None) -> DecisionRule:
        if threshold is not None and not 0 <= threshold <= 1:
            raise SettingsError(f"threshold: expected a probability from 0 to 1, got {threshold}")
        return DecisionRule.of(self.config, marked=self.marked, probability=threshold)

    def _constraints(self, choice: bool | Mapping[str, TypeTriples]) -> TypeConstraints | None:
        if isinstance(choice, Mapping):
            return TypeConstraints.of_mapping(choice, self.config["relations"])
        if not choice:
            return None
        triples = self.config.get("type_triples")
        if not triples:
            raise SettingsError(
                "type_constraints: expected an extractor fine-tuned on typed entities, got one without; "
                "give a mapping {relation: [(head type, tail type), ...]}"
            )
        return TypeConstraints.of(triples, self.config["relations"])

    def _triples(
        self,
        documents: Sequence[Document],
        pairs: Sequence[Ints],
        rule: DecisionRule,
        constraints: TypeConstraints | None,
    ) -> Iterator[list[Triple]]:
        rows = self._rows(documents, pairs)
        self._left_out[0] += sum(map(len, pairs)) - distinct_pairs(rows)
        scores = score_pairs(self.backend, rows)
        predictions = Predictions.empty()
        if scores:
            allowed = constraints.allowed(documents, scores) if constraints else None
            predictions = rule.decide(scores, allowed)
        yield from triples_by_document(predictions, documents, self.config["relations"], self.config.get("names", {}))

    def _rows(self, documents: Sequence[Document], pairs: Sequence[Ints]) -> list[Row]:
        if self.marked:
            return list(sentence_rows(documents, pairs, self.tokenizer))
        windows = self.config.get("long_documents", "windows") == "windows"
        return list(document_rows(documents, pairs, self.tokenizer, windows=windows))


def _selected_pairs(documents: Sequence[Document], selection: str | Iterator[Any]) -> list[Ints]:
    """Returns the pairs to score of each document ``[P, 2]``."""
    if isinstance(selection, str):
        kinds = {"all": every_pair, "labelled": labelled_pairs}
        if selection not in kinds:
            raise SettingsError(f"pairs: expected 'all', 'labelled' or a list of (head, tail), got '{selection}'")
        return [kinds[selection](document) for document in documents]
    return [_checked_pairs(next(selection, None), document) for document in documents]


def _checked_pairs(pairs: Any, document: Document) -> Ints:
    """Returns the user's pairs of a document, without duplicates."""
    if pairs is None:
        raise SettingsError("pairs: expected one list of pairs per text, got fewer lists than texts")
    count = len(document.entities)
    for pair in pairs:
        valid = isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(number, int) for number in pair)
        if not valid or pair[0] == pair[1] or not all(0 <= number < count for number in pair):
            expected = f"(head, tail), two different numbers of the {count} entities, from 0"
            raise SettingsError(f"pairs: expected {expected}, got {pair!r:.80}")
    return np.array(sorted({(pair[0], pair[1]) for pair in pairs}), dtype=np.int64).reshape(-1, 2)
