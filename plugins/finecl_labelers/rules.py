"""The labeler ``rules``: patterns in a TOML file, or functions in a Python file."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finecl.errors import SettingsError
from finecl.types import NONE, Document, Entity, PairText, Vote

_FIELDS = {"relation", "pattern", "name", "head_type", "tail_type", "confidence", "no_relation"}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A named function of a sentence with two entities, and the confidence of its votes."""

    name: str
    function: Callable[[PairText], str | None]
    confidence: float = 1.0


class Rules:
    """``rules:FILE``: patterns over the words around two entities (FILE.toml), or functions in Python (FILE.py)."""

    def __init__(self, source: str) -> None:
        """Reads the rules; a Python file is run.

        Raises:
            SettingsError: the file does not exist, or a rule is not valid; the message names the rule.
        """
        path = Path(source)
        if path.suffix not in (".toml", ".py") or not path.is_file():
            raise SettingsError(f"rules: expected a file FILE.toml or FILE.py, got '{source}'")
        self._rules = _read_toml(path) if path.suffix == ".toml" else _read_python(path)

    def votes(self, documents: Iterable[Document]) -> Iterator[Sequence[Vote]]:
        """Yields the votes of all rules; rules that agree on a pair give one vote, with the greatest confidence."""
        for document in documents:
            votes: dict[tuple[int, int, str | None], Vote] = {}
            for head, tail in _pairs(document):
                for vote in self._votes(document, head, tail):
                    key = (head, tail, vote.relation)
                    if key not in votes or vote.confidence > votes[key].confidence:
                        votes[key] = vote
            yield list(votes.values())

    def _votes(self, document: Document, head: int, tail: int) -> Iterator[Vote]:
        texts = list(pair_texts(document, head, tail))
        for rule in self._rules:
            for sentence, text in texts:
                answer = rule.function(text)
                if answer is not None and not isinstance(answer, str):
                    expected = "the name of a relation, NONE, or None to abstain"
                    raise SettingsError(f"rules, {rule.name}: expected {expected}, got {answer!r:.80}")
                if answer is not None:
                    relation = None if answer == NONE else answer
                    where = f"{rule.name}, sentence {sentence}"
                    yield Vote(head=head, tail=tail, relation=relation, confidence=rule.confidence, provenance=where)
                    break


def pair_texts(document: Document, head: int, tail: int) -> Iterator[tuple[int, PairText]]:
    """Yields the sentences that mention both entities, the nearest mentions first, with their numbers."""
    first, second = document.entities[head], document.entities[tail]
    places = [
        (abs(a.start - b.start), a.sentence, (a.start, a.end), (b.start, b.end))
        for a in first.mentions
        for b in second.mentions
        if a.sentence == b.sentence and (a.end <= b.start or b.end <= a.start)
    ]
    for _, sentence, start, end in sorted(places):
        words = document.sentences[sentence]
        yield sentence, PairText(words=words, head=start, tail=end, head_type=first.type, tail_type=second.type)


def _pairs(document: Document) -> Iterator[tuple[int, int]]:
    """Yields ordered pairs of entities that share a sentence."""
    sentences = [{mention.sentence for mention in entity.mentions} for entity in _entities(document)]
    for head, of_head in enumerate(sentences):
        for tail, of_tail in enumerate(sentences):
            if head != tail and of_head & of_tail:
                yield head, tail


def _entities(document: Document) -> tuple[Entity, ...]:
    return document.entities


def _read_toml(path: Path) -> list[Rule]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: expected rules as TOML: {error}") from None
    rules = values.get("rule")
    if not isinstance(rules, list) or not rules:
        raise SettingsError(f"{path}: expected [[rule]] tables with relation and pattern, found none")
    return [_rule(rule, f"{path}, rule {number}") for number, rule in enumerate(rules, start=1)]


def _rule(fields: Any, place: str) -> Rule:
    """Checks a rule of a TOML file.

    Raises:
        SettingsError: a field is unknown, missing, or has another type.
    """
    if not isinstance(fields, dict) or not set(fields) <= _FIELDS:
        raise SettingsError(f"{place}: expected a table with {', '.join(sorted(_FIELDS))}, got {fields!r:.80}")
    texts = {key: fields[key] for key in ("relation", "pattern", "name", "head_type", "tail_type") if key in fields}
    for key, value in texts.items():
        if not isinstance(value, str) or not value:
            raise SettingsError(f"{place}, {key}: expected text, got {value!r:.80}")
    none, confidence = fields.get("no_relation", False), fields.get("confidence", 1.0)
    if not isinstance(none, bool) or none == ("relation" in texts):
        raise SettingsError(f"{place}: expected either relation = 'NAME' or no_relation = true")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        raise SettingsError(f"{place}, confidence: expected a number from 0 to 1, got {confidence!r:.80}")
    relation = NONE if none else texts["relation"]
    name = texts.get("name", texts.get("pattern", relation))
    return Rule(name=name, function=_function(relation, texts, place), confidence=float(confidence))


def _function(relation: str, texts: Mapping[str, str], place: str) -> Callable[[PairText], str | None]:
    """Returns the function of a pattern: the relation where types and words match, else None."""
    if "pattern" not in texts:
        raise SettingsError(f"{place}, pattern: expected a regular expression with <head> and <tail>, found none")
    try:
        pattern = re.compile(texts["pattern"], re.IGNORECASE)
    except re.error as error:
        raise SettingsError(f"{place}, pattern: expected a regular expression: {error}") from None
    head, tail = texts.get("head_type"), texts.get("tail_type")

    def apply(text: PairText) -> str | None:
        fits = (head is None or head == text.head_type) and (tail is None or tail == text.tail_type)
        return relation if fits and pattern.search(text.marked) else None

    return apply


def _read_python(path: Path) -> list[Rule]:
    """Runs a Python file and returns its labeling functions, finecl's own and Snorkel's.

    Raises:
        SettingsError: there are none, or the file cannot be run.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's code may raise anything
        raise SettingsError(f"{path}: cannot be run: {type(error).__name__}: {error}") from error
    relations = getattr(module, "RELATIONS", None)
    rules = []
    for name, value in vars(module).items():
        if getattr(value, "is_labeling_function", False):
            rules.append(Rule(name=name, function=value))
        elif type(value).__module__.startswith("snorkel.labeling") and callable(value):
            rules.append(Rule(name=str(getattr(value, "name", name)), function=_of_snorkel(value, relations, path)))
    if not rules:
        what = "functions marked with @labeling_function of finecl.types, or of snorkel.labeling"
        raise SettingsError(f"{path}: expected {what}, found none")
    return rules


def _of_snorkel(function: Any, relations: Any, path: Path) -> Callable[[PairText], str | None]:
    """Returns a labeling function of Snorkel's as one of finecl's: its numbers are positions in RELATIONS.

    Raises:
        SettingsError: the file has no RELATIONS.
    """
    if not isinstance(relations, list | tuple) or not all(isinstance(name, str) for name in relations):
        raise SettingsError(
            f"{path}: expected RELATIONS = ['NAME', ...], the relations that its numbers mean, found none"
        )

    def apply(text: PairText) -> str | None:
        number = int(function(text))
        if number >= len(relations):
            raise SettingsError(f"{path}: expected a number below {len(relations)} of RELATIONS or -1, got {number}")
        return None if number < 0 else relations[number]

    return apply
