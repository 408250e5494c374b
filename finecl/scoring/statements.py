"""How much the sentence of a label resembles sentences that state its relation, such as "PERSON was born in PLACE".

The names of the entities are replaced by their types in both, so that only what is said about them counts. Sentences
are means of token states, as sentence encoders compute them; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import numpy as np
import torch

from finecl.corpus.excerpts import Excerpt, excerpt
from finecl.corpus.label_texts import CorpusTexts
from finecl.distributed.process_group import current
from finecl.models.encoder import Encoder
from finecl.scoring.wordings import NEUTRAL, Wordings
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Batch, Floats, Ints

_AROUND = 6  # words around the mentions
_LABELS = 2048  # whose texts are held in memory
_NO_INTS = torch.zeros(0, dtype=torch.int64)
_TYPES = {
    "per": "person",
    "org": "organization",
    "organisation": "organization",
    "loc": "place",
    "location": "place",
    "gpe": "place",
    "misc": "thing",
    "num": "number",
    "fac": "building",
    "norp": "group",
}
_SAY_NOTHING = ("", "term", "entity", "other", "unk", "o")  # types that are no word for an entity

_Types: TypeAlias = tuple[str | None, str | None]


@dataclass(frozen=True)
class _Label:
    """A label's number, the part of its sentence that counts, and the types of its entities."""

    row: int
    sentence: str
    types: _Types


def statement_similarity(
    encoder: Encoder, tokenizer: DocumentTokenizer, texts: CorpusTexts, wordings: Wordings
) -> Floats:
    """Returns the cosine of each label's sentence to statements of each relation ``[N, R]``; the last is no-relation.

    Of the sentence, the words count from six before the first mention to six after the last. Names are replaced by
    types: "the person was born in the place". A relation has the highest cosine of its wordings; no-relation is "the
    person and the place". A label is compared with the relations that occur between entities of the same types; other
    columns are NaN. Every rank must call this.
    """
    encoder.eval()
    instances = texts.instances
    similarity = np.full((len(instances), len(instances.relations) + 1), -np.inf, dtype=np.float32)
    stated = _statements(encoder, tokenizer, texts, wordings)
    labels = _labels(texts)
    for number, chunk in enumerate(iter(lambda: list(islice(labels, _LABELS)), [])):
        if number % current().size != current().rank:
            continue
        vectors = text_vectors(encoder, tokenizer, [label.sentence for label in chunk])
        for label, vector in zip(chunk, vectors, strict=True):
            relations, statements = stated[label.types]
            np.maximum.at(similarity[label.row], relations, statements @ vector)
    current().merge(similarity, "max")
    similarity[np.isneginf(similarity)] = np.nan
    return similarity


def entity_words(types: _Types) -> tuple[str, str]:
    """Returns words in place of the names of head and tail: "the person" and "the other person"; "X" and "Y"."""
    head, tail = (_entity_word(kind or "") for kind in types)
    if head and head == tail:
        return f"the {head}", f"the other {tail}"
    return (f"the {head}" if head else "X"), (f"the {tail}" if tail else "Y")


def _entity_word(kind: str) -> str:
    word = " ".join(kind.lower().replace("_", " ").split())
    return "" if word in _SAY_NOTHING else _TYPES.get(word, word)


def _statements(
    encoder: Encoder, tokenizer: DocumentTokenizer, texts: CorpusTexts, wordings: Wordings
) -> Mapping[_Types, tuple[Ints, Floats]]:
    """Returns the relation and the vector of each statement, by the types of the entities ``[S]``, ``[S, H]``."""
    names = texts.instances.relations
    relations: dict[_Types, list[int]] = {}
    sentences: dict[_Types, list[str]] = {}
    for types, found in _relations(texts).items():
        head, tail = entity_words(types)
        pairs = [(number, text) for number in sorted(found) for text in wordings[names[number]]]
        relations[types], sentences[types] = [], []
        for number, text in [*pairs, (len(names), NEUTRAL)]:
            relations[types].append(number)
            sentences[types].append(text.replace("{head}", head).replace("{tail}", tail))
    vectors = text_vectors(encoder, tokenizer, [text for each in sentences.values() for text in each])
    stated, first = {}, 0
    for types, numbers in relations.items():
        stated[types] = np.array(numbers, dtype=np.int64), vectors[first : first + len(numbers)]
        first += len(numbers)
    return stated


@torch.no_grad()
def text_vectors(encoder: Encoder, tokenizer: DocumentTokenizer, texts: Sequence[str]) -> Floats:
    """Returns the mean token state of each text, of unit length ``[K, H]``; equal texts are encoded once."""
    distinct, place = np.unique(np.array(texts, dtype=object), return_inverse=True)
    ids = [tokenizer.framed(tokenizer.encode(text)[: tokenizer.room]) for text in distinct.tolist()]
    order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
    vectors = np.zeros((len(ids), encoder.hidden_size), dtype=np.float32)
    budget = encoder.precision.pass_tokens(None)
    while order:
        total, count = 0, 0
        while count < len(order) and (count == 0 or total + len(ids[order[count]]) <= budget):
            total, count = total + len(ids[order[count]]), count + 1
        taken, order = order[:count], order[count:]
        vectors[taken] = _means(encoder, [ids[number] for number in taken])
    return vectors[place]


def _means(encoder: Encoder, ids: Sequence[Sequence[int]]) -> Floats:
    lengths = tuple(map(len, ids))
    positions = [encoder.first_position + at for length in lengths for at in range(length)]
    batch = Batch(
        input_ids=torch.tensor([[token for text in ids for token in text]]),
        position_ids=torch.tensor([positions]),
        lengths=lengths,
        entities=(0,) * len(lengths),
        member_M=_NO_INTS,
        share_M=torch.zeros(0),
        offset_V=_NO_INTS,
        start_V=_NO_INTS,
        head_P=_NO_INTS,
        tail_P=_NO_INTS,
        sentence_T=torch.zeros(len(positions), dtype=torch.int64),
    )
    states_TH = encoder(batch.to(encoder.precision.device)).float()
    means = torch.segment_reduce(states_TH, "mean", lengths=torch.tensor(lengths, device=states_TH.device))
    unit: Floats = torch.nn.functional.normalize(means, dim=1).cpu().numpy()
    return unit


def _labels(texts: CorpusTexts) -> Iterator[_Label]:
    head_N, tail_N = texts.instances.head, texts.instances.tail
    for document, rows in texts.documents():
        for row in rows.tolist():
            head, tail = int(head_N[row]), int(tail_N[row])
            types = document.entities[head].type, document.entities[tail].type
            yield _Label(row, _near(excerpt(document, head, tail), *entity_words(types)), types)


def _near(sentence: Excerpt, head: str, tail: str) -> str:
    """Returns the words from a few before the first mention to a few after the last, with words for the mentions."""
    spans = sorted([(*span, head) for span in sentence.head] + [(*span, tail) for span in sentence.tail])
    first, last = spans[0][0], max(end for _, end, _ in spans)
    words = sentence.text[:first].split()[-_AROUND:]
    for number, (_, end, name) in enumerate(spans):
        following = spans[number + 1][0] if number + 1 < len(spans) else end
        words += [name, *sentence.text[end:following].split()]
    return " ".join([*words, *sentence.text[last:].split()[:_AROUND]])


def _relations(texts: CorpusTexts) -> Mapping[_Types, set[int]]:
    """Returns the relations that occur between entities of each pair of types."""
    found: dict[_Types, set[int]] = {}
    for document, rows in texts.documents():
        for row in rows.tolist():
            head, tail = document.entities[texts.instances.head[row]], document.entities[texts.instances.tail[row]]
            found.setdefault((head.type, tail.type), set()).add(int(texts.instances.relation[row]))
    return found
