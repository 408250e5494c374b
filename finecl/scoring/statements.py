"""How much the sentence of a label resembles its fact in words, such as "Marie Curie: place of birth: Warsaw".

Sentences and statements are means of token states, as sentence encoders compute them; nothing is trained.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch

from finecl.corpus.excerpts import Excerpt, excerpt
from finecl.corpus.label_texts import CorpusTexts
from finecl.distributed.process_group import current
from finecl.models.encoder import Encoder
from finecl.tokens.tokenizer import DocumentTokenizer
from finecl.types import Batch, Floats, Ints

_COMPARED = 12  # relations per label, at most: the most frequent ones between entities of its types
_AROUND = 6  # words around the mentions
_LABELS = 2048  # whose texts are held in memory
_NO_INTS = torch.zeros(0, dtype=torch.int64)


@dataclass(frozen=True)
class _Label:
    """A label's number, the part of its sentence that counts, the names of its entities, and their types."""

    row: int
    sentence: str
    head: str
    tail: str
    types: tuple[str | None, str | None]


def statement_similarity(
    encoder: Encoder, tokenizer: DocumentTokenizer, texts: CorpusTexts, names: Mapping[str, str]
) -> Floats:
    """Returns the cosine of each label's sentence to statements of its pair with each relation ``[N, R]``.

    Of the sentence, the words count from six before the first mention to six after the last. A statement is
    "HEAD: RELATION: TAIL" with the relation's readable name. A label is compared with its own relation
    and the most frequent ones between entities of the same types; other columns are NaN. Every rank must call this.
    """
    encoder.eval()
    instances = texts.instances
    words = [in_words(names.get(relation, relation)) for relation in instances.relations]
    frequent = _frequent(texts)
    similarity = np.full((len(instances), len(instances.relations)), -np.inf, dtype=np.float32)
    labels = _labels(texts)
    for number, chunk in enumerate(iter(lambda: list(islice(labels, _LABELS)), [])):
        if number % current().size != current().rank:
            continue
        compared = {each.row: {*frequent[each.types], int(instances.relation[each.row])} for each in chunk}
        cells = [(each, relation) for each in chunk for relation in sorted(compared[each.row])]
        statements = [f"{each.head}: {words[relation]}: {each.tail}" for each, relation in cells]
        rows, relations = ([each.row for each, _ in cells], [relation for _, relation in cells])
        sentences = text_vectors(encoder, tokenizer, [each.sentence for each, _ in cells])
        similarity[rows, relations] = (sentences * text_vectors(encoder, tokenizer, statements)).sum(axis=1)
    current().merge(similarity, "max")
    similarity[np.isneginf(similarity)] = np.nan
    return similarity


def in_words(relation: str) -> str:
    """Returns a relation's name as words: "per:place_of_birth" and "/person/placeOfBirth" as "place of birth"."""
    name = re.sub(r"\(.*\)$", "", relation).rstrip(":/.")
    if " " not in name:  # else it is words already, such as "born in U.S. state"
        name = re.split(r"[:/.](?=\w)", name)[-1]
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[_-]+", " ", name))
    return " ".join(spaced.lower().split()) or relation


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
            head, tail = document.entities[head_N[row]], document.entities[tail_N[row]]
            near = _near(excerpt(document, int(head_N[row]), int(tail_N[row])))
            names = head.mentions[0].name, tail.mentions[0].name
            yield _Label(row, near, *names, (head.type, tail.type))


def _near(sentence: Excerpt) -> str:
    """Returns the words from a few before the first mention to a few after the last."""
    spans = (*sentence.head, *sentence.tail)
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    before, after = sentence.text[:first].split()[-_AROUND:], sentence.text[last:].split()[:_AROUND]
    return " ".join([*before, sentence.text[first:last], *after])


def _frequent(texts: CorpusTexts) -> Mapping[tuple[str | None, str | None], Ints]:
    """Returns the most frequent relations between entities of each pair of types."""
    counts: dict[tuple[str | None, str | None], Counter[int]] = {}
    for document, rows in texts.documents():
        for row in rows.tolist():
            types = tuple(document.entities[side[row]].type for side in (texts.instances.head, texts.instances.tail))
            counts.setdefault(types, Counter())[int(texts.instances.relation[row])] += 1
    return {types: np.array([r for r, _ in each.most_common(_COMPARED)]) for types, each in counts.items()}
