"""What pre-training data gives away of dev and test: their facts and their documents."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from finecl.corpus.names import entity_names, normalised
from finecl.types import Document

By = Literal["fact", "pair"]
"""Whether a leak is the same relation between the same names, or (as ERICA filters) any relation between them."""

_SHORTEST = 4  # words; shorter sentences, such as headings, are in many documents


class HeldOut:
    """Facts and documents of held-out data, by normalised names and words."""

    def __init__(self, splits: Mapping[str, Iterable[Document]], *, by: By = "fact", no_relation: str = "") -> None:
        self._by, self._no_relation = by, no_relation
        self._facts: dict[tuple[str, str, str], str] = {}
        self._texts: dict[str, tuple[str, str]] = {}
        self._of_sentence: dict[str, list[int]] = defaultdict(list)
        self._documents: list[tuple[str, str, int]] = []
        for split, documents in splits.items():
            for document in documents:
                self._add(split, document)

    def _add(self, split: str, document: Document) -> None:
        for fact in (fact for facts in self._facts_of(document) for fact in facts):
            self._facts.setdefault(fact, split)
        self._texts.setdefault(_text(document), (split, document.title))
        sentences = _sentences(document)
        for sentence in sentences:
            self._of_sentence[sentence].append(len(self._documents))
        self._documents.append((split, document.title, len(sentences)))

    def _facts_of(self, document: Document) -> Iterator[list[tuple[str, str, str]]]:
        """For every label its facts: each name of the head with each of the tail, in the order of the alphabet."""
        names = entity_names(document)
        for label in document.labels:
            relation = label.relation if self._by == "fact" else ""
            pairs = (
                []
                if label.relation == self._no_relation
                else [(a, b) for a in names[label.head] for b in names[label.tail]]
            )
            yield [(min(pair), relation, max(pair)) for pair in pairs]

    def leaked_labels(self, document: Document) -> dict[int, str]:
        """Numbers of the labels that a held-out split states too, in either direction, and the split."""
        found = {}
        for number, facts in enumerate(self._facts_of(document)):
            split = next((self._facts[fact] for fact in facts if fact in self._facts), None)
            if split is not None:
                found[number] = split
        return found

    def same_document(self, document: Document) -> tuple[str, str] | None:
        """Split and title of a held-out document whose text, or whose every longer sentence, this one holds."""
        if _text(document) in self._texts:
            return self._texts[_text(document)]
        met = Counter(n for sentence in _sentences(document) for n in self._of_sentence.get(sentence, ()))
        for number, count in met.items():
            split, title, sentences = self._documents[number]
            if count == sentences:
                return split, title
        return None


def _text(document: Document) -> str:
    return " ".join(normalised(word) for sentence in document.sentences for word in sentence)


def _sentences(document: Document) -> set[str]:
    return {" ".join(map(normalised, words)) for words in document.sentences if len(words) >= _SHORTEST}


@dataclass
class Leaks:
    """What was found: how much of what was read, by split."""

    documents: int = 0
    labels: int = 0
    leaked_documents: Counter[str] = field(default_factory=Counter)
    leaked_labels: Counter[str] = field(default_factory=Counter)
    titles: list[tuple[str, str, str]] = field(default_factory=list)
    """(title, split, title there) of documents that are held-out ones."""

    def to_dict(self) -> dict[str, Any]:
        """The numbers, for JSON."""
        return {
            "documents": self.documents,
            "labels": self.labels,
            "leaked_documents": dict(self.leaked_documents),
            "leaked_labels": dict(self.leaked_labels),
            "same_documents": [dict(zip(("title", "split", "there"), t, strict=True)) for t in self.titles],
        }


def without_leaks(documents: Iterable[Document], held_out: HeldOut, leaks: Leaks) -> Iterator[Document]:
    """The documents that are not held out, without labels that are; ``leaks`` counts what was found."""
    for document in documents:
        leaks.documents += 1
        leaks.labels += len(document.labels)
        same = held_out.same_document(document)
        found = held_out.leaked_labels(document)
        leaks.leaked_labels.update(found.values())
        if same:
            leaks.leaked_documents[same[0]] += 1
            leaks.titles.append((document.title, *same))
            continue
        kept = tuple(label for number, label in enumerate(document.labels) if number not in found)
        yield replace(document, labels=kept)


def find_leaks(documents: Iterable[Document], held_out: HeldOut) -> Leaks:
    """What the documents give away of what is held out."""
    leaks = Leaks()
    for _ in without_leaks(documents, held_out, leaks):
        pass
    return leaks
