"""What a report needs of ``scores.parquet``, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from finecl.errors import FineCLError
from finecl.types import Bools, Floats, Ints

_COLUMNS = ("document", "head", "tail", "relation", "noise", "weight", "learned_batch", "learned_epoch", "truth")


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Columns of ``scores.parquet`` for its N instances.

    ``relation`` numbers ``relations``; ``learned_batch`` and ``learned_epoch`` are epochs from 1, 0 for never;
    ``truth`` holds names of relations, None where unknown; it is None if it was not recorded.
    """

    document: Ints
    head: Ints
    tail: Ints
    relation: Ints
    relations: tuple[str, ...]
    noise: Floats
    weight: Floats
    learned_batch: Ints
    learned_epoch: Ints
    truth: npt.NDArray[np.object_] | None

    @classmethod
    def read(cls, path: Path) -> Scores:
        """The scores at ``path``; the columns of learning and truth may be missing there.

        Raises:
            FineCLError: the file is no Parquet.
        """
        try:
            present = pq.read_schema(path).names
            table = pq.read_table(path, columns=[name for name in _COLUMNS if name in present])
        except pa.ArrowInvalid as error:
            raise FineCLError(f"{path}: expected a Parquet file: {error}; run `finecl score` again") from None
        encoded = table["relation"].combine_chunks().dictionary_encode()
        never = np.zeros(len(table), dtype=np.int64)
        column = {name: table[name].to_numpy() for name in table.column_names if name not in ("relation", "truth")}
        return cls(
            document=column["document"],
            head=column["head"],
            tail=column["tail"],
            relation=encoded.indices.to_numpy().astype(np.int64),
            relations=tuple(encoded.dictionary.to_pylist()),
            noise=column["noise"],
            weight=column["weight"],
            learned_batch=column.get("learned_batch", never),
            learned_epoch=column.get("learned_epoch", never),
            truth=np.array(table["truth"].to_pylist(), dtype=object) if "truth" in present else None,
        )

    @property
    def ranked(self) -> bool:
        """Whether the noise tells any labels apart; it does not where nothing scored them."""
        return len(self.noise) > 0 and bool((self.noise != self.noise[0]).any())

    def wrong(self) -> tuple[Floats, Bools]:
        """Noise of the instances whose truth is known, and whether their label is wrong ``[known]``."""
        if self.truth is None:
            return np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.bool_)
        known = np.array([truth is not None for truth in self.truth], dtype=np.bool_)
        claimed = np.array(self.relations, dtype=object)[self.relation]
        return self.noise[known], (self.truth != claimed)[known]

    def learned_by_relation(self, learned: Ints, epochs: int) -> Floats:
        """Share of each relation's labels that were learned by the end of each epoch ``[R, E]``."""
        count_R = np.bincount(self.relation, minlength=len(self.relations))
        shares = [
            np.bincount(self.relation[(learned > 0) & (learned <= epoch)], minlength=len(count_R)) / count_R
            for epoch in range(1, epochs + 1)
        ]
        return np.stack(shares, axis=1).astype(np.float32)
