"""The scorer ``llm-judge``: a language model says whether the text states each label."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt
from pydantic import BaseModel, ConfigDict, Field

from finecl.errors import SettingsError
from finecl.types import Document, Evidence, EvidenceKind, Floats, Instances, Ints, NoiseScorer
from finecl_llm.asking import Asker
from finecl_llm.options import asker
from finecl_llm.prompting import entity_lines, marked_text, read_relations, system_prompt

_UNKNOWN = 0.5  # noise of labels for which no answer could be read
_CLAIMS = 30  # of one call


class _Verdict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    claim: int
    stated: bool
    confidence: float = Field(ge=0, le=1)


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    claims: list[_Verdict]


@dataclass(frozen=True, kw_only=True)
class Judge(NoiseScorer):
    """Noise = 1 - the probability, by a language model, that the text states the label; needs ``model``.

    ``relations``: a file of names and definitions; by default the names stand for themselves. The other settings are
    those of the labeler ``llm``.
    """

    model: str = ""
    relations: str = ""
    base_url: str = ""
    prompt: str = ""
    timeout: Annotated[float, Gt(0)] = 60.0
    retries: Annotated[int, Ge(0)] = 6
    tries: Annotated[int, Ge(1)] = 2
    concurrency: Annotated[int, Ge(1)] = 8
    per_minute: Annotated[int, Ge(0)] = 0
    structured: bool = True
    cache: str = ""

    def __post_init__(self) -> None:
        """Checks that a model is named, before anything runs.

        Raises:
            SettingsError: it is not.
        """
        if not self.model:
            raise SettingsError("llm-judge: expected the name of a model, as --set scorer.model=NAME, got none")

    @property
    def required_evidence(self) -> tuple[EvidenceKind, ...]:
        """Reads the text only: no proxy is trained."""
        return ("text",)

    def score(self, instances: Instances, evidence: Evidence) -> Floats:
        """Returns the noise of each instance [N], 0.5 where no answer could be read.

        Raises:
            SettingsError: the endpoint does not answer.
        """
        names = instances.relations
        definitions = read_relations(self.relations) if self.relations else {name: name for name in names}
        system, _ = system_prompt("judge", self.prompt, definitions)
        fields = ("base_url", "timeout", "retries", "tries", "concurrency", "per_minute", "structured")
        settings = {name: getattr(self, name) for name in fields}
        asking: Asker[list[float]] = asker(self.model, system, _SCHEMA, _read, self.cache, settings)
        questions = list(self._questions(instances, evidence))
        noise = np.full(len(instances.relation), _UNKNOWN, dtype=np.float32)
        for (rows, _), answer in zip(questions, asking.ask(text for _, text in questions), strict=True):
            if answer is not None:
                noise[rows] = answer
        if faults := asking.counts.faults:
            where = asking.numbers()["faults_file"]
            logging.getLogger("finecl").warning("llm-judge: %d answers cannot be read; see %s", faults, where)
        return noise

    def _questions(self, instances: Instances, evidence: Evidence) -> Iterator[tuple[Ints, str]]:
        """Yields rows of instances of one document, and the question about them."""
        for document, rows in evidence.texts().documents():
            for start in range(0, len(rows), _CLAIMS):
                part = rows[start : start + _CLAIMS]
                yield part, _question(document, part, instances)


def _question(document: Document, rows: Ints, instances: Instances) -> str:
    claims = [
        f"Claim {number}: {head} -> {instances.relations[relation]} -> {tail}"
        for number, (head, tail, relation) in enumerate(
            zip(
                *(column[rows].tolist() for column in (instances.head, instances.tail, instances.relation)), strict=True
            ),
            start=1,
        )
    ]
    parts: Sequence[str] = (
        f"Claims: {len(claims)}", marked_text(document), "Entities:\n" + entity_lines(document), "\n".join(claims)
    )  # fmt: skip
    return "\n\n".join(parts)


def _read(content: str, question: str) -> list[float]:
    """Returns the noise of each claim.

    Raises:
        ValueError: the answer is not of the schema, or lacks a claim.
    """
    count = json.loads(question.partition("\n")[0].partition(": ")[2])
    found = {each.claim: each for each in _Answer.model_validate_json(content).claims}
    if missing := [number for number in range(1, count + 1) if number not in found]:
        raise ValueError(f"no claim {missing[0]}")
    verdicts = [found[number] for number in range(1, count + 1)]
    return [1 - each.confidence if each.stated else each.confidence for each in verdicts]


_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "claims": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "claim": {"type": "integer"},
                    "stated": {"type": "boolean"},
                    "confidence": {"type": "number"},
                },
                "required": ["claim", "stated", "confidence"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["claims"],
    "additionalProperties": False,
}
