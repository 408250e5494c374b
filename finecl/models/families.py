"""The architectures that finecl reads: which transformers class, positions, dropout, and whether documents are packed.

``packed`` families have in a packed row the states that transformers computes for each document alone, as the tests
prove; the others are read as padded batches, with transformers' own attention. ``docs/encoders.md`` has the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from finecl.errors import ModelError


@dataclass(frozen=True, kw_only=True)
class Family:
    """How the models of an architecture are read.

    ``kind``: a masked language model; an encoder without a language-modelling head (of T5); or a decoder without its
    head. ``positions`` is "arguments" if ``forward`` takes position ids, "after-padding" if they start after the
    padding index, and "none" if it takes none; ``learned_positions``: there are embeddings for them. ``inner``
    is the name of the feed-forward width in the configuration. ``bf16``: transformers' code runs under bfloat16
    autocast.
    """

    kind: Literal["masked", "encoder", "decoder"] = "masked"
    packed: bool = False
    positions: Literal["arguments", "after-padding", "none"] = "arguments"
    attention_dropout: str | None = "attention_probs_dropout_prob"
    hidden_dropout: tuple[str, ...] = ("hidden_dropout_prob",)
    inner: str = "intermediate_size"
    learned_positions: bool = True
    bf16: bool = True

    @property
    def auto_class(self) -> Any:
        """The class of transformers that loads the models."""
        import transformers

        names = {"masked": "AutoModelForMaskedLM", "encoder": "AutoModelForTextEncoding", "decoder": "AutoModel"}
        return getattr(transformers, names[self.kind])


_BERT = Family(packed=True)
_ROBERTA = Family(packed=True, positions="after-padding")
_PADDED = Family()
_RELATIVE = replace(_PADDED, learned_positions=False)  # DeBERTa has embeddings for positions in some sizes only
_T5 = Family(
    kind="encoder",
    positions="none",
    attention_dropout=None,
    hidden_dropout=("dropout_rate",),
    inner="d_ff",
    learned_positions=False,
)
_ROTARY = Family(packed=True, attention_dropout="attention_dropout", hidden_dropout=(), learned_positions=False)
_DECODER = replace(_ROTARY, kind="decoder")

FAMILIES: Mapping[str, Family] = {
    "bert": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "xlm-roberta-xl": _ROBERTA,
    "camembert": _ROBERTA,
    "ernie": _BERT,
    "electra": _BERT,
    "albert": _BERT,
    "distilbert": Family(
        packed=True, attention_dropout="attention_dropout", hidden_dropout=("dropout",), inner="hidden_dim"
    ),
    "modernbert": replace(_ROTARY, hidden_dropout=("embedding_dropout", "mlp_dropout")),
    "eurobert": _ROTARY,
    "deberta": replace(_RELATIVE, bf16=False),
    "deberta-v2": _RELATIVE,
    "mpnet": replace(_PADDED, positions="after-padding"),
    "longformer": replace(_PADDED, positions="after-padding"),
    "t5": _T5,
    "mt5": _T5,
    "umt5": _T5,
    "llama": _DECODER,
    "mistral": _DECODER,
    "qwen2": _DECODER,
    "qwen3": _DECODER,
}
"""Families by transformers' ``model_type``."""


def family_of(config: Any, name: str) -> Family:
    """Returns the family of a model.

    Raises:
        ModelError: finecl does not read models of this type.
    """
    if config.model_type not in FAMILIES:
        raise ModelError(f"'{name}' is a {config.model_type} model; supported families: {', '.join(FAMILIES)}")
    return FAMILIES[config.model_type]


def vocabulary_head(model: Any) -> Any:
    """Returns the function from states ``[I, H]`` to logits ``[I, vocabulary]`` of a model.

    That of a model without a language-modelling head is the product with its input embeddings.
    """
    if hasattr(model, "lm_predictions"):  # of DeBERTa
        return lambda states: model.lm_predictions(states, model.get_input_embeddings())
    for name in ("cls", "lm_head", "predictions"):
        if hasattr(model, name):
            return getattr(model, name)
    for names in (
        ("head", "decoder"),  # ModernBERT
        ("generator_predictions", "generator_lm_head"),  # ELECTRA
        ("vocab_transform", "activation", "vocab_layer_norm", "vocab_projector"),  # DistilBERT
    ):
        if hasattr(model, names[-1]):
            return lambda states, names=names: _chain(states, *(getattr(model, name) for name in names))
    return lambda states: states @ model.get_input_embeddings().weight.T


def _chain(states: Any, *functions: Any) -> Any:
    for function in functions:
        states = function(states)
    return states
