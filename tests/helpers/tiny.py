"""Small test data: randomly initialised encoders of every family, and documents of a few words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from finecl.corpus.corpus import Corpus
from finecl.extraction.evaluation_data import EvaluationDataset
from finecl.extraction.examples import ExtractionDataset
from finecl.tokens.token_table import TokenizedCorpus
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import NO_RELATION, Document, Entity, Ints, Label, Mention, RowColumns

FAMILIES = ("bert", "roberta", "modernbert")
WIDTH, LONGEST, WINDOW = 32, 96, 8
NAMES = ("Ada", "Babbage", "Curie", "Darwin", "Euler", "Fermat", "Gauss", "Hopper")
FILLERS = ("was", "born", "in", "the", "house", "of", "river", "met", "and", ".", "unbelievably", "zqx")


def save_model(directory: Path, family: str, *, head: bool = True, **settings: Any) -> Path:
    """Writes a random two-layer model of a family and its tokenizer as a Hugging Face directory."""
    import transformers

    names = {"bert": "Bert", "roberta": "Roberta", "camembert": "Camembert", "modernbert": "ModernBert"}
    names["xlm-roberta"] = "XLMRoberta"
    tokenizer = _tokenizer(family)
    reach = LONGEST + 2 if family in ("roberta", "camembert", "xlm-roberta") else LONGEST
    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": reach,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "cls_token_id": tokenizer.cls_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "initializer_range": 0.2,
    }
    if family == "modernbert":
        common |= {"local_attention": WINDOW, "global_attn_every_n_layers": 2}
    config = getattr(transformers, f"{names[family]}Config")(**common | settings)
    kind = getattr(transformers, f"{names[family]}{'ForMaskedLM' if head else 'Model'}")
    torch.manual_seed(0)
    kind(config).eval().save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def _tokenizer(family: str) -> Any:
    if family == "xlm-roberta":
        return _sentence_pieces()
    return _word_pieces() if family == "bert" else _bpe(trimmed=family != "modernbert")


def _sentence_pieces() -> Any:
    """Pieces of text with bytes for all that is unknown, spaces as a letter, as XLM-R's SentencePiece."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces = [*special, "▁", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=3, byte_fallback=True))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return _fast(tokenizer, [special[i] for i in (1, 3, 0, 2, 4)])


def _word_pieces() -> Any:
    """Lower-casing WordPiece over characters and a few whole words, as BERT's."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list(".,0123456789")
    words = [w.lower() for w in (*NAMES[:4], *FILLERS[:8])]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = dict.fromkeys([*special, *letters, *(f"##{c}" for c in letters), *words])
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return _fast(tokenizer, special)


def _bpe(*, trimmed: bool) -> Any:
    """Byte-level BPE with a few merges; offsets exclude the space before a word if ``trimmed`` (as RoBERTa's)."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([f" {word}" for word in (*NAMES, *FILLERS)] * 3, trainer)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=trimmed)
    return _fast(tokenizer, [special[i] for i in (1, 3, 0, 2, 4)])


def _fast(tokenizer: Any, special: Sequence[str]) -> Any:
    from transformers import PreTrainedTokenizerFast

    pad, unknown, first, last, mask = special
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, unk_token=unknown, cls_token=first, sep_token=last, mask_token=mask
    )


def document(title: str, sentences: Sequence[str], entities: Sequence[str], *labels: tuple[int, str, int]) -> Document:
    """Returns a document from plain text: an entity's mentions are all occurrences of its words."""
    split = tuple(tuple(sentence.split()) for sentence in sentences)
    return Document(
        title=title,
        sentences=split,
        entities=tuple(Entity(mentions=_mentions(split, name)) for name in entities),
        labels=tuple(Label(head=head, tail=tail, relation=relation) for head, relation, tail in labels),
    )


def _mentions(sentences: Sequence[Sequence[str]], name: str) -> tuple[Mention, ...]:
    words = name.split()
    return tuple(
        Mention(sentence=s, start=at, end=at + len(words), name=name)
        for s, sentence in enumerate(sentences)
        for at in range(len(sentence))
        if list(sentence[at : at + len(words)]) == words
    )


def documents(count: int, *, seed: int = 0, relations: int = 3, words: int = 12, labels: int = 3) -> list[Document]:
    """Returns random documents of three to five entities, with repeated mentions and pairs of two labels."""
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        names = rng.choice(NAMES, int(rng.integers(3, 6)), replace=False).tolist()
        text = [*names, *rng.choice(FILLERS, int(rng.integers(words // 2, words + 1))).tolist(), names[0]]
        rng.shuffle(text)
        pairs = [(h, t) for h in range(len(names)) for t in range(len(names)) if h != t]
        drawn = {
            (*pairs[int(rng.integers(len(pairs)))], f"P{int(rng.integers(relations))}")
            for _ in range(int(rng.integers(1, labels + 1)))
        }
        both = {(h, t, f"P{(int(r[1:]) + 1) % relations}") for h, t, r in sorted(drawn) if rng.random() < 0.4}
        claims = [(h, r, t) for h, t, r in sorted(drawn | both)]
        samples.append(document(f"document {number}", [" ".join(text)], names, *claims))
    return samples


def labelled(samples: Sequence[Document], tokenizer: DocumentTokenizer, directory: Path) -> ExtractionDataset:
    """Returns documents as an extraction data set."""
    corpus = Corpus.from_documents(samples, directory / "corpus.arrow")
    tokens = TokenizedCorpus.of(corpus, tokenizer, directory)
    return ExtractionDataset(tokens=tokens, instances=corpus.instances(corpus.relations))


def evaluation(documents: Sequence[Document], tokenizer: DocumentTokenizer, directory: Path) -> EvaluationDataset:
    """Documents as rows to score."""
    corpus = Corpus.from_documents(documents, directory / "evaluation.arrow")
    return EvaluationDataset.of(documents, corpus.instances(corpus.relations), tokenizer, marked=False)


def table(
    rows: Sequence[tuple[int, int, int, int]],
    weight: Sequence[float] | None = None,
    keys: Sequence[tuple[int, int]] | None = None,
) -> RowColumns:
    """Returns columns of (document, head, tail, relation) rows; uid is 0 without a relation; ``keys``: of entities."""
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4)
    numbers = np.where(columns[:, 3] == NO_RELATION, 0, np.arange(1, len(columns) + 1))
    weights = np.ones(len(columns)) if weight is None else np.asarray(weight)
    return RowColumns(
        uid=numbers.astype(np.uint64),
        document=columns[:, 0],
        head=columns[:, 1],
        tail=columns[:, 2],
        relation=columns[:, 3],
        weight=weights.astype(np.float32),
        head_key=np.array([head for head, _ in keys] if keys else [0] * len(columns), dtype=np.int64),
        tail_key=np.array([tail for _, tail in keys] if keys else [0] * len(columns), dtype=np.int64),
    )


def chosen(rows: Ints) -> list[set[int]]:
    """Returns padded rows of candidate numbers as sets."""
    return [set(row[row >= 0].tolist()) for row in rows]
