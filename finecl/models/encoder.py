"""The encoder: a transformers model that maps packed documents to token states and entity representations.

It also computes the masked-language-modelling loss, on masked positions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finecl.errors import ModelError
from finecl.models.adapters import add_adapters, is_adapter
from finecl.models.attention import BIASED, IMPLEMENTATIONS, Packing, with_lengths
from finecl.models.families import FAMILIES, Family, vocabulary_head
from finecl.models.precision import Precision
from finecl.types import AttentionBias, Batch, LossSum

_ROW_MULTIPLE = 64  # the number of tokens is rounded up to a multiple of this for bfloat16 on CPUs


class Encoder(nn.Module):
    """A model of one of ``finecl.models.families`` that takes packed documents.

    ``packing`` chooses the attention implementation, see ``finecl.models.attention``; all give the same states.
    Families whose documents cannot be packed are always "padded".

    *Shape:* ``encoder(batch)`` returns token states [T, H]; ``entities`` returns [V, H], float32.
    """

    vocabulary: Sequence[str] = ()
    """Sub-words by token id."""
    recomputes = False
    """Whether layers are recomputed in the backward pass (gradient checkpointing)."""
    adapted = False
    """Whether low-rank adapters are trained in place of the weights."""
    new_head = False
    """Whether the checkpoint lacked a language-modelling head: its weights are random, or there is none."""

    def __init__(self, model: nn.Module, precision: Precision, packing: Packing = "loop") -> None:
        super().__init__()
        self.model = model
        self.precision = precision if self.family.bf16 else replace(precision, bf16=False)
        self.packing: Packing = packing if self.family.packed else "padded"
        self.to(precision.device)

    @property
    def hidden_size(self) -> int:
        """Width H of the token states."""
        return int(self.config.hidden_size)

    @property
    def config(self) -> Any:
        """Configuration of the transformers model."""
        return self.model.config

    @property
    def family(self) -> Family:
        """The family of the transformers model."""
        return FAMILIES[self.config.model_type]

    @property
    def padding(self) -> int:
        """Token id that fills padded rows, where attention ignores it."""
        return int(self.config.pad_token_id or 0)

    @property
    def longest(self) -> int | None:
        """Number of tokens for which there are position embeddings; None: there is no limit."""
        limit = getattr(self.config, "max_position_embeddings", None) if self.family.positions != "none" else None
        return None if limit is None else int(limit) - self.first_position

    def attend_as_saved(self, name: str | None = None) -> None:
        """Switches to transformers' own attention, ``name`` or its choice; without effect on padded-only families."""
        if self.family.packed:
            self.model.set_attn_implementation(name or IMPLEMENTATIONS[self.packing])  # type: ignore[operator]

    @property
    def has_own_head(self) -> bool:
        """Whether there is a language-modelling head, and not only the product with the embeddings."""
        return self.family.kind == "masked"

    def freeze_head(self) -> None:
        """Freezes the language-modelling head, which an extractor does not use."""
        self._train(base=True, head=False)

    def freeze_base(self, frozen: bool = True) -> None:
        """Freezes all but the language-modelling head; its output weights are tied to the embeddings: frozen too."""
        self._train(base=not frozen, head=True)

    def add_adapters(self, rank: int) -> None:
        """Adds low-rank adapters, and freezes all other weights but the language-modelling head."""
        add_adapters(self.model.base_model, rank)
        self.adapted = True
        self.to(self.precision.device)
        self._train(base=True, head=True)

    def _train(self, *, base: bool, head: bool) -> None:
        of_base = {id(p) for p in self.model.base_model.parameters()}  # type: ignore[union-attr]
        for name, parameter in self.model.named_parameters():
            if id(parameter) in of_base:
                parameter.requires_grad_(base and (not self.adapted or is_adapter(name)))
            else:
                parameter.requires_grad_(head)

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
        return self.padding + 1 if self.family.positions == "after-padding" else 0

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
        ids = F.pad(ids, (0, padding), value=self.padding)
        return ids, F.pad(positions, (0, padding), value=self.first_position), (*lengths, padding)

    def with_attention_bias(self, batch: Batch, bias: AttentionBias) -> Tensor:
        """Returns the token states ``[T, H]`` with ``bias`` added to the attention scores of each document and layer.

        See ``finecl.models.attention.biased_attention``.

        Raises:
            ModelError: the encoder is not of the BERT or RoBERTa family, or uses gradient checkpointing.
        """
        base: Any = self.model.base_model
        blocks = getattr(getattr(base, "encoder", None), "layer", None)
        if not self.family.packed or blocks is None or not hasattr(blocks[0], "attention"):
            raise ModelError(
                f"this extractor adds an attention bias, which finecl supports in models of the BERT and RoBERTa "
                f"families only, not of {self.config.model_type}"
            )
        if self.recomputes:  # the recomputation would run without the bias
            raise ModelError("this extractor adds an attention bias: leave out model.gradient_checkpointing")
        layers = {id(layer.attention.self): number for number, layer in enumerate(blocks)}
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
        ids_DL = torch.full(is_token_DL.shape, self.padding, device=device)
        positions_DL = torch.full(is_token_DL.shape, self.first_position, device=device)
        ids_DL[is_token_DL], positions_DL[is_token_DL] = batch.input_ids[0], batch.position_ids[0]
        positions = {} if self.family.positions == "none" else {"position_ids": positions_DL}
        out = base(input_ids=ids_DL, attention_mask=is_token_DL.long(), **positions)
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
                return LossSum(total=vocabulary_head(self.model)(states_TH[:1]).float().sum() * 0.0, terms=0)
            logits = vocabulary_head(self.model)(states_TH[position_I])
        return LossSum(total=F.cross_entropy(logits.float(), label_I, reduction="sum"), terms=len(position_I))
