"""Tests of the scorers that read the sentences of labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from finecl_dynamics.trigger import Trigger
from finecl_dynamics.verbalization import Verbalization

from finecl.types import Document, Entity, Evidence, Floats, Instances, Ints, Mention


def labels(relation: Sequence[int], relations: int) -> Instances:
    """Labels of one document each, from the first entity to the second."""
    rows = np.arange(len(relation))
    return Instances(
        uid=rows.astype(np.uint64) + 1,
        document=rows,
        head=np.zeros_like(rows),
        tail=np.ones_like(rows),
        relation=np.array(relation),
        pair=rows,
        relations=tuple(f"r{number}" for number in range(relations)),
    )


def test_verbalization_compares_with_no_relation_and_with_the_other_relations() -> None:
    nan = np.nan
    similarity = np.array([[0.5, 0.1, 0.3, 0.4], [0.5, 0.1, nan, 0.2], [nan, 0.6, nan, 0.2], [nan] * 4])
    noise = Verbalization().score(labels([0, 1, 1, 0], 3), Evidence(statements=similarity.astype(np.float32)))
    assert noise[0] == pytest.approx(0.5 * 0.4 + 0.25 * 0.2 + 0.25 * 0.3 - 0.5)
    assert noise[1] == pytest.approx(0.5 * 0.2 + 0.5 * 0.5 - 0.1)
    assert noise[2] == pytest.approx(0.2 - 0.6)  # the types have no other relation
    assert np.isposinf(noise[3])


@dataclass(frozen=True)
class Texts:
    """A sentence for each label, in which the first and the last word are the entities."""

    sentences: Sequence[str]

    @property
    def words_between(self) -> Ints:
        """Not read."""
        raise NotImplementedError

    @property
    def sentences_between(self) -> Ints:
        """Not read."""
        raise NotImplementedError

    def documents(self) -> Iterator[tuple[Document, Ints]]:
        """Yields the documents; an empty sentence has none."""
        for number, sentence in enumerate(self.sentences):
            words = tuple(sentence.split())
            spans = [(0, 1), (len(words) - 1, len(words))]
            entities = tuple(
                Entity(mentions=(Mention(sentence=0, start=a, end=b, name=words[a]),)) for a, b in spans if words
            )
            if words:
                yield Document(title=str(number), sentences=(words,), entities=entities), np.array([number])


def noise_of(target: Any, sentences: Sequence[str], **settings: int) -> Floats:
    """The noise of labels of one relation, whose verbalization noise is ``target``."""
    similarity = np.stack([-target, np.zeros(len(target))], axis=1).astype(np.float32)
    evidence = Evidence(statements=similarity, text=Texts(sentences))
    return Trigger(**settings).score(labels([0] * len(target), 1), evidence)


def test_words_that_go_with_statements_lower_the_noise_of_a_sentence_that_verbalization_doubts() -> None:
    rng = np.random.default_rng(0)
    states = rng.random(60) < 0.5
    sentences = [f"N{n} {'was born near' if state else 'flew over to'} T{n}" for n, state in enumerate(states)]
    target = np.where(states, -1.0, 1.0) + rng.normal(0, 0.2, 60)
    doubted = int(np.flatnonzero(states)[0])
    target[doubted] = 9.0  # its own noise must not count
    noise = noise_of(target, sentences)
    assert noise[states].max() < noise[~states].min()


def test_no_sentence_scores_itself_not_even_under_another_title() -> None:
    rng = np.random.default_rng(1)
    sentences = [f"A {' '.join(rng.choice(list('bcdefgh'), 4))} Z" for _ in range(40)]
    sentences[20:22] = [sentences[0], sentences[0]]
    target = rng.normal(0, 1, 40)
    own = [0, 20, 21]
    before = noise_of(target, sentences)
    target[own] = target[own][::-1]  # ranks of the others stay
    assert noise_of(target, sentences)[own] == pytest.approx(before[own], abs=1e-6)


def test_names_do_not_count_and_words_far_away_do_not() -> None:
    evidence = Evidence(text=Texts(["Ada was born in Rome", ""]))
    assert Trigger().phrases(labels([0, 0], 1), evidence)[0] == ["[head] was born in [tail]", ""]


def test_words_around_the_nearest_mentions_count_in_both_directions() -> None:
    words = "Ada left . In a b c d Rome , e Ada f g"
    ada = Entity(mentions=tuple(Mention(sentence=0, start=n, end=n + 1, name="Ada") for n in (0, 11)))
    rome = Entity(mentions=(Mention(sentence=0, start=8, end=9, name="Rome"),))
    document = Document(title="d", sentences=(tuple(words.split()),), entities=(ada, rome))

    class One:
        def documents(self) -> Iterator[tuple[Document, Ints]]:
            yield document, np.array([0])

    evidence = Evidence(text=One())  # type: ignore[arg-type]
    assert Trigger(around=2).phrases(labels([0], 1), evidence)[0] == ["c d [tail] , e [head] f g"]


def test_labels_without_text_are_the_noisiest_and_few_labels_have_their_mean() -> None:
    noise = noise_of(np.array([0.0, 1.0, 2.0]), ["A b Z", "A c Z", ""])
    assert np.isposinf(noise[2])
    assert noise[:2] == pytest.approx(np.full(2, (1 / 6 + 1 / 2) / 2))


def test_other_relations_do_not_change_the_noise() -> None:
    rng = np.random.default_rng(2)
    sentences = [f"A {' '.join(rng.choice(list('bcdefgh'), 4))} Z" for _ in range(40)]
    evidence = Evidence(
        statements=np.stack([*np.full((2, 40), 0.1), np.zeros(40)], axis=1).astype(np.float32), text=Texts(sentences)
    )
    instances = labels([0] * 20 + [1] * 20, 2)
    noise = Trigger().score(instances, evidence)
    assert noise == pytest.approx(np.full(40, 0.5), abs=1e-6)  # all have equal noise
