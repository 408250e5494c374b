"""The encoder: a transformers model that maps packed documents to token states and entity representations.

It also computes the masked-language-modelling loss, on masked positions only.
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

# In the RoBERTa family, position ids start after the padding index.
_ROBERTA = ("roberta", "xlm-roberta", "camembert")
_ROW_MULTIPLE = 64  # the number of tokens is rounded up to a multiple of this for bfloat16 on CPUs


class Encoder(nn.Module):
    """A masked language model of the BERT, RoBERTa or ModernBERT family that takes packed documents.

    ``packing`` chooses the attention implementation, see ``finecl.models.attention``; all give the same states.

    *Shape:* ``encoder(batch)`` returns token states [T, H]; ``entities`` returns [V, H], float32.
    """

    vocabulary: Sequence[str] = ()
    """Sub-words by token id."""
    recomputes = False
    """Whether layers are recomputed in the backward pass (gradient checkpointing)."""
    new_head = False
    """Whether the checkpoint lacked a language-modelling head, so that its weights are random."""

    def __init__(self, model: nn.Module, precision: Precision, packing: Packing = "loop") -> None:
        super().__init__()
        self.model = model
        self.precision = precision
        self.packing = packing
        self.to(precision.device)

    @property
    def hidden_size(self) -> int:
        """Width H of the token states."""
        return int(self.config.hidden_size)

    @property
    def config(self) -> Any:
        """Configuration of the transformers model."""
        return self.model.config

    def freeze_head(self) -> None:
        """Freezes the language-modelling head, which an extractor does not use."""
        used = self._base_parameters()
        for parameter in self.model.parameters():
            parameter.requires_grad_(id(parameter) in used)

    def freeze_base(self, frozen: bool = True) -> None:
        """Freezes all but the language-modelling head; its output weights are tied to the embeddings: frozen too."""
        used = self._base_parameters()
        for parameter in self.model.parameters():
            parameter.requires_grad_(not (frozen and id(parameter) in used))

    def _base_parameters(self) -> set[int]:
        return {id(p) for p in self.model.base_model.parameters()}  # type: ignore[union-attr]

    def compile_layers(self) -> None:
        """Compiles each layer for tensors of any length, with the random numbers of the uncompiled layers."""
        import torch._inductor.config as inductor

        inductor.fallback_random = True
        for part in self.model.modules():
            if type(part).__name__.endswith("Layer") and hasattr(part, "attention"):
                part.compile(dynamic=True)

    @property
    def first_position(self) -> int:
        """Position id of a document's first token."""
        return int(self.config.pad_token_id) + 1 if self.config.model_type in _ROBERTA else 0

    def forward(self, batch: Batch) -> Tensor:
        """Returns the token states of a packed batch ``[T, H]``."""
        base: Any = self.model.base_model
        with self.precision.autocast():
            if self.packing == "padded":
                return self._padded(base, batch)
            ids, positions, lengths = self._rounded(batch)
            out = base(input_ids=ids, position_ids=positions, **with_lengths(self.packing, lengths, ids.device))
        states: Tensor = out.last_hidden_state[0, : sum(batch.lengths)]
        return states

    def _rounded(self, batch: Batch) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        """Returns token ids, positions and lengths of a packed batch.

        For bfloat16 on a CPU, a last document of padding extends the row to a multiple of 64 tokens, since oneDNN
        prepares its matrix products again for every new number of rows.
        """
        ids, positions, lengths = batch.input_ids, batch.position_ids, batch.lengths
        padding = -sum(lengths) % _ROW_MULTIPLE
        if not padding or not self.precision.bf16 or ids.device.type != "cpu":
            return ids, positions, lengths
        ids = F.pad(ids, (0, padding), value=int(self.config.pad_token_id))
        return ids, F.pad(positions, (0, padding), value=self.first_position), (*lengths, padding)

    def with_attention_bias(self, batch: Batch, bias: AttentionBias) -> Tensor:
        """Returns the token states ``[T, H]`` with ``bias`` added to the attention scores of each document and layer.

        See ``finecl.models.attention.biased_attention``.

        Raises:
            ModelError: the encoder is not of the BERT or RoBERTa family, or uses gradient checkpointing.
        """
        if self.config.model_type == "modernbert":
            raise ModelError(
                "this extractor adds an attention bias, which finecl supports in BERT and RoBERTa models only"
            )
        if self.recomputes:  # the recomputation would run without the bias
            raise ModelError("this extractor adds an attention bias: leave out model.gradient_checkpointing")
        base: Any = self.model.base_model
        layers = {id(layer.attention.self): number for number, layer in enumerate(base.encoder.layer)}
        keywords = {"lengths": batch.lengths, "bias": bias, "layers": layers}
        implementation = self.config._attn_implementation
        self.config._attn_implementation = BIASED
        try:
            with self.precision.autocast():
                out = base(input_ids=batch.input_ids, position_ids=batch.position_ids, **keywords)
        finally:
            self.config._attn_implementation = implementation
        states: Tensor = out.last_hidden_state[0]
        return states

    @property
    def attention_shape(self) -> tuple[int, int, int]:
        """Numbers of layers and heads, and the width of a head."""
        heads = int(self.config.num_attention_heads)
        return int(self.config.num_hidden_layers), heads, self.hidden_size // heads

    def _padded(self, base: Any, batch: Batch) -> Tensor:
        """Returns the token states ``[T, H]``, computed on a padded batch."""
        device = batch.input_ids.device
        lengths = torch.tensor(batch.lengths, device=device)
        is_token_DL = torch.arange(int(lengths.max()), device=device)[None, :] < lengths[:, None]
        ids_DL = torch.full(is_token_DL.shape, int(self.config.pad_token_id), device=device)
        positions_DL = torch.full(is_token_DL.shape, self.first_position, device=device)
        ids_DL[is_token_DL], positions_DL[is_token_DL] = batch.input_ids[0], batch.position_ids[0]
        out = base(input_ids=ids_DL, attention_mask=is_token_DL.long(), position_ids=positions_DL)
        states: Tensor = out.last_hidden_state[is_token_DL]
        return states

    def entities(self, states_TH: Tensor, batch: Batch) -> Tensor:
        """Returns entity representations ``[V, H]``: mean over mentions of the mean over tokens (paper, eq. 4)."""
        with torch.autocast(states_TH.device.type, enabled=False):
            return F.embedding_bag(
                batch.member_M,
                states_TH.float(),
                batch.offset_V,
                mode="sum",
                per_sample_weights=batch.share_M,
            )

    def mlm_loss(self, states_TH: Tensor, position_I: Tensor, label_I: Tensor) -> LossSum:
        """Returns the summed cross-entropy of the masked tokens; logits are computed at masked positions only."""
        with self.precision.autocast():
            if not len(position_I):  # every pass uses the head, else ranks would wait for its gradients
                return LossSum(total=_vocabulary_logits(self.model, states_TH[:1]).float().sum() * 0.0, terms=0)
            logits = _vocabulary_logits(self.model, states_TH[position_I])
        return LossSum(total=F.cross_entropy(logits.float(), label_I, reduction="sum"), terms=len(position_I))


def _vocabulary_logits(model: Any, states: Tensor) -> Tensor:
    """Returns the logits ``[I, vocabulary]`` of the model's language-modelling head."""
    if hasattr(model, "cls"):
        logits = model.cls(states)
    elif hasattr(model, "lm_head"):
        logits = model.lm_head(states)
    else:
        logits = model.decoder(model.head(states))
    return logits  # type: ignore[no-any-return]
