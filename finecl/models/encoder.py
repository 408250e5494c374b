"""A transformers model as finecl uses it: packed text in, token states and entity representations out.

Also the masked-language-modelling loss on masked positions only, and the plain Hugging Face directory that a
pre-trained encoder leaves behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finecl.errors import ModelError
from finecl.models.attention import BIASED, Packing, with_lengths
from finecl.models.precision import Precision
from finecl.types import AttentionBias, Batch, LossSum

# Positions of the RoBERTa family start behind its padding index.
_ROBERTA = ("roberta", "xlm-roberta", "camembert")
_ROWS = 64  # of tokens: what bfloat16 products on CPUs are rounded up to a multiple of


class Encoder(nn.Module):
    """A masked language model of the BERT, RoBERTa or ModernBERT kind, reading packed documents.

    ``packing`` says how documents are kept apart, see ``finecl.models.attention``; the states are the same.

    *Shape:* ``encoder(batch)`` gives token states [T, H]; ``entities`` gives [V, H], float32.
    """

    vocabulary: Sequence[str] = ()
    """The sub-words by their numbers."""
    recomputes = False
    """Whether layers are run a second time in the backward pass (gradient checkpointing)."""

    def __init__(self, model: nn.Module, precision: Precision, packing: Packing = "loop") -> None:
        super().__init__()
        self.model = model
        self.precision = precision
        self.packing = packing
        self.to(precision.device)

    @property
    def hidden_size(self) -> int:
        """Width H of the states."""
        return int(self.config.hidden_size)

    @property
    def config(self) -> Any:
        """The transformers configuration."""
        return self.model.config

    def freeze_head(self) -> None:
        """Leaves the language-modelling head out of training: an extractor does not use it."""
        used = {id(p) for p in self.model.base_model.parameters()}  # type: ignore[union-attr]
        for parameter in self.model.parameters():
            parameter.requires_grad_(id(parameter) in used)

    def compile_layers(self) -> None:
        """Compiles each layer for tensors of any length; random numbers stay those of the uncompiled layers."""
        import torch._inductor.config as inductor

        inductor.fallback_random = True
        for part in self.model.modules():
            if type(part).__name__.endswith("Layer") and hasattr(part, "attention"):
                part.compile(dynamic=True)

    @property
    def first_position(self) -> int:
        """The position id of a document's first token."""
        return int(self.config.pad_token_id) + 1 if self.config.model_type in _ROBERTA else 0

    def forward(self, batch: Batch) -> Tensor:
        """States of the tokens of a packed batch ``[T, H]``."""
        base: Any = self.model.base_model
        with self.precision.autocast():
            if self.packing == "padded":
                return self._padded(base, batch)
            ids, positions, lengths = self._rounded(batch)
            out = base(input_ids=ids, position_ids=positions, **with_lengths(self.packing, lengths, ids.device))
        states: Tensor = out.last_hidden_state[0, : sum(batch.lengths)]
        return states

    def _rounded(self, batch: Batch) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        """Token ids, positions and lengths of a packed batch; for bfloat16 on a CPU, a last document of padding brings
        the row to a multiple of 64 tokens: oneDNN prepares its products anew for every number of rows.
        """
        ids, positions, lengths = batch.input_ids, batch.position_ids, batch.lengths
        more = -sum(lengths) % _ROWS
        if not more or not self.precision.bf16 or ids.device.type != "cpu":
            return ids, positions, lengths
        ids = F.pad(ids, (0, more), value=int(self.config.pad_token_id))
        return ids, F.pad(positions, (0, more), value=self.first_position), (*lengths, more)

    def with_attention_bias(self, batch: Batch, bias: AttentionBias) -> Tensor:
        """States ``[T, H]`` while ``bias`` sees the queries and keys of each document in each layer, and may add to
        their products; see ``finecl.models.attention.steered_attention``.

        Raises:
            ModelError: the encoder is not of the BERT or RoBERTa kind.
        """
        if self.config.model_type == "modernbert":
            raise ModelError("this extractor steers attention, which finecl can do in BERT and RoBERTa models only")
        if self.recomputes:  # the second forward pass would not be steered
            raise ModelError("this extractor steers attention: leave out model.gradient_checkpointing")
        base: Any = self.model.base_model
        layers = {id(layer.attention.self): number for number, layer in enumerate(base.encoder.layer)}
        told = {"lengths": batch.lengths, "bias": bias, "layers": layers}
        usual = self.config._attn_implementation
        self.config._attn_implementation = BIASED
        try:
            with self.precision.autocast():
                out = base(input_ids=batch.input_ids, position_ids=batch.position_ids, **told)
        finally:
            self.config._attn_implementation = usual
        states: Tensor = out.last_hidden_state[0]
        return states

    @property
    def attention_shape(self) -> tuple[int, int, int]:
        """Layers, heads, and the width of a head."""
        heads = int(self.config.num_attention_heads)
        return int(self.config.num_hidden_layers), heads, self.hidden_size // heads

    def _padded(self, base: Any, batch: Batch) -> Tensor:
        """The states by way of a padded batch, ``[T, H]`` again."""
        device = batch.input_ids.device
        lengths = torch.tensor(batch.lengths, device=device)
        real_DL = torch.arange(int(lengths.max()), device=device)[None, :] < lengths[:, None]
        ids_DL = torch.full(real_DL.shape, int(self.config.pad_token_id), device=device)
        positions_DL = torch.full(real_DL.shape, self.first_position, device=device)
        ids_DL[real_DL], positions_DL[real_DL] = batch.input_ids[0], batch.position_ids[0]
        out = base(input_ids=ids_DL, attention_mask=real_DL.long(), position_ids=positions_DL)
        states: Tensor = out.last_hidden_state[real_DL]
        return states

    def entities(self, states_TH: Tensor, batch: Batch) -> Tensor:
        """Entity representations ``[V, H]``: the mean over mentions of the mean over their tokens (paper, eq. 4)."""
        with torch.autocast(states_TH.device.type, enabled=False):
            return F.embedding_bag(
                batch.member_M,
                states_TH.float(),
                batch.offset_V,
                mode="sum",
                per_sample_weights=batch.share_M,
            )

    def mlm_loss(self, states_TH: Tensor, position_I: Tensor, label_I: Tensor) -> LossSum:
        """Cross-entropy of the masked tokens, summed; the vocabulary is scored at masked positions only."""
        with self.precision.autocast():
            if not len(position_I):  # the head takes part in every pass, or ranks would wait for its gradients
                return LossSum(total=_vocabulary_logits(self.model, states_TH[:1]).float().sum() * 0.0, terms=0)
            logits = _vocabulary_logits(self.model, states_TH[position_I])
        return LossSum(total=F.cross_entropy(logits.float(), label_I, reduction="sum"), terms=len(position_I))


def _vocabulary_logits(model: Any, states: Tensor) -> Tensor:
    """Scores of the vocabulary ``[I, vocabulary]`` by the model's own language-modelling head."""
    if hasattr(model, "cls"):
        logits = model.cls(states)
    elif hasattr(model, "lm_head"):
        logits = model.lm_head(states)
    else:
        logits = model.decoder(model.head(states))
    return logits  # type: ignore[no-any-return]
