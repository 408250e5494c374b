"""Excerpts: the sentences of a document that mention two entities, with the mentions marked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias

from finecl.types import Document

Role: TypeAlias = Literal["head", "tail", ""]
Spans: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Consecutive words that belong to the head, to the tail, or to neither."""

    role: Role
    text: str


_LEFT_OUT = Piece(role="", text="…")


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """The fewest sentences that mention both entities; ``head``, ``tail``: their spans [start, end) in ``text``."""

    text: str
    head: Spans
    tail: Spans


def excerpt(document: Document, head: int, tail: int) -> Excerpt:
    """Returns the first sentence that mentions both entities, or else the first sentence of each entity."""
    of_head, of_tail = ([m.sentence for m in document.entities[e].mentions] for e in (head, tail))
    both = sorted(set(of_head) & set(of_tail))
    spans: dict[str, list[tuple[int, int]]] = {"head": [], "tail": []}
    text = ""
    pieces = highlight(document, head, tail, both[:1] or {min(of_head), min(of_tail)})
    for piece in pieces[1:] if pieces[0] == _LEFT_OUT else pieces:
        text += " " if text else ""
        if piece.role:
            spans[piece.role].append((len(text), len(text) + len(piece.text)))
        text += piece.text
    return Excerpt(text=text, head=tuple(spans["head"]), tail=tuple(spans["tail"]))


def highlight(document: Document, head: int, tail: int, among: Collection[int] | None = None) -> list[Piece]:
    """Returns the sentences that mention ``head`` or ``tail``, split into pieces.

    Where mentions overlap, words belong to the head. ``among`` restricts the sentences. "…" marks omitted sentences.
    """
    named = {m.sentence for entity in (head, tail) for m in document.entities[entity].mentions}
    shown = sorted(named if among is None else named & set(among))
    roles: Mapping[int, list[Role]] = {sentence: [""] * len(document.sentences[sentence]) for sentence in shown}
    names: Sequence[tuple[Role, int]] = (("tail", tail), ("head", head))
    for role, entity in names:
        for mention in document.entities[entity].mentions:
            if mention.sentence in roles:
                roles[mention.sentence][mention.start : mention.end] = [role] * (mention.end - mention.start)
    pieces = []
    previous = -1
    for sentence in shown:
        if sentence != previous + 1:
            pieces.append(_LEFT_OUT)
        pieces += _pieces(document.sentences[sentence], roles[sentence])
        previous = sentence
    return pieces


def _pieces(words: Sequence[str], roles: Sequence[Role]) -> list[Piece]:
    runs = groupby(zip(roles, words, strict=True), key=lambda pair: pair[0])
    return [Piece(role=role, text=" ".join(word for _, word in run)) for role, run in runs]
