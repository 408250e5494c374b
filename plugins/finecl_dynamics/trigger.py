"""Which words go with a statement of the relation? A linear model of the words around the mentions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar
from zlib import crc32

import numpy as np
from annotated_types import Ge

from finecl.types import Document, Entity, Evidence, EvidenceKind, Floats, Instances, Ints, Mention, NoiseScorer
from finecl_dynamics.ranks import Doubles, rank_shares
from finecl_dynamics.verbalization import Verbalization

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

HEAD, TAIL = "[head]", "[tail]"
_LONGEST = 3  # words of a feature


@dataclass(frozen=True, kw_only=True)
class Trigger(NoiseScorer):
    """Noise = the noise of ``verbalization`` that the words around the mentions predict.

    For each relation, a ridge regression on one to three consecutive words, weighted by tf-idf, is fitted to the rank
    shares of verbalization's noise. No sentence scores itself: the regression is fitted on other sentences. So words
    count that go with statements of the relation throughout the corpus, whatever a single sentence resembles.

    ``around``: the number of words before the first and after the last of the two nearest mentions; those between
    always count. ``least``: the number of labels in which consecutive words must occur to count. ``folds``: the parts
    into which sentences are split. ``penalty``: of the squared weights. A relation with fewer labels than twice the
    folds has the mean of its labels' rank shares as noise.
    """

    required_evidence: ClassVar[tuple[EvidenceKind, ...]] = ("statements", "text")

    around: Annotated[int, Ge(0)] = 6
    least: Annotated[int, Ge(1)] = 3
    folds: Annotated[int, Ge(2)] = 10
    penalty: Annotated[float, Ge(0)] = 1.0

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns the noise ``[N]``, about within [0, 1]; +inf for labels without a text."""
        target = rank_shares(Verbalization().score(instances, evidence))
        phrases, fold = self.phrases(instances, evidence)
        noise = np.full(len(instances), np.inf, dtype=np.float32)
        shown = np.flatnonzero([bool(phrase) for phrase in phrases])
        if len(shown):
            words = self._counted([phrases[row] for row in shown.tolist()])
            noise[shown] = self._predicted(words, target[shown], instances.relation[shown], fold[shown])
        return noise

    def phrases(self, instances: Instances, evidence: Evidence) -> tuple[list[str], Ints]:
        """Returns the words of each label that count, and its fold ``[N]``; equal documents are in one fold.

        "[head]" and "[tail]" stand for the mentions; a label without text has "".
        """
        phrases, fold = [""] * len(instances), np.zeros(len(instances), dtype=np.int64)
        for document, rows in evidence.texts().documents():
            fold[rows] = crc32(repr(document.sentences).encode(errors="replace")) % self.folds
            for row in rows.tolist():
                head, tail = document.entities[instances.head[row]], document.entities[instances.tail[row]]
                phrases[row] = _phrase(document, head, tail, self.around)
        return phrases, fold

    def _counted(self, phrases: Sequence[str]) -> csr_matrix:
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import TfidfVectorizer

        least = min(self.least, len(phrases))
        vectorizer = TfidfVectorizer(ngram_range=(1, _LONGEST), min_df=least, sublinear_tf=True, token_pattern=r"\S+")
        try:
            counted: csr_matrix = vectorizer.fit_transform(phrases)
        except ValueError:  # no words occur often enough
            return csr_matrix((len(phrases), 1))
        return counted

    def _predicted(self, words: csr_matrix, target: Doubles, relation: Ints, fold: Ints) -> Doubles:
        """Returns what the words of each label predict, from labels of the same relation in other folds ``[N]``."""
        from sklearn.linear_model import Ridge

        predicted = np.empty(len(target))
        for number in np.unique(relation).tolist():
            rows = np.flatnonzero(relation == number)
            predicted[rows] = target[rows].mean()
            for each in np.unique(fold[rows]).tolist() if len(rows) >= 2 * self.folds else ():
                held_out, others = rows[fold[rows] == each], rows[fold[rows] != each]
                if len(others):
                    model = Ridge(alpha=self.penalty, solver="sparse_cg", tol=1e-6).fit(words[others], target[others])
                    predicted[held_out] = model.predict(words[held_out])
        return predicted


def _phrase(document: Document, head: Entity, tail: Entity, around: int) -> str:
    """Returns the words around the nearest mentions of two entities, in lower case."""
    first = np.cumsum([0, *map(len, document.sentences)]).tolist()

    def span(mention: Mention) -> tuple[int, int]:
        return first[mention.sentence] + mention.start, first[mention.sentence] + mention.end

    pairs = [(span(one), span(other)) for one in head.mentions for other in tail.mentions]
    of_head, of_tail = min(pairs, key=lambda pair: max(0, pair[0][0] - pair[1][1], pair[1][0] - pair[0][1]))
    words = [word.lower() for sentence in document.sentences for word in sentence]
    (start, end, mark), (other, last, other_mark) = sorted([(*of_head, HEAD), (*of_tail, TAIL)])
    after = max(end, last)
    before, following = words[max(0, start - around) : start], words[after : after + around]
    return " ".join([*before, mark, *words[end:other], other_mark, *following])
