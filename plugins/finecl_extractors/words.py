"""DocRED's baselines on word embeddings, without an encoder (Yao et al., ACL 2019): CNN and BiLSTM."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from finecl.errors import ModelError
from finecl.losses import label_binary_cross_entropy, label_cross_entropy
from finecl.types import Batch, Extractor, LossSum, TextEncoder
from finecl_extractors.heads import Dropout, PairBilinear, Width, mean_entities


class Words(nn.Module, Extractor):
    """Base class of both baselines: sub-word embeddings, a layer ``reader`` over them, and a bilinear form of pairs.

    The baselines' embeddings of entity types and coreference are omitted: the vocabulary is the encoder's, whose input
    has neither. The encoder itself is not run.

    *Shape:* logits [P, R]; the last of the R relations is no-relation.
    """

    reads_encoder: ClassVar[bool] = False
    initial_settings: ClassVar[tuple[str, ...]] = ("embeddings",)
    """Settings that only initialise the weights; a saved extractor does not need them."""

    def __init__(
        self, encoder: TextEncoder, relations: int, reader: nn.Module, *, width: int, hidden: int, dropout: float,
        distance: int, embeddings: str | None, competing: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder = encoder
        self.words = nn.Embedding(len(encoder.vocabulary), width)
        if embeddings:
            read_embeddings(self.words, encoder.vocabulary, Path(embeddings))
        self.reader = reader
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(reader.width, hidden)  # type: ignore[arg-type]
        self.pairs = PairBilinear(hidden, relations, distance=distance)
        self._competing = competing

    def forward(self, batch: Batch) -> Tensor:
        """Computes logits ``[P, R]`` of the candidate pairs."""
        documents = torch.split(self.dropout(self.words(batch.input_ids[0])), list(batch.lengths))
        states_TH = self.dropout(self.reader(documents))
        entities_VH = mean_entities(torch.relu(self.project(states_TH)), batch)
        logits: Tensor = self.pairs(entities_VH, batch)
        return logits

    def loss(self, logits_PR: Tensor, labels_PR: Tensor) -> LossSum:
        """Computes the loss summed over pairs."""
        return (label_cross_entropy if self._competing else label_binary_cross_entropy)(logits_PR, labels_PR)

    def scores(self, logits_PR: Tensor) -> Tensor:
        """Computes probabilities ``[P, R - 1]`` of the relations."""
        return (logits_PR.softmax(dim=1) if self._competing else logits_PR.sigmoid())[:, :-1]


class CNN(Words):
    """A convolution over windows of ``window`` sub-words, then the bilinear form of pairs (DocRED's "CNN").

    ``embeddings``: a text file of words and their vectors of width ``width``, such as GloVe's; None is random.
    """

    def __init__(
        self, encoder: TextEncoder, relations: int, *, width: Width = 100, hidden: Width = 200, window: Width = 3,
        dropout: Dropout = 0.2, distance: Width = 20, embeddings: str | None = None, loss: Literal["ce", "bce"] = "bce",
    ) -> None:  # fmt: skip
        super().__init__(
            encoder, relations, Convolution(width, hidden, window), width=width, hidden=hidden, dropout=dropout,
            distance=distance, embeddings=embeddings, competing=loss == "ce",
        )  # fmt: skip


class BiLSTM(Words):
    """A bidirectional LSTM over sub-words, then the bilinear form of pairs (DocRED's "BiLSTM").

    ``hidden``: width of each direction, and of the projected entities; DocRED's release uses 200.
    ``embeddings``: a text file of words and their vectors of width ``width``, such as GloVe's; None is random.
    """

    def __init__(
        self, encoder: TextEncoder, relations: int, *, width: Width = 100, hidden: Width = 128, dropout: Dropout = 0.2,
        distance: Width = 20, embeddings: str | None = None, loss: Literal["ce", "bce"] = "bce",
    ) -> None:  # fmt: skip
        super().__init__(
            encoder, relations, Recurrence(width, hidden), width=width, hidden=hidden, dropout=dropout,
            distance=distance, embeddings=embeddings, competing=loss == "ce",
        )  # fmt: skip


class Convolution(nn.Module):
    """Computes states ``[T, hidden]``, separately for each document with zero padding."""

    def __init__(self, width: int, hidden: int, window: int) -> None:
        super().__init__()
        self.width = hidden
        self.convolve = nn.Conv1d(width, hidden, window, padding="same")

    def forward(self, documents: tuple[Tensor, ...]) -> Tensor:
        """Returns the states of all tokens, document after document."""
        padded_DWL = pad_sequence(list(documents), batch_first=True).transpose(1, 2)
        states_DLH = torch.relu(self.convolve(padded_DWL)).transpose(1, 2)
        return torch.cat([states[: len(d)] for states, d in zip(states_DLH, documents, strict=True)])


class Recurrence(nn.Module):
    """Computes states ``[T, 2 hidden]`` of each document with a bidirectional LSTM."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.width = 2 * hidden
        self.recur = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)

    def forward(self, documents: tuple[Tensor, ...]) -> Tensor:
        """Returns the states of all tokens, document after document."""
        lengths = torch.tensor([len(d) for d in documents])
        packed = pack_padded_sequence(
            pad_sequence(list(documents), batch_first=True), lengths, batch_first=True, enforce_sorted=False
        )
        states_DLH, _ = pad_packed_sequence(self.recur(packed)[0], batch_first=True)
        return torch.cat([states[: len(d)] for states, d in zip(states_DLH, documents, strict=True)])


def read_embeddings(words: nn.Embedding, vocabulary: object, path: Path) -> int:
    """Copies the vectors of a text file to the sub-words that are whole words; returns the number of copied vectors.

    A line is a word and its numbers, separated by spaces, as in GloVe's files, where a word may contain spaces; a first
    line of two numbers, as in word2vec's files, is skipped. The tokenizer's marks (##, G with dot, lower one eighth
    block) are removed from sub-words before comparison.

    Raises:
        ModelError: the file cannot be read, or a line does not have ``width`` numbers.
    """
    assert isinstance(vocabulary, list | tuple)
    width = words.embedding_dim
    rows: dict[str, list[int]] = {}
    for number, word in enumerate(vocabulary):
        rows.setdefault(word.removeprefix("##").lstrip("\u0120\u2581").lower(), []).append(number)
    copied = 0
    try:
        with path.open(encoding="utf-8") as file, torch.no_grad():
            for line, text in enumerate(file, start=1):
                parts = text.rstrip().split(" ")
                if line == 1 and len(parts) == 2:
                    continue
                word, numbers = " ".join(parts[:-width]), parts[-width:]
                if not word or (len(parts) > width + 1 and _is_number(parts[-width - 1])):
                    expected, actual = f"a word and {width} numbers (extractor.width)", f"{len(parts)} columns"
                    raise ModelError(f"{path}: line {line}: expected {expected}, got {actual}; set extractor.width")
                for row in rows.get(word.lower(), ()):
                    words.weight[row] = torch.tensor([float(value) for value in numbers])
                    copied += 1
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: expected words and their vectors as text, got '{error}'; check the file") from None
    return copied


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
