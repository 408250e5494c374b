"""An extractor as ONNX: encoder and head for padded batches, from tokens and entities to scores of pairs.

Exported is the extractor's own ``forward`` and ``scores``, with an encoder in the place of its own that reads padded
rows. That serves every extractor that asks the encoder for token states and for entities; those that steer attention
or read words alone are refused.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from finecl import registry as plugins
from finecl.artifacts.files import replacing, write_text
from finecl.artifacts.provenance import digest
from finecl.errors import ModelError, SettingsError
from finecl.inference.loading import find_extractor, model_settings
from finecl.inference.onnx.backend import FINGERPRINT, PAD, seal_of
from finecl.models.extractor import load_extractor, read_extractor_config
from finecl.types import Batch

INPUTS = ("input_ids", "pool", "start", "head", "tail")


class PaddedEncoder(nn.Module):
    """An encoder of padded rows in the place of one of packed rows.

    Of a batch it reads ``input_ids`` [B, L] and, in the place of ``share_M``, the share of each token in each entity
    [B, V, L].

    *Shape:* states [B, L, H]; entities [V, H].
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.base = encoder.model.base_model
        if encoder.family.packed:
            self.base.set_attn_implementation("sdpa")
        self.hidden_size = encoder.hidden_size
        self._first, self._pad, self._fill = encoder.first_position, padding_id(encoder), encoder.padding
        self._takes_positions = encoder.family.positions != "none"

    def forward(self, batch: Batch) -> Tensor:
        """States of all tokens, those of padding included."""
        ids_BL = batch.input_ids
        is_token_BL = ids_BL != self._pad
        ids_BL = torch.where(is_token_BL, ids_BL, self._fill)
        positions = (torch.arange(ids_BL.shape[1], device=ids_BL.device) + self._first)[None].expand(ids_BL.shape)
        keywords = {"position_ids": positions} if self._takes_positions else {}
        out = self.base(input_ids=ids_BL, attention_mask=is_token_BL.long(), **keywords)
        states: Tensor = out.last_hidden_state
        return states

    def entities(self, states_BLH: Tensor, batch: Batch) -> Tensor:
        """Entities, each a weighted sum of the tokens of one row."""
        return torch.einsum("bvl,blh->vh", batch.share_M, states_BLH)


def padding_id(encoder: Any) -> int:
    """Returns the id of padding in the inputs; -1 if the model has no padding token."""
    pad = encoder.config.pad_token_id
    return -1 if pad is None or pad == encoder.config.eos_token_id else int(pad)


class PaddedExtractor(nn.Module):
    """An extractor on padded rows. The entities of all rows form one document, of which some pairs are scored."""

    def __init__(self, extractor: Any) -> None:
        super().__init__()
        self.extractor = copy.deepcopy(extractor).eval()
        self.extractor.encoder = PaddedEncoder(self.extractor.encoder)

    def forward(self, input_ids: Tensor, pool: Tensor, start: Tensor, head: Tensor, tail: Tensor) -> Tensor:
        """Scores [P, relations].

        *Shape:* ``input_ids`` [B, L]; ``pool`` [B, V, L]; ``start`` [V]; ``head``, ``tail`` [P].
        """
        none: Any = None
        batch = Batch(
            input_ids=input_ids, position_ids=none, lengths=(), entities=(start.shape[0],), member_M=none, share_M=pool,
            offset_V=none, start_V=start, head_P=head, tail_P=tail, sentence_T=none,
        )  # fmt: skip
        scores: Tensor = self.extractor.scores(self.extractor(batch).float())
        return scores


def export(name: str | Path, output: Path, *, variant: str = "pretrained") -> dict[str, Any]:
    """Writes an extractor as ONNX, whole or not at all; returns ``output``, ``megabytes`` and ``opset``.

    Raises:
        ModelError: the extractor does not exist, packages are missing, or torch cannot export it.
        SettingsError: ``output`` does not end with .onnx, or its directory does not exist.
    """
    if output.suffix != ".onnx" or output.is_dir() or not output.parent.is_dir():
        raise SettingsError(f"{output}: expected a file that ends with .onnx, in an existing directory")
    _check_packages()
    directory = find_extractor(name, variant=variant)
    config = read_extractor_config(directory)
    settings = model_settings(config, device="cpu", precision="float32", packing="off")
    extractor = load_extractor(directory, plugins.load(), settings).extractor
    program = _exported(PaddedExtractor(extractor), config["extractor"])
    program.model.metadata_props[FINGERPRINT] = str(config.get("fingerprint"))
    program.model.metadata_props[PAD] = str(padding_id(extractor.encoder))
    with replacing(output) as temporary:
        program.save(temporary, external_data=False)
        content = digest(temporary)
        seal_of(output).unlink(missing_ok=True)
    write_text(seal_of(output), content)
    opset = program.model.opset_imports[""]
    return {"output": str(output), "megabytes": output.stat().st_size / 1e6, "opset": opset}


def _check_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise ModelError("writing ONNX needs onnx and onnxscript: pip install 'finecl[onnx]'") from None


def _exported(model: PaddedExtractor, extractor: str) -> Any:
    """The program that torch.onnx makes of an extractor; all sizes are free."""
    rows, length, entities, pairs = (torch.export.Dim(name, min=2) for name in ("rows", "length", "entities", "pairs"))
    shapes = ({0: rows, 1: length}, {0: rows, 1: entities, 2: length}, {0: entities}, {0: pairs}, {0: pairs})
    inputs = (
        torch.randint(10, 20, (3, 16)),
        torch.rand(3, 5, 16),
        torch.arange(5),
        torch.tensor([0, 1, 2, 3]),
        torch.tensor([1, 0, 4, 2]),
    )
    try:
        with torch.no_grad(), _quiet():
            return torch.onnx.export(
                model, inputs, dynamo=True, input_names=list(INPUTS), output_names=["scores"],
                dynamic_shapes=shapes, verbose=False,
            )  # fmt: skip
    except Exception as error:  # whatever torch.export, onnxscript or the extractor's own code raise
        lines = str(error.__cause__ or error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise ModelError(
            f"the extractor '{extractor}' cannot be written as ONNX, which takes one that reads token states and "
            f"entities only: {reason:.200}"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's own reports and its warnings about its dependencies."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
