"""Random two-layer models of every family that finecl reads, each with a small tokenizer of its kind; no model hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

WIDTH, LONGEST, WINDOW = 32, 96, 8
NAMES = ("Ada", "Babbage", "Curie", "Darwin", "Euler", "Fermat", "Gauss", "Hopper")
FILLERS = ("was", "born", "in", "the", "house", "of", "river", "met", "and", ".", "unbelievably", "zqx")

_RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False}
_T5 = {"d_model": WIDTH, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2}
_SETTINGS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "bert": ("Bert", {}),
    "roberta": ("Roberta", {}),
    "xlm-roberta": ("XLMRoberta", {}),
    "xlm-roberta-xl": ("XLMRobertaXL", {}),
    "camembert": ("Camembert", {}),
    "ernie": ("Ernie", {}),
    "electra": ("Electra", {"embedding_size": 16}),
    "albert": ("Albert", {"embedding_size": 16}),
    "distilbert": ("DistilBert", {"dim": WIDTH, "n_layers": 2, "n_heads": 2, "hidden_dim": 48}),
    "modernbert": ("ModernBert", {"local_attention": WINDOW, "global_attn_every_n_layers": 2}),
    "eurobert": ("EuroBert", {"num_key_value_heads": 1}),
    "deberta": ("Deberta", _RELATIVE),
    "deberta-v2": (
        "DebertaV2",
        {**_RELATIVE, "share_att_key": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm"},
    ),
    "mpnet": ("MPNet", {}),
    "longformer": ("Longformer", {"attention_window": [WINDOW, WINDOW]}),
    "t5": ("T5", _T5),
    "mt5": ("MT5", {**_T5, "feed_forward_proj": "gated-gelu"}),
    "umt5": ("UMT5", _T5),
    "llama": ("Llama", {"num_key_value_heads": 1}),
    "mistral": ("Mistral", {"num_key_value_heads": 1, "sliding_window": WINDOW}),
    "qwen2": (
        "Qwen2",
        {"num_key_value_heads": 1, "use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1},
    ),
    "qwen3": ("Qwen3", {"num_key_value_heads": 1, "head_dim": 24}),
}
"""Names of the classes in transformers, and what a tiny model needs besides the common settings."""

_BYTES = ("roberta", "camembert", "modernbert", "eurobert", "deberta", "longformer", "mpnet")
_PIECES = ("xlm-roberta", "xlm-roberta-xl", "albert", "deberta-v2")
_AFTER_PADDING = ("roberta", "camembert", "xlm-roberta", "xlm-roberta-xl", "mpnet", "longformer")
_FIVE = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def save_model(directory: Path, family: str, *, head: bool = True, **settings: Any) -> Path:
    """Writes a random two-layer model of a family and its tokenizer as a Hugging Face directory.

    ``head``: with a language-modelling head, if finecl reads the family with one; of decoders, with their own.
    """
    import torch
    import transformers

    name, own = _SETTINGS[family]
    tokenizer = tokenizer_of(family)
    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": LONGEST + 2 * (family in _AFTER_PADDING),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": _either(tokenizer.cls_token_id, tokenizer.bos_token_id),
        "eos_token_id": _either(tokenizer.sep_token_id, tokenizer.eos_token_id),
        "cls_token_id": tokenizer.cls_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "initializer_range": 0.2,
    }
    config = getattr(transformers, f"{name}Config")(**common | dict(own) | settings)
    kinds = [
        f"{name}{kind}"
        for kind in (("ForMaskedLM", "EncoderModel", "ForCausalLM") if head else ("EncoderModel", "Model"))
    ]
    kind = next(getattr(transformers, kind) for kind in kinds if hasattr(transformers, kind))
    torch.manual_seed(0)
    kind(config).eval().save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def _either(first: int | None, second: int | None) -> int | None:
    return second if first is None else first


def tokenizer_of(family: str) -> Any:
    """Returns a tokenizer of the kind that models of a family have, and with the special tokens that theirs have."""
    roles: Mapping[str, str] = dict(
        zip(("cls_token", "pad_token", "sep_token", "unk_token", "mask_token"), _FIVE, strict=True)
    )
    if family in _BYTES:
        return _bpe(roles, trimmed=family not in ("modernbert", "eurobert", "deberta"))
    if family in _PIECES:
        return _sentence_pieces(roles)
    if family in ("t5", "mt5", "umt5"):  # neither a first token nor a mask
        return _sentence_pieces({"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"})
    if family in ("llama", "mistral"):  # neither padding nor a mask
        return _sentence_pieces({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})
    if family in ("qwen2", "qwen3"):  # neither a first token nor a mask; its end is its padding
        return _bpe({"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}, trimmed=False)
    return _word_pieces()


def _sentence_pieces(roles: Mapping[str, str]) -> Any:
    """Pieces of text with bytes for all that is unknown, spaces as a letter, as XLM-R's SentencePiece."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    special = [token for token in _FIVE if token in roles.values()]
    pieces = [*special, "▁", *(f"<0x{byte:02X}>" for byte in range(256))]
    unknown = special.index("<unk>")
    tokenizer = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=unknown, byte_fallback=True))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return _fast(tokenizer, roles)


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
    return _fast(
        tokenizer, dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    )


def _bpe(roles: Mapping[str, str], *, trimmed: bool) -> Any:
    """Byte-level BPE with a few merges; offsets exclude the space before a word if ``trimmed`` (as RoBERTa's)."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    special = [token for token in (*_FIVE, "<|endoftext|>") if token in roles.values()]
    tokenizer = Tokenizer(models.BPE(unk_token=roles.get("unk_token")))
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
    return _fast(tokenizer, roles)


def _fast(tokenizer: Any, roles: Mapping[str, str]) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles)
