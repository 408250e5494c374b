"""Counter-based random numbers, independent of batch, worker and rank.

A number is a pure function of the seed, the purpose, the moment (epoch or step) and the key of the element. A run
can thus be resumed, split into other micro-batches or distributed over ranks without changing any number.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from finecl.types import Generator, Ints


_ODD = np.uint64(0x9E3779B97F4A7C15)


def keyed_generator(seed: int, purpose: str, *moment: int) -> Generator:
    """Returns a generator for a purpose at a moment."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *moment])


def keyed_uniform(keys: Ints, seed: int, purpose: str, *moment: int) -> npt.NDArray[np.float64]:
    """Returns a number in [0, 1) for each key; equal keys give equal numbers."""
    salt = keyed_generator(seed, purpose, *moment).integers(0, 2**63, dtype=np.uint64)
    return (_mix(keys.astype(np.uint64) * _ODD + salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Applies the finaliser of splitmix64 (Steele, Lea and Flood, 2014): every input bit affects every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
