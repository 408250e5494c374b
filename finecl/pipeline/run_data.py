"""Loads the data of a run on first use: its corpora, tokenized for its encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from finecl.artifacts.files import cache_directory
from finecl.artifacts.provenance import digest, fingerprint
from finecl.corpus.corpus import Corpus, rare_relations
from finecl.distributed.process_group import current
from finecl.extraction.evaluation_data import EvaluationDataset
from finecl.extraction.examples import ExtractionDataset
from finecl.models.encoder import Encoder
from finecl.models.precision import Precision
from finecl.models.pretrained import find_model, load_encoder
from finecl.models.safe_reading import model_files
from finecl.pipeline.corpora import Corpora, load_corpora
from finecl.pipeline.run_spec import RunSpec
from finecl.scoring.wordings import relation_wordings
from finecl.text.none_names import none_note
from finecl.tokens.marked_sentences import MarkedSentences
from finecl.tokens.token_table import TokenizedCorpus, describe_loss, reached
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import InputFormat, Instances, MentionMasking

_Key = tuple[str, InputFormat, MentionMasking]


@dataclass(frozen=True)
class RunData:
    """Corpora and tokenizer of a run. Each call loads a new encoder, since training changes it.

    ``note`` receives messages about the encoder for the user.
    """

    spec: RunSpec
    note: Callable[[str], None]
    _notes: set[str] = field(default_factory=set, init=False)
    _datasets: dict[_Key, ExtractionDataset] = field(default_factory=dict, init=False)
    _evaluation: dict[str, EvaluationDataset] = field(default_factory=dict, init=False)

    @cached_property
    def corpora(self) -> Corpora:
        """Returns the four splits."""
        settings = self.spec.settings
        with current().local_main_first():
            return load_corpora(settings.data, self.spec.registry, settings.seed, self.note)

    @cached_property
    def wordings(self) -> dict[str, tuple[str, ...]]:
        """Returns sentences that state each relation: the user's, finecl's own, or the relation's name."""
        return relation_wordings(self.corpora.names, self.spec.settings.data.wordings)

    @cached_property
    def tokenizer(self) -> DocumentTokenizer:
        """Returns the tokenizer of the encoder."""
        return self.encoder()[1]

    def encoder(self, directory: Path | None = None) -> tuple[Encoder, DocumentTokenizer]:
        """Loads the encoder of the settings, or the one saved in ``directory``."""
        settings = self.spec.settings
        model = replace(settings.model, name=str(directory)) if directory else settings.model
        with current().local_main_first():
            encoder, tokenizer, notes = load_encoder(model, seed=settings.seed, markers=self.spec.markers)
        for note in set(notes) - self._notes:
            self.note(note)
        self._notes.update(notes)
        return encoder, tokenizer

    def dataset(
        self, split: str, input_format: InputFormat = "documents", mentions: MentionMasking = "text"
    ) -> ExtractionDataset:
        """Returns a split as the encoder reads it: as documents or marked sentences, mentions as text or masked."""
        key = (split, input_format, mentions)
        if key not in self._datasets:
            tokenizer = self.tokenizer if mentions == "text" else self.tokenizer.with_masking(mentions)
            corpus: Corpus = getattr(self.corpora, split)
            instances = corpus.instances(self.corpora.relations)
            with current().local_main_first():
                if input_format == "documents":
                    tokens = TokenizedCorpus.of(corpus, tokenizer, cache_directory())
                    self._datasets[key] = ExtractionDataset(tokens=tokens, instances=instances)
                else:
                    marked = MarkedSentences.of(corpus, tokenizer, cache_directory())
                    in_sentences = marked.instances(instances)
                    self._datasets[key] = ExtractionDataset(tokens=marked, instances=in_sentences)
                    self._tell_left_out(split, len(instances) - len(in_sentences), len(instances))
        return self._datasets[key]

    def _tell_left_out(self, split: str, left_out: int, labels: int) -> None:
        note = f"{split}: {left_out:,} of {labels:,} labels join entities without a common sentence"
        if left_out and note not in self._notes:
            self._notes.add(note)
            self.note(f"{note}; marked sentences leave them out")

    def evaluation(self, split: str) -> EvaluationDataset:
        """Returns dev or test as rows to score."""
        if split not in self._evaluation:
            corpus: Corpus = getattr(self.corpora, split)
            self._evaluation[split] = self.evaluation_of(corpus, corpus.instances(self.corpora.relations))
        return self._evaluation[split]

    def evaluation_of(self, corpus: Corpus, gold: Instances) -> EvaluationDataset:
        """Returns documents as rows to score, with the labels that count as gold."""
        finetune = self.spec.settings.finetune
        return EvaluationDataset.of(
            list(corpus.documents()),
            gold,
            self.tokenizer,
            marked=self.spec.input_format(finetune.extractor) == "marked-sentences",
            windows=finetune.long_documents == "windows",
        )

    def describe(self) -> list[str]:
        """Returns messages about the data for the user, one line each."""
        windows = self.spec.settings.finetune.long_documents == "windows"
        notes = []
        for split in self.corpora.splits:
            if split in ("dev", "test") and windows:
                continue  # windows cover the whole document
            data = self.dataset(split)
            notes.append(describe_loss(split, data.tokens, data.instances, reached(data.instances, data.tokens)))
        rare = rare_relations(self.dataset("silver").instances)
        if rare:
            names = ", ".join(rare[:5]) + (", ..." if len(rare) > 5 else "")
            notes.append(f"silver: {len(rare)} relations have a single instance and can have no positive pair: {names}")
        notes.append(none_note(self.corpora.relations, self.spec.settings.data.no_relation, "data.no_relation="))
        for split in ("dev", "test") if self.corpora.has_gold else ():
            if not len(getattr(self.corpora, split).instances(self.corpora.relations)):
                notes.append(f"{split}: none of its documents has a label, so that its scores mean nothing")
        return [note for note in notes if note]

    def record(self) -> dict[str, Any]:
        """Returns size and fingerprint of each split."""
        return {
            split: {
                "documents": len(data.tokens),
                "instances": len(data.instances),
                "tokens": int(data.tokens.lengths.sum()),
                "fingerprint": getattr(self.corpora, split).fingerprint,
            }
            for split, data in ((split, self.dataset(split)) for split in self.corpora.splits)
        }

    @cached_property
    def model_fingerprint(self) -> str:
        """Returns a hash of the files that the encoder is read from, of its vocabulary and of its settings."""
        model, vocabulary = self.spec.settings.model, self.tokenizer.fingerprint
        files = model_files(find_model(model.name), allow_pickle=model.allow_pickle)
        return fingerprint(asdict(model), vocabulary, [(path.name, digest(path)) for path in files])

    @property
    def precision(self) -> str:
        """Returns number format and device of the encoder, such as "bf16 on cuda"."""
        model = self.spec.settings.model
        precision = Precision.choose(model.precision, model.device)
        return f"{'bf16' if precision.bf16 else 'float32'} on {precision.device}"
