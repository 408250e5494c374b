"""``RelationExtractor``: a fine-tuned extractor as a function from text with entities to triples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from finecl.inference.ner import Finder, finder, with_entities
from finecl.inference.triples import Triple, triples_by_document
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.tokens.windows import Row, document_rows, every_pair, labelled_pairs, sentence_rows
from finecl.types import Document, Ints

__all__ = ["RelationExtractor"]

PairChoice = Literal["all", "labelled"] | Sequence[Any]
CHUNK = 256  # documents that are sorted by length and encoded together


@dataclass(frozen=True, kw_only=True)
class RelationExtractor:
    """Extracts relations between the entities of texts; made by ``from_pretrained``, called like a function.

    Texts are read in batches of like length; results come in the order of what was given. A document that is longer
    than the encoder's reach is read in windows that overlap by half: a pair is scored in each window that holds
    mentions of both, and its highest score counts. Marked-sentence extractors ask about pairs that stand in one
    sentence, and predict at most one relation a pair.
    """

    directory: Path
    config: Mapping[str, Any]
    tokenizer: DocumentTokenizer
    backend: Backend
    marked: bool
    found_by: Finder | None = None

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        variant: str = "pretrained",
        revision: str | None = None,
        ner: str | Finder | None = None,
        backend: Literal["torch", "onnx"] = "torch",
        onnx_file: str | Path | None = None,
        device: str = "auto",
        precision: Literal["auto", "float32", "bf16"] = "auto",
        max_tokens: int | None = None,
    ) -> RelationExtractor:
        """The extractor in a directory (RUN/extractor/VARIANT), of a run, or on the Hugging Face hub.

        Args:
            name: a directory, a run directory, or OWNER/NAME on the hub.
            variant: which of a run's extractors: "pretrained" or "plain".
            revision: branch, tag or commit on the hub.
            ner: finds entities where none are given: "spacy:PIPELINE", "names:TRIPLES", or an object with ``find``.
            backend: "onnx" runs what ``finecl export`` wrote, on the CPU; needs the extra ``finecl[onnx]``.
            onnx_file: that file; without it ``model.onnx`` in the extractor's directory.
            device: "auto", "cpu", "cuda" or "cuda:N".
            precision: "auto" computes in bfloat16 where the hardware does.
            max_tokens: sub-words of one encoder pass; without it 6144 on a CPU and 32768 on a GPU.

        Raises:
            ModelError: there is no extractor, or it cannot be read.
            SettingsError: ``ner`` names no recogniser.
        """
        directory = find_extractor(name, variant=variant, revision=revision)
        loaded = load(
            directory, backend=backend, file=onnx_file, device=device, precision=precision, max_tokens=max_tokens
        )
        found_by = finder(ner) if isinstance(ner, str) else ner
        return cls(
            directory=directory, config=loaded.config, tokenizer=loaded.tokenizer, backend=loaded.backend,
            marked=loaded.marked, found_by=found_by,
        )  # fmt: skip

    @property
    def relations(self) -> list[str]:
        """The relations that it knows."""
        return list(self.config["relations"])

    def __call__(
        self,
        given: Any,
        entities: Any = None,
        *,
        pairs: PairChoice = "all",
        threshold: float | None = None,
        type_constraints: bool | Mapping[str, TypeTriples] = False,
        is_split_into_words: bool = False,
    ) -> Any:
        """The triples of a text, most certain first; a list of such lists where several texts were given.

        Args:
            given: a text, a ``finecl.types.Document``, a mapping with ``text`` or ``tokens`` and ``entities`` (or with
                DocRED's columns), or a list or ``datasets.Dataset`` of these.
            entities: of a text, or one list a text. An entity is ``(start, end)`` in characters, a mapping with
                ``start``, ``end`` and if known ``name``, ``type`` and ``id``, or a list of such mentions. Without any,
                ``ner`` of ``from_pretrained`` finds them.
            pairs: "all" ordered pairs; "labelled" ones of documents; or ``[(head, tail), ...]`` by the numbers of the
                entities, one such list a text where several were given.
            threshold: the least probability of a triple; without it the threshold that dev chose.
            type_constraints: True leaves out triples whose types the training data never joined so, where both types
                are known to it; a mapping ``{relation: [(head type, tail type), ...]}`` says what may be joined.
            is_split_into_words: texts are lists of tokens, and spans count tokens.

        Raises:
            FormatError: an entity is not where it should be, or a name differs from the text.
            SettingsError: a pair, the threshold or the constraints do not fit.
        """
        documents, single = read_inputs(given, entities, split=is_split_into_words)
        asked = pairs if isinstance(pairs, str) else iter([pairs] if single else pairs)
        found = list(self.stream(documents, pairs=asked, threshold=threshold, type_constraints=type_constraints))
        return found[0] if single else found

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
        chosen = pairs if isinstance(pairs, str) else iter(pairs)
        while some := list(islice(rest, chunk)):
            some = self.with_entities(some) if find_entities else some
            yield from self._triples(some, _asked(some, chosen), rule, constraints)
        if not isinstance(chosen, str) and next(chosen, None) is not None:
            raise SettingsError("pairs: expected one list of pairs a text, got more lists than texts")

    def with_entities(self, documents: Sequence[Document]) -> list[Document]:
        """The documents; those without entities get what the recogniser finds, if there is one."""
        return with_entities(documents, self.found_by)

    def save_pretrained(self, directory: str | Path, *, license: str | None = None) -> Path:
        """Writes the extractor into a directory, whole or not at all, with a model card; ``license`` is that of the
        weights, by its name on the hub. Returns the directory.
        """
        from finecl.inference.hub import save

        return save(self.directory, Path(directory), license=license)

    def push_to_hub(self, repo_id: str, *, private: bool = False, license: str | None = None) -> str:
        """Uploads what ``save_pretrained`` writes to OWNER/NAME on the hub; returns its address.

        Raises:
            ModelError: the hub refuses.
        """
        from finecl.inference.hub import push

        return push(self.directory, repo_id, private=private, license=license)

    def _rule(self, threshold: float | None) -> DecisionRule:
        if threshold is not None and not 0 <= threshold <= 1:
            raise SettingsError(f"threshold: expected a probability from 0 to 1, got {threshold}")
        return DecisionRule.of(self.config, marked=self.marked, probability=threshold)

    def _constraints(self, asked: bool | Mapping[str, TypeTriples]) -> TypeConstraints | None:
        if isinstance(asked, Mapping):
            return TypeConstraints.of_mapping(asked, self.config["relations"])
        if not asked:
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
        scores = score_pairs(self.backend, self._rows(documents, pairs))
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


def _asked(documents: Sequence[Document], pairs: str | Iterator[Any]) -> list[Ints]:
    """The pairs that are asked of each document ``[P, 2]``."""
    if isinstance(pairs, str):
        kinds = {"all": every_pair, "labelled": labelled_pairs}
        if pairs not in kinds:
            raise SettingsError(f"pairs: expected 'all', 'labelled' or a list of (head, tail), got '{pairs}'")
        return [kinds[pairs](document) for document in documents]
    return [_given_pairs(next(pairs, None), document) for document in documents]


def _given_pairs(given: Any, document: Document) -> Ints:
    """The pairs of a document as they were given, each once."""
    if given is None:
        raise SettingsError("pairs: expected one list of pairs a text, got fewer lists than texts")
    count = len(document.entities)
    for pair in given:
        sound = isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(number, int) for number in pair)
        if not sound or pair[0] == pair[1] or not all(0 <= number < count for number in pair):
            expected = f"(head, tail), two different numbers of the {count} entities, from 0"
            raise SettingsError(f"pairs: expected {expected}, got {pair!r:.80}")
    return np.array(sorted({(pair[0], pair[1]) for pair in given}), dtype=np.int64).reshape(-1, 2)
