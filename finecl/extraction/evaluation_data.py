"""Dev and test documents as rows to score, with their gold labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.tokens.windows import Row, document_rows, every_pair, labelled_pairs, sentence_rows
from finecl.types import Document, Instances


@dataclass(frozen=True, kw_only=True)
class EvaluationDataset:
    """Documents as rows to score, and their gold labels: dev or test data.

    ``gold`` are the labels of all documents, those included whose pair cannot be scored.
    """

    rows: Sequence[Row]
    gold: Instances
    marked: bool

    @property
    def labels_left_out(self) -> int:
        """Returns the number of gold labels whose entities no row holds; they count as missed."""
        scored = {
            (row.document, int(row.own[head]), int(row.own[tail]))
            for row in self.rows
            for head, tail in zip(row.head, row.tail, strict=True)
        }
        columns = (self.gold.document.tolist(), self.gold.head.tolist(), self.gold.tail.tolist())
        return sum(pair not in scored for pair in zip(*columns, strict=True))

    @classmethod
    def of(
        cls,
        documents: Sequence[Document],
        gold: Instances,
        tokenizer: DocumentTokenizer,
        *,
        marked: bool,
        windows: bool = True,
    ) -> EvaluationDataset:
        """Returns all entity pairs of documents as rows, in windows or truncated, or the labelled pairs as marked
        sentences.
        """
        if marked:
            rows = list(sentence_rows(documents, [labelled_pairs(d) for d in documents], tokenizer))
        else:
            rows = list(document_rows(documents, [every_pair(d) for d in documents], tokenizer, windows=windows))
        return cls(rows=rows, gold=gold, marked=marked)
