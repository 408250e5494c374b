"""The settings of a run as frozen dataclasses, with their defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Ge, Interval

# Ranges of numbers; values outside would divide by zero or train nothing.
Count: TypeAlias = Annotated[int, Ge(0)]
Share: TypeAlias = Annotated[float, Interval(ge=0, le=1)]
NonNegative: TypeAlias = Annotated[float, Ge(0)]
PositiveFloat: TypeAlias = Annotated[float, Ge(1e-16)]
Positive: TypeAlias = Annotated[int, Ge(1)]


@dataclass(frozen=True, kw_only=True)
class DemoSizes:
    """Numbers of documents of the built-in corpus, up to 33,000 in total, and its share of wrong silver labels."""

    silver: Positive = 800  # documents with labels of which some are wrong
    train: Positive = 50  # the papers' low-resource case
    dev: Positive = 60  # gold documents that choose epoch and threshold
    test: Positive = 300  # gold documents to evaluate on
    noise: Share = 0.5  # share of wrong silver labels


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Sources of the documents.

    ``name`` is "demo" or a directory that holds ``silver.*``, ``train.*``, ``dev.*`` and ``test.*``; the other
    fields name single files instead. ``gold`` is one file, split by document in the shares ``gold_split``.
    """

    name: str = "demo"  # demo, or a directory with silver.*, train.*, dev.* and test.*
    silver: str | None = None  # file of silver documents
    gold: str | None = None  # file of gold documents, to be split
    gold_split: tuple[float, ...] = (0.6, 0.2, 0.2)  # shares of train, dev and test
    train: str | None = None  # file of gold documents for fine-tuning
    dev: str | None = None  # file of gold documents that choose epoch and threshold
    test: str | None = None  # file of gold documents to evaluate on
    format: str = "auto"  # name of the files' format; auto: recognised
    no_relation: str = "no_relation"  # label that means no relation
    relation_names: str | None = None  # JSON file with readable names of relations
    wordings: str | None = None  # TOML: sentences that state each relation, for the scorer "verbalization"
    format_options: tuple[str, ...] = ()  # KEY=VALUE: settings of the format, such as offsets=utf-16
    without_entities: Literal["error", "skip"] = "error"  # what to do with documents without entities
    skip_faulty: bool = False  # leave out faulty documents and labels; lists them in the cache
    demo: DemoSizes = field(default_factory=DemoSizes)


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """The encoder and how it computes."""

    name: str = "minilm"  # minilm, a name on the hub, or a directory
    max_length: Annotated[int, Ge(3)] = 512  # sub-words that the encoder reads at once
    packing: Literal["auto", "on", "off"] = "auto"  # no padding reaches the encoder; off: padded, scaled-dot-product
    gradient_checkpointing: bool = False  # compute activations again in the backward pass: less memory, slower
    torch_compile: bool = False  # of each encoder layer; for GPUs: on CPUs it only costs a minute
    # The release keeps 0.1; 0 lets attention run on its fast kernels and is usual since (MosaicBERT, ModernBERT).
    attention_dropout: Share = 0.0
    hidden_dropout: Share | None = None  # None: what the checkpoint says
    # of decoders (Llama, Qwen, ...); causal: a state knows only the text before it; None: as saved, else bidirectional
    decoder_attention: Literal["bidirectional", "causal"] | None = None
    lora_rank: Count = 0  # above 0: only low-rank adapters of the encoder are trained (extra "lora")
    allow_pickle: bool = False  # without safetensors, read .bin files by torch's weights-only loader
    precision: Literal["auto", "float32", "bf16"] = "auto"  # auto: bf16 where the hardware has it
    device: str = "auto"  # auto, cpu, cuda or cuda:N


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Settings of every training loop. Batches count documents; ``warmup_steps`` below 1 is a share of the run."""

    learning_rate: NonNegative = 4e-5  # the highest, after warm-up
    weight_decay: NonNegative = 0.0  # AdamW's
    adam_epsilon: PositiveFloat = 1e-8  # AdamW's
    max_grad_norm: PositiveFloat = 1.0  # norm at which gradients are clipped
    warmup_steps: NonNegative = 0.1  # steps of rising learning rate; below 1: a share of all steps
    batch_size: Positive = 32  # of all ranks together
    # sub-words of one encoder pass: bounds memory, the loss stays that of the whole batch (and a larger contrast group
    # is encoded twice, finecl/pretraining/gradient_cache.py). None: 6144 on a CPU, 32768 on a GPU
    max_tokens: Positive | None = None
    sharding: Literal["ddp", "fsdp"] = "ddp"  # fsdp: for encoders that do not fit a GPU
    # group_by_length: a step's documents are of like length; only padded passes (model.packing) gain by it
    train_sampling_strategy: Literal["random", "group_by_length"] = "random"


@dataclass(frozen=True, kw_only=True)
class SaveSettings:
    """Checkpoints within a stage, to go on from after a crash or a signal."""

    save_steps: Positive = 500  # steps between two checkpoints
    save_total_limit: Positive = 2  # checkpoints to keep of a stage


@dataclass(frozen=True, kw_only=True)
class ExtractSettings(TrainSettings):
    """Settings of the training of any extractor."""

    extractor: str = "bilinear"  # name of the extractor
    head_learning_rate: NonNegative | None = None  # of what is not the encoder; None: the same, as in the release
    negatives: NonNegative = 3.0  # sampled no-relation pairs for each labelled one (row 5)


@dataclass(frozen=True, kw_only=True)
class ProxySettings(ExtractSettings):
    """Stage 1: the proxy that learns the silver labels while its dynamics are recorded."""

    num_train_epochs: Positive = 15  # epochs of the proxy
    loss: Literal["ce", "bce"] = "ce"  # release: bce (row 1)
    record: Literal["both", "batch", "epoch"] = "both"  # dynamics to record: within epochs, after each, or both
    # type-matched: only pairs whose types some labelled pair has, too; others need no reading to be told apart
    no_relation: Literal["random", "type-matched"] = "random"
    mentions: Literal["text", "type", "blank"] = "text"  # what the proxy reads in their place
    folds: Annotated[int, Ge(2)] = 5  # trainings for the scorers that ask a proxy which has not seen the document
    # ask proxies that have not seen a document which relation each of its labels should have (trains `folds` proxies)
    suggestions: bool = False
    fold_epochs: Positive | None = None  # of each of these; None: num_train_epochs. Fewer leave wrong labels unlearned


@dataclass(frozen=True, kw_only=True)
class PretrainSettings(TrainSettings):
    """Stage 2: contrastive pre-training; the paper's settings (section A.2)."""

    learning_rate: NonNegative = 3e-5  # the highest, after warm-up
    weight_decay: NonNegative = 1e-5  # AdamW's
    warmup_steps: NonNegative = 500.0  # steps of rising learning rate; below 1: a share of all steps
    batch_size: Positive = 768  # documents of a step, of all ranks together
    max_steps: Positive = 6000  # steps of pre-training
    # documents that are contrasted with each other; global: all of a step; None: 16, as in the release on a GPU
    # (row 24), or 64 marked sentences, as in CP's
    contrast_group: Annotated[int, Ge(2)] | Literal["global"] | None = None
    blanking: Share | None = None  # share of mentions of marked sentences that become a blank; None: the method's
    sentences_a_pair: Annotated[int, Ge(2)] = (
        8  # of an entity pair that count in an epoch, at most, where entity pairs are drawn (MTB)
    )
    mlm_probability: Share = 0.15  # share of sub-words that are masked
    # of masked language modelling in the loss; None: the method's, or 0 if the encoder lacks a language-modelling head,
    # the method has other losses and mlm_head_steps is 0
    mlm_coefficient: NonNegative | None = None
    # steps that train a new language-modelling head, with the rest of the encoder frozen, before pre-training
    mlm_head_steps: Count = 0
    # pairs without a label that the proxy believes to have one, with at least this probability (against no-relation),
    # are no candidates; None: all are
    false_negative_threshold: Annotated[float, Interval(ge=0.5, le=1)] | None = None
    no_relation_pairs: Count = 32  # candidates without a label, at most, a document (row 22)
    # suggested: contrasts the labels that proxies predict for documents they have not seen, where their probability is
    # at least suggestion_threshold; pairs for which they predict no relation are dropped
    labels: Literal["silver", "suggested"] = "silver"
    suggestion_threshold: Share = 0.5  # least probability of a suggested label
    # equal-weights: pre-trains a second encoder in the same way with equal weights, to show what the weights gain
    baseline: Literal["none", "equal-weights"] = "none"


@dataclass(frozen=True, kw_only=True)
class FinetuneSettings(ExtractSettings):
    """Stage 3: fine-tuning on gold labels (section A.3.1; the release clips at 0.1, row 10)."""

    num_train_epochs: Positive = 200  # epochs of fine-tuning
    # None: the extractor's own. The paper's text says ce; every DocRED system, and so "bilinear", has bce (row 27)
    loss: Literal["ce", "bce"] | None = None
    eval_epochs: Positive = 5  # epochs between looks at dev
    # documents longer than model.max_length, in evaluation and prediction: overlapping windows, or the beginning only
    long_documents: Literal["windows", "truncate"] = "windows"
    # of the scores: global: one for all relations, as every published system; per-relation: one for each that dev has
    thresholds: Literal["global", "per-relation"] = "global"
    # learning-order: in every epoch what a proxy learns early comes first; it is trained by the settings of `proxy`
    curriculum: Literal["none", "learning-order"] = "none"
    # without gold documents, of the silver labels: trimmed: those that are more likely right than wrong; weighted: all,
    # by the probability that they are right; all: all alike
    silver: Literal["trimmed", "weighted", "all"] = "trimmed"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that a run depends on.

    ``scorer`` and ``weighting`` hold the ``name`` of the part (without one: the method's) and its settings;
    ``objective`` holds settings by the name of the objective, ``extractor`` those of the extractors.
    """

    seed: Annotated[int, Interval(ge=0, lt=2**63)] = 42  # of all random numbers
    preset: str | None = None  # named settings to begin with: demo, silver, small
    compat: Literal["release"] | None = None  # release: what the released code does, finecl/config/presets/release.toml
    method: str = "finecl"  # scorer, weighting and objectives by the name of a paper
    objectives: tuple[str, ...] | None = None  # NAME or COEFFICIENT*NAME; None: the method's
    input_format: Literal["documents", "marked-sentences"] | None = None  # what pre-training reads; None: the method's
    report_to: tuple[str, ...] = ()  # trackers: tensorboard, trackio, wandb, mlflow (extra "trackers")
    data: DataSettings = field(default_factory=DataSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    proxy: ProxySettings = field(default_factory=ProxySettings)
    pretrain: PretrainSettings = field(default_factory=PretrainSettings)
    finetune: FinetuneSettings = field(default_factory=FinetuneSettings)
    save: SaveSettings = field(default_factory=SaveSettings)
    scorer: Mapping[str, Any] = field(default_factory=dict)
    weighting: Mapping[str, Any] = field(default_factory=dict)
    objective: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    extractor: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As plain nested dictionaries, ready for JSON."""
        return dataclasses.asdict(self)
