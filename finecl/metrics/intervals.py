"""Confidence intervals of micro F1 by the bootstrap over documents."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from finecl.types import Ints


def bootstrap_f1(
    counts_D3: Ints, minus_D3: Ints | None = None, *, rounds: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Returns the 95 % percentile interval of micro F1 over resampled documents.

    ``minus_D3`` are the counts of another system on the same documents: the interval is then that of the difference,
    with the same documents resampled for both (paired bootstrap).

    *Shape:* ``counts_D3``, ``minus_D3`` [D, 3]: correct, predicted and gold facts of each document
    (``counts_by_document``).
    """
    if not len(counts_D3):
        return 0.0, 0.0
    generator, count = np.random.default_rng(seed), len(counts_D3)
    times_SD = generator.multinomial(count, np.full(count, 1 / count), size=rounds)
    values_S = _f1(times_SD @ counts_D3)
    if minus_D3 is not None:
        values_S = values_S - _f1(times_SD @ minus_D3)
    low, high = np.quantile(values_S, (0.025, 0.975))
    return float(low), float(high)


def _f1(sums_S3: Ints) -> npt.NDArray[np.float64]:
    f1_S: npt.NDArray[np.float64] = 2 * sums_S3[:, 0] / np.maximum(1, sums_S3[:, 1] + sums_S3[:, 2])
    return f1_S
