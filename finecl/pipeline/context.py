"""What every stage of a run needs: settings, plugins, corpora as the encoder reads them, and the run's directory."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from finecl.artifacts.files import cache_directory
from finecl.artifacts.provenance import fingerprint
from finecl.config.resolve import read_compat
from finecl.config.schema import Settings
from finecl.corpus.corpus import Corpus, rare_relations
from finecl.distributed.process_group import Ranks, current
from finecl.errors import SettingsError
from finecl.extraction.examples import EvaluationDataset, ExtractionDataset
from finecl.models.encoder import Encoder
from finecl.models.pretrained import find_model, load_encoder
from finecl.pipeline.corpora import SPLITS, Corpora, load_corpora
from finecl.progress import Listener
from finecl.registry import Registry
from finecl.tokens.marked_sentences import MarkedSentences
from finecl.tokens.token_table import TokenizedCorpus, describe_loss, reached
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.training.checkpointing import CheckpointManager
from finecl.types import Extractor, InputFormat, MentionMasking, Method, declared


@dataclass(frozen=True)
class Context:
    """A run in the making. Corpora and the reader are loaded once; encoders are loaded anew for every use."""

    directory: Path
    settings: Settings
    registry: Registry
    listener: Listener

    @cached_property
    def method(self) -> Method:
        """The chosen method, with what the settings put in place of its own parts."""
        s = self.settings
        given: dict[str, Any] = {
            "scorer": s.scorer_name,
            "weighting": s.weighting_name,
            "objectives": None if s.objectives is None else tuple(map(weighed_objective, s.objectives)),
            "input_format": s.input_format,
            "mlm": s.pretrain.mlm_coefficient,
            "blanking": s.pretrain.blanking,
        }
        chosen: Method = self.registry.part("method", s.method).factory
        return replace(chosen, **{name: value for name, value in given.items() if value is not None})

    def part(self, kind: str, name: str, settings: Mapping[str, Any]) -> Any:
        """A part with the method's settings for it, over them those of ``compat`` and then the user's."""
        prefix, compat = f"{kind}.{name}.", self.settings.compat
        own = {k.removeprefix(prefix): v for k, v in self.method.settings.items() if k.startswith(prefix)}
        others = read_compat(compat)["parts"].get(kind, {}).get(name, {}) if compat else {}
        return self.registry.create(kind, name, own | others | dict(settings))

    def code_of(self, kind: str, name: str) -> str:
        """Changes when the code of the plugin that brings a part does, so that what it made is made again."""
        return self.registry.part(kind, name).code

    @property
    def ranks(self) -> Ranks:
        """The processes of this run."""
        return current()

    def checkpoints(self, stage: str, made_from: str) -> CheckpointManager:
        """Where a stage keeps what it needs to go on in the middle."""
        save = self.settings.save
        return CheckpointManager(
            directory=self.directory / "checkpoints" / stage.replace(" ", "-"),
            made_from=made_from,
            every=save.save_steps,
            keep=save.save_total_limit,
            ranks=self.ranks,
            note=self.listener.note,
        )

    @cached_property
    def corpora(self) -> Corpora:
        """The four splits."""
        with self.ranks.local_main_first():
            return load_corpora(self.settings.data, self.registry, self.settings.seed)

    @cached_property
    def tokenizer(self) -> DocumentTokenizer:
        """How the encoder reads documents."""
        return self.encoder()[1]

    def encoder(self, name: str | None = None) -> tuple[Encoder, DocumentTokenizer]:
        """The encoder of the settings, or the one in the directory ``name``, as it was saved."""
        settings = replace(self.settings.model, name=name) if name else self.settings.model
        with self.ranks.local_main_first():
            encoder, tokenizer, notes = load_encoder(settings, seed=self.settings.seed, markers=self._marks)
        for note in set(notes) - self._told:
            self.listener.note(note)
        self._told.update(notes)
        return encoder, tokenizer

    @cached_property
    def _told(self) -> set[str]:
        """What has been said of the encoder: it is loaded several times."""
        return set()

    def text_of(self, extractor: str) -> InputFormat:
        """What an extractor reads."""
        factory = self.registry.part("extractor", extractor).factory
        input_format: InputFormat = declared(factory, Extractor, "input_format")
        return input_format

    @property
    def _marks(self) -> bool:
        """Whether anything of this run reads marked sentences: then all its encoders know the markers."""
        extractors = {self.text_of(name) for name in (self.settings.proxy.extractor, self.settings.finetune.extractor)}
        return "marked-sentences" in extractors | {self.method.input_format}

    def labelled(
        self, split: str, text: InputFormat = "documents", mentions: MentionMasking = "text"
    ) -> ExtractionDataset:
        """A split as an encoder meets it: as documents or as marked sentences, its mentions by name or hidden."""
        if (split, text, mentions) not in self._labelled:
            tokenizer = self.tokenizer if mentions == "text" else self.tokenizer.with_masking(mentions)
            corpus: Corpus = getattr(self.corpora, split)
            every = corpus.instances(self.corpora.relations)
            with self.ranks.local_main_first():
                if text == "documents":
                    made = ExtractionDataset(
                        tokens=TokenizedCorpus.of(corpus, tokenizer, cache_directory()), instances=every
                    )
                else:
                    sentences = MarkedSentences.of(corpus, tokenizer, cache_directory())
                    made = ExtractionDataset(tokens=sentences, instances=sentences.instances(every))
            self._labelled[split, text, mentions] = made
        return self._labelled[split, text, mentions]

    def evaluation(self, split: str) -> EvaluationDataset:
        """Returns dev or test as rows to score."""
        if split not in self._evaluation:
            settings = self.settings.finetune
            corpus: Corpus = getattr(self.corpora, split)
            self._evaluation[split] = EvaluationDataset.of(
                list(corpus.documents()),
                corpus.instances(self.corpora.relations),
                self.tokenizer,
                marked=self.text_of(settings.extractor) == "marked-sentences",
                windows=settings.long_documents == "windows",
            )
        return self._evaluation[split]

    @cached_property
    def _evaluation(self) -> dict[str, EvaluationDataset]:
        return {}

    @cached_property
    def _labelled(self) -> dict[tuple[str, InputFormat, MentionMasking], ExtractionDataset]:
        """What has been read already."""
        return {}

    def describe_inputs(self) -> list[str]:
        """One line for each thing about the data that the user should know of."""
        notes = []
        for split in SPLITS:
            data = self.labelled(split)
            notes.append(describe_loss(split, data.tokens, data.instances, reached(data.instances, data.tokens)))
        rare = rare_relations(self.labelled("silver").instances)
        if rare:
            named = ", ".join(rare[:5]) + (", ..." if len(rare) > 5 else "")
            notes.append(f"silver: {len(rare)} relations have a single instance and can have no positive pair: {named}")
        return [note for note in notes if note]

    def data_record(self) -> dict[str, Any]:
        """Size and fingerprint of each split."""
        return {
            split: {
                "documents": len(data.tokens),
                "instances": len(data.instances),
                "tokens": int(data.tokens.lengths.sum()),
                "fingerprint": getattr(self.corpora, split).fingerprint,
            }
            for split, data in ((split, self.labelled(split)) for split in SPLITS)
        }

    @cached_property
    def model_fingerprint(self) -> str:
        """Changes when the encoder's weights, words or settings do."""
        where = Path(find_model(self.settings.model.name))
        digests = []
        for path in sorted(where.glob("*.safetensors")) if where.is_dir() else []:
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        return fingerprint(self.settings.to_dict()["model"], self.tokenizer.fingerprint, digests)

    @property
    def precision(self) -> str:
        """What the encoder computes in, in words."""
        from finecl.models.precision import Precision

        chosen = Precision.choose(self.settings.model.precision, self.settings.model.device)
        return f"{'bf16' if chosen.bf16 else 'float32'} on {chosen.device}"


def weighed_objective(text: str) -> tuple[float, str]:
    """``0.5*relation-discrimination`` as coefficient and name; without a number the coefficient is 1.

    Raises:
        SettingsError: what stands before the star is no number above 0.
    """
    coefficient, star, name = text.rpartition("*")
    if not star:
        return 1.0, text.strip()
    try:
        number = float(coefficient)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise SettingsError(f"objectives: expected NAME or COEFFICIENT*NAME with a number above 0, got '{text}'")
    return number, name.strip()


def effective_sample_size(weights: np.typing.NDArray[np.float32]) -> float:
    """How many equally weighted instances would be as many: (sum w)^2 / sum w^2 (Kish)."""
    squares = float((weights.astype(np.float64) ** 2).sum())
    return float(weights.sum(dtype=np.float64)) ** 2 / squares if squares else 0.0
