"""Label models: majority, Dawid and Skene's by crowd-kit, and Snorkel's generative one."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from finecl.errors import SettingsError
from finecl.types import Floats, Ints, Votes

_LEAST = 1e-6  # of a confidence, so that votes without any count, too
_FEWEST = 3  # sources, below which their accuracies cannot be told apart


@dataclass(frozen=True, kw_only=True)
class Majority:
    """Share of the votes for each relation, by their confidences."""

    def probabilities(self, votes: Votes) -> Floats:
        """Returns the shares [P, R + 1]."""
        share_PR = np.zeros((votes.pairs, len(votes.relations) + 1))
        np.add.at(share_PR, (votes.pair, votes.relation), votes.confidence + _LEAST)
        shares: Floats = (share_PR / share_PR.sum(axis=1, keepdims=True)).astype(np.float32)
        return shares


@dataclass(frozen=True, kw_only=True)
class DawidSkene:
    """Estimates by EM which relations each source confuses (Dawid and Skene 1979); needs the extra ``sources``."""

    iterations: int = 100

    def probabilities(self, votes: Votes) -> Floats:
        """Returns the posterior of the true relation [P, R + 1]; confidences are not used.

        Raises:
            SettingsError: crowd-kit is not installed.
        """
        try:
            from crowdkit.aggregation import DawidSkene as CrowdKit
        except ImportError:
            raise _missing("dawid-skene", "crowd-kit") from None
        import pandas as pd

        columns = {"task": votes.pair, "worker": votes.source, "label": votes.relation}
        with warnings.catch_warnings():  # crowd-kit's own, about how it calls pandas
            for kind in (DeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", kind)
            posterior = CrowdKit(n_iter=self.iterations).fit_predict_proba(pd.DataFrame(columns))
        return _filled(posterior.index, posterior.columns, posterior.to_numpy(), votes)


@dataclass(frozen=True, kw_only=True)
class Generative:
    """Estimates the sources' accuracies from their agreement, by Snorkel (Ratner et al. 2019); extra ``sources``.

    A source that votes for several relations of a pair counts by its most confident vote.
    """

    epochs: int = 500
    seed: int = 0

    def probabilities(self, votes: Votes) -> Floats:
        """Returns the posterior of the true relation [P, R + 1].

        Raises:
            SettingsError: Snorkel is not installed, or there are fewer than three sources.
        """
        if len(votes.sources) < _FEWEST:
            raise SettingsError(
                f"label model 'generative': expected at least {_FEWEST} sources, got {len(votes.sources)}; "
                "add sources, or use majority"
            )
        try:
            from snorkel.labeling.model import LabelModel
        except ImportError:
            raise _missing("generative", "snorkel") from None
        used = np.unique(votes.relation)
        model = LabelModel(cardinality=max(len(used), 2), verbose=False)
        matrix = _matrix(votes, used)
        model.fit(matrix, n_epochs=self.epochs, seed=self.seed, progress_bar=False)
        posterior = model.predict_proba(matrix)[:, : len(used)]
        return _filled(np.arange(votes.pairs), used, posterior, votes)


def _matrix(votes: Votes, used: Ints) -> Ints:
    """Returns the most confident vote of each source on each pair [P, S], as a position in ``used``; -1: abstains."""
    matrix = np.full((votes.pairs, len(votes.sources)), -1, dtype=np.int64)
    order = np.argsort(votes.confidence, kind="stable")  # later assignments win
    matrix[votes.pair[order], votes.source[order]] = np.searchsorted(used, votes.relation[order])
    return matrix


def _filled(pairs: Any, relations: Any, values: Any, votes: Votes) -> Floats:
    """Returns probabilities of some pairs and relations as [P, R + 1], with rows that sum to 1."""
    filled = np.zeros((votes.pairs, len(votes.relations) + 1), dtype=np.float32)
    filled[np.ix_(np.asarray(pairs), np.asarray(relations))] = values
    shares: Floats = filled / filled.sum(axis=1, keepdims=True)
    return shares


def _missing(name: str, library: str) -> SettingsError:
    return SettingsError(f"label model '{name}' needs {library}; install it with: pip install 'finecl[sources]'")
