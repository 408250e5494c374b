"""Runs exported extractors with onnxruntime on the CPU; needs the extra ``finecl[onnx]``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from finecl.artifacts.provenance import digest
from finecl.errors import ModelError
from finecl.models.precision import Precision
from finecl.models.safe_reading import read_tokenizer as read_hf_tokenizer
from finecl.numerics.ragged import ranges
from finecl.tokens.markers import Markers
from finecl.tokens.packing import Packed, pack
from finecl.tokens.token_rows import TokenBatch
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Floats, Ints

FILE = "model.onnx"
FINGERPRINT, PAD = "finecl_fingerprint", "finecl_pad"  # metadata of the file


def seal_of(path: Path) -> Path:
    """Returns the path of the file with the SHA-256 of an exported file."""
    return path.with_name(f"{path.name}.sha256")


class OnnxBackend:
    """An exported extractor on padded rows, with as many threads as torch."""

    def __init__(
        self, directory: Path, config: Mapping[str, Any], file: str | Path | None, max_tokens: int | None
    ) -> None:
        """Opens ``file``, else ``model.onnx`` in ``directory``.

        Raises:
            ModelError: onnxruntime is not installed, the file does not exist, or it belongs to another extractor.
        """
        try:
            import onnxruntime
        except ImportError:
            raise ModelError("the backend onnx needs onnxruntime: pip install 'finecl[onnx]'") from None
        path = directory / FILE if file is None else Path(file)
        if not path.is_file():
            raise ModelError(f"{path}: expected an exported extractor, found none; write it with `finecl export`")
        seal = seal_of(path)
        if seal.is_file() and seal.read_bytes().strip() != digest(path).encode():
            raise ModelError(f"{path}: was changed since it was exported; export it again")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own, all of them bare
            raise ModelError(f"{path}: onnxruntime cannot read it: {str(error).splitlines()[0]}") from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        padding = metadata.get(PAD, "")
        if metadata.get(FINGERPRINT) != str(config.get("fingerprint")) or not padding.removeprefix("-").isdecimal():
            raise ModelError(f"{path}: expected the export of {directory}, got another's; export it again")
        self._pad = int(padding)
        self.max_tokens = Precision().pass_tokens(max_tokens)

    def scores(self, rows: TokenBatch, row_P: Ints, head_P: Ints, tail_P: Ints) -> Floats:
        """Scores ``[P, relations]``; see ``Backend``."""
        packed = pack(rows)
        ids_BL, pool_BVL = padded(packed, self._pad)
        head, tail = packed.entity_rows(row_P, head_P), packed.entity_rows(row_P, tail_P)
        tensors = {"input_ids": ids_BL, "pool": pool_BVL, "start": packed.start_V, "head": head, "tail": tail}
        used = {node.name for node in self._session.get_inputs()}  # an extractor may not use all of them
        (scores,) = self._session.run(["scores"], {name: value for name, value in tensors.items() if name in used})
        result: Floats = scores
        return result


def padded(packed: Packed, pad: int) -> tuple[Ints, Floats]:
    """Packed rows as padded ones ``[B, L]``, and the share of each token in each entity ``[B, V, L]``."""
    count = len(packed.lengths)
    row_T = np.repeat(np.arange(count), packed.lengths)
    at_T = ranges(np.zeros(count, dtype=np.int64), packed.lengths)
    longest = int(packed.lengths.max())
    ids_BL = np.full((count, longest), pad, dtype=np.int64)
    ids_BL[row_T, at_T] = packed.ids_T
    members = np.diff(np.append(packed.offset_V, len(packed.member_M)))
    entity_M = np.repeat(np.arange(len(packed.key_V)), members)
    pool_BVL = np.zeros((count, len(packed.key_V), longest), dtype=np.float32)
    np.add.at(pool_BVL, (row_T[packed.member_M], entity_M, at_T[packed.member_M]), packed.share_M)
    return ids_BL, pool_BVL


def read_tokenizer(directory: Path, config: Mapping[str, Any]) -> DocumentTokenizer:
    """Reads the configuration of an encoder from its directory, without its weights."""
    try:
        tokenizer = read_hf_tokenizer(str(directory))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the tokenizer in '{directory}': {str(error).splitlines()[0]}") from error
    return DocumentTokenizer(tokenizer, int(config["max_length"]), Markers.of(tokenizer))
