"""Random draws that depend on what is drawn, never on the batch, the worker or the rank that draws it.

A draw is a pure function of the seed, its purpose, the moment (epoch or step) and the identity of each element, so
a run can be resumed, cut into other passes or spread over ranks without changing a number.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from finecl.types import Generator, Ints

_ODD = np.uint64(0x9E3779B97F4A7C15)


def keyed_generator(seed: int, purpose: str, *moment: int) -> Generator:
    """A generator of its own for a purpose at a moment."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), *moment])


def keyed_uniform(keys: Ints, seed: int, purpose: str, *moment: int) -> npt.NDArray[np.float64]:
    """A number in [0, 1) for each key: the same key gives the same number wherever it is asked for."""
    salt = keyed_generator(seed, purpose, *moment).integers(0, 2**63, dtype=np.uint64)
    return (_mix(keys.astype(np.uint64) * _ODD + salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea and Flood, 2014): every input bit changes every output bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
