"""The labeler ``llm``: a language model reads documents and lists the relations that they state."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, tee
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, Field

from finecl.types import Document, Vote
from finecl_llm.asking import Asker
from finecl_llm.options import asker
from finecl_llm.prompting import entity_lines, marked_text, read_relations, system_prompt


class _Relation(BaseModel):
    model_config = ConfigDict(extra="forbid")
    head: int = Field(ge=0)
    tail: int = Field(ge=0)
    relation: str
    confidence: float = Field(ge=0, le=1)


class _Found(BaseModel):
    model_config = ConfigDict(extra="forbid")
    document: int
    relations: list[_Relation]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    documents: list[_Found]


class LanguageModel:
    """``llm:MODEL``: what a language model reads in the text; any endpoint that speaks OpenAI's protocol."""

    def __init__(
        self,
        source: str,
        *,
        relations: str = "",
        base_url: str = "",
        prompt: str = "",
        documents: Annotated[int, Ge(1)] = 4,
        unlisted: Literal["abstain", "none"] = "abstain",
        timeout: Annotated[float, Gt(0)] = 60.0,
        retries: Annotated[int, Ge(0)] = 6,
        tries: Annotated[int, Ge(1)] = 2,
        concurrency: Annotated[int, Ge(1)] = 8,
        per_minute: Annotated[int, Ge(0)] = 0,
        structured: bool = True,
        price_in: Annotated[float, Ge(0)] = 0.0,
        price_out: Annotated[float, Ge(0)] = 0.0,
        cache: str = "",
    ) -> None:
        """Takes the model's name; ``relations`` is a file of their definitions, ``prompt`` a file of your own prompt.

        ``documents`` are asked about in one call. ``unlisted``: whether a pair that shares a sentence, and that the
        model does not list, counts as a vote for no relation. The others: see ``finecl_llm.asking.Endpoint``.

        Raises:
            SettingsError: a file is missing, or the endpoint has no key.
        """
        self._relations = read_relations(relations)
        system, self._hash = system_prompt("label", prompt, self._relations)
        self._documents, self._unlisted, self._model = documents, unlisted, source
        settings = {"base_url": base_url, "timeout": timeout, "retries": retries, "tries": tries}
        settings |= {"concurrency": concurrency, "per_minute": per_minute, "structured": structured}
        settings |= {"price_in": price_in, "price_out": price_out}
        self._asker: Asker[list[list[_Relation]]] = asker(
            source, system, _schema(list(self._relations)), self._read, cache, settings
        )

    def votes(self, documents: Iterable[Document]) -> Iterator[Sequence[Vote]]:
        """Yields the votes on each document; none on documents for which no answer could be read."""
        asked, answered = tee(self._grouped(documents))
        answers = self._asker.ask(_question(group) for group in asked)
        for group, answer in zip(answered, answers, strict=True):
            for number, document in enumerate(group):
                yield self._as_votes(answer[number], document) if answer is not None else []

    def estimate(self, documents: Iterable[Document]) -> dict[str, Any]:
        """Returns calls, tokens and dollars that ``votes`` would cost."""
        return self._asker.estimate(_question(group) for group in self._grouped(documents))

    def numbers(self) -> dict[str, Any]:
        """Returns calls, tokens, dollars and faults so far."""
        return self._asker.numbers()

    def _grouped(self, documents: Iterable[Document]) -> Iterator[list[Document]]:
        rest = iter(documents)
        while group := list(islice(rest, self._documents)):
            yield group

    def _read(self, content: str, question: str) -> list[list[_Relation]]:
        """Returns the relations of each document of a question.

        Raises:
            ValueError: the answer is not of the schema, or names what the question does not hold.
        """
        found = {each.document: each.relations for each in _Answer.model_validate_json(content).documents}
        sizes = json.loads(question.partition("\n")[0].partition(": ")[2])
        for number, size in enumerate(sizes, start=1):
            if number not in found:
                raise ValueError(f"no document {number}")
            for each in found[number]:
                if each.relation not in self._relations or max(each.head, each.tail) >= size or each.head == each.tail:
                    raise ValueError(f"document {number}: no such relation or entity: {each}")
        return [found[number] for number in range(1, len(sizes) + 1)]

    def _as_votes(self, relations: Sequence[_Relation], document: Document) -> list[Vote]:
        provenance = f"{self._model}, prompt {self._hash}"
        best: dict[tuple[int, int, str | None], Vote] = {}
        for each in sorted(relations, key=lambda each: each.confidence):
            best[each.head, each.tail, each.relation] = Vote(
                head=each.head,
                tail=each.tail,
                relation=each.relation,
                confidence=each.confidence,
                provenance=provenance,
            )
        listed = {key[:2] for key in best}
        if self._unlisted == "none":
            for head, tail in _together(document):
                if (head, tail) not in listed:
                    best[head, tail, None] = Vote(head=head, tail=tail, relation=None, provenance=provenance)
        return list(best.values())


def _together(document: Document) -> Iterator[tuple[int, int]]:
    """Yields the ordered pairs of entities that share a sentence."""
    sentences = [{mention.sentence for mention in entity.mentions} for entity in document.entities]
    for head, of_head in enumerate(sentences):
        for tail, of_tail in enumerate(sentences):
            if head != tail and of_head & of_tail:
                yield head, tail


def _question(documents: Sequence[Document]) -> str:
    """Returns the documents as text; the first line holds their numbers of entities."""
    parts = [f"Entities per document: {[len(document.entities) for document in documents]}"]
    for number, document in enumerate(documents, start=1):
        parts.append(f"Document {number}\n{marked_text(document)}\nEntities:\n{entity_lines(document)}")
    return "\n\n".join(parts)


def _schema(relations: Sequence[str]) -> dict[str, Any]:
    """Returns the JSON schema of an answer, as strict as servers allow: no ranges, all fields required."""
    relation: dict[str, Any] = {
        "type": "object",
        "properties": {
            "head": {"type": "integer"},
            "tail": {"type": "integer"},
            "relation": {"type": "string", "enum": list(relations)},
            "confidence": {"type": "number"},
        },
    }
    document: dict[str, Any] = {
        "type": "object",
        "properties": {"document": {"type": "integer"}, "relations": {"type": "array", "items": relation}},
    }
    answer: dict[str, Any] = {"type": "object", "properties": {"documents": {"type": "array", "items": document}}}
    for each in (relation, document, answer):
        each |= {"required": list(each["properties"]), "additionalProperties": False}
    return answer
