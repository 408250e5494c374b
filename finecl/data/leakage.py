"""Finds facts and documents of dev and test in pre-training data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from finecl.corpus.names import entity_names
from finecl.text.names import normalised
from finecl.types import Document

By = Literal["fact", "pair"]
"""Whether a leak is the same relation between the same names, or (as in ERICA) any relation between them."""

_MIN_WORDS = 4  # shorter sentences, such as headings, occur in many documents


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
        """Yields the facts of each label: all pairs of names of head and tail, each pair sorted alphabetically."""
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
        """Returns the held-out split of each label, by number, whose fact the split has too, in either direction."""
        leaked = {}
        for number, facts in enumerate(self._facts_of(document)):
            split = next((self._facts[fact] for fact in facts if fact in self._facts), None)
            if split is not None:
                leaked[number] = split
        return leaked

    def same_document(self, document: Document) -> tuple[str, str] | None:
        """Returns split and title of a held-out document with the same text, or all of whose longer sentences occur."""
        if _text(document) in self._texts:
            return self._texts[_text(document)]
        shared = Counter(n for sentence in _sentences(document) for n in self._of_sentence.get(sentence, ()))
        for number, count in shared.items():
            split, title, sentences = self._documents[number]
            if count == sentences:
                return split, title
        return None


def _text(document: Document) -> str:
    return " ".join(normalised(word) for sentence in document.sentences for word in sentence)


def _sentences(document: Document) -> set[str]:
    return {" ".join(map(normalised, words)) for words in document.sentences if len(words) >= _MIN_WORDS}


@dataclass
class Leaks:
    """Numbers of documents and labels, and of the leaked ones by split."""

    documents: int = 0
    labels: int = 0
    leaked_documents: Counter[str] = field(default_factory=Counter)
    leaked_labels: Counter[str] = field(default_factory=Counter)
    titles: list[tuple[str, str, str]] = field(default_factory=list)
    """(title, split, title in the split) of leaked documents."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers for JSON."""
        return {
            "documents": self.documents,
            "labels": self.labels,
            "leaked_documents": dict(self.leaked_documents),
            "leaked_labels": dict(self.leaked_labels),
            "same_documents": [dict(zip(("title", "split", "there"), t, strict=True)) for t in self.titles],
        }


def without_leaks(documents: Iterable[Document], held_out: HeldOut, leaks: Leaks) -> Iterator[Document]:
    """Yields the documents without leaked documents and labels, which are counted in ``leaks``."""
    for document in documents:
        leaks.documents += 1
        leaks.labels += len(document.labels)
        same = held_out.same_document(document)
        leaked = held_out.leaked_labels(document)
        leaks.leaked_labels.update(leaked.values())
        if same:
            leaks.leaked_documents[same[0]] += 1
            leaks.titles.append((document.title, *same))
            continue
        labels = tuple(label for number, label in enumerate(document.labels) if number not in leaked)
        yield replace(document, labels=labels)


def find_leaks(documents: Iterable[Document], held_out: HeldOut) -> Leaks:
    """Counts the leaks of held-out data in documents."""
    leaks = Leaks()
    for _ in without_leaks(documents, held_out, leaks):
        pass
    return leaks
