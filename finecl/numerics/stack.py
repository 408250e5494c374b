"""A regression on verified labels that combines the ranks of several scorers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from finecl.types import Bools, Ints

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Doubles = npt.NDArray[np.float64]

_LEAST = 0.01  # rank shares are kept from 0 and 1 by this, so that no log-odds outweigh the others


def stacked(shares_NM: Doubles, relation: Ints, verified: Ints, wrong: Bools) -> Doubles:
    """Returns the probability that each label is wrong ``[N]``, by a logistic regression on verified labels.

    It reads the log-odds of the rank share of the mean over scorers, the rank shares of the scorers, and the relation.
    Its penalty shrinks the weights, so that few verified labels move it little from the mean, and that a relation with
    few of them keeps the share of wrong labels that the others have: an empirical Bayes estimate with a normal prior on
    the log-odds.

    *Shape:* ``shares_NM``: rank shares of M scorers; ``relation`` [N]; ``verified``: numbers of labels of both kinds,
    and ``wrong``: what they are [V].
    """
    from sklearn.linear_model import LogisticRegression

    columns = _columns(shares_NM, relation)
    model = LogisticRegression(max_iter=1000).fit(columns[verified], wrong)
    probability: Doubles = model.predict_proba(columns)[:, 1]
    return probability


def _columns(shares_NM: Doubles, relation: Ints) -> csr_matrix:
    """Returns what the regression reads of each label, on scales that its penalty treats alike."""
    from scipy.sparse import csr_matrix, hstack
    from scipy.stats import rankdata

    ranks = rankdata(shares_NM.mean(axis=1).astype(np.float32))  # equal means share a rank
    mean = np.clip((ranks - 0.5) / len(ranks), _LEAST, 1 - _LEAST)
    dense = np.concatenate([np.log(mean / (1 - mean))[:, None], shares_NM - 0.5], axis=1)
    relations = csr_matrix((np.ones(len(relation)), (np.arange(len(relation)), relation)))
    return csr_matrix(hstack([csr_matrix(dense), relations]))
