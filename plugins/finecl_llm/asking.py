"""Asks an endpoint many questions: concurrently, with retries, each answer kept on disk before it is read."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from finecl.errors import SettingsError
from finecl_llm.answers import Answer, Answers

T = TypeVar("T")
_KEY = "OPENAI_API_KEY"
_PER_TOKEN = 4.0  # characters, if the cache holds no answer of the model
_PASSING = (408, 409, 429)  # of the client's errors, those that pass
_AGAIN = "; answers so far are kept: run the same command again"
_TOKENS_OUT = 60.0  # of an answer, likewise


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where and how to ask. ``base_url`` "": OpenAI's own. ``per_minute``: calls, 0 for no limit.

    ``retries`` of a call that fails by a rate limit, a fault of the server or a time-out (in seconds), after pauses
    that double. ``tries``: calls for an answer that cannot be read. ``structured``: ask for JSON of a schema, which
    some servers do not know. Prices are in dollars for a million tokens.
    """

    model: str
    base_url: str = ""
    timeout: float = 60.0
    retries: int = 6
    tries: int = 2
    concurrency: int = 8
    per_minute: int = 0
    structured: bool = True
    price_in: float = 0.0
    price_out: float = 0.0


@dataclass
class Counts:
    """Calls made, answers found in the cache, tokens of the calls, and questions without an answer that can be read."""

    calls: int = 0
    from_cache: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    faults: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, **numbers: int) -> None:
        """Adds numbers; threads may call it at the same time."""
        with self.lock:
            for name, number in numbers.items():
                setattr(self, name, getattr(self, name) + number)


class Asker(Generic[T]):
    """Asks questions about one task: a system prompt, the JSON schema of answers, and how an answer is read.

    ``read`` raises ValueError for an answer that is not of the schema. What cannot be read in ``tries`` calls is None,
    and one line in ``faults``, a file of JSON lines beside the cache.
    """

    def __init__(
        self, endpoint: Endpoint, system: str, schema: Mapping[str, Any], read: Callable[[str, str], T], cache: Path
    ) -> None:
        """Opens the cache; the key of the endpoint is read from the environment, and never written.

        Raises:
            SettingsError: the client is not installed, or OpenAI's endpoint is asked without a key.
        """
        try:
            import openai
        except ImportError:
            raise SettingsError("llm needs openai; install it with: pip install 'finecl[llm]'") from None
        key = os.environ.get(_KEY)
        if not key and not endpoint.base_url:
            raise SettingsError(
                f"llm: expected the environment variable {_KEY}, or base_url of another endpoint, found none"
            )
        self._openai, self._secret = openai, key
        self._client = openai.OpenAI(
            base_url=endpoint.base_url or None,
            api_key=key or "none",
            timeout=endpoint.timeout,
            max_retries=endpoint.retries,
        )
        self._endpoint, self._system, self._schema, self._read = endpoint, system, schema, read
        self._answers, self._faults = Answers(cache), cache.with_suffix(".faults.jsonl")
        self._next, self._turn = 0.0, threading.Lock()
        self.counts = Counts()

    def ask(self, questions: Iterable[str]) -> Iterator[T | None]:
        """Yields the answer to each question, in order; None where no answer could be read.

        Raises:
            SettingsError: the endpoint refuses the request, or does not answer after all retries. Answers are kept.
        """
        window: deque[Future[T | None]] = deque()
        pool = ThreadPoolExecutor(self._endpoint.concurrency)
        try:
            for question in questions:
                window.append(pool.submit(self._answer, question))
                if len(window) > 2 * self._endpoint.concurrency:
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
        finally:  # calls that are under way are paid for: their answers are waited for and kept
            pool.shutdown(wait=True, cancel_futures=True)

    def estimate(self, questions: Iterable[str]) -> dict[str, Any]:
        """Returns calls, tokens and dollars that the questions would cost, without asking.

        Tokens are estimated from the answers of this model that the cache holds, else by four characters a token.
        """
        known, calls, cached, characters = self._answers.usage(self._endpoint.model), 0, 0, 0
        for question in questions:
            found = self._answers.get(self._key(question, 0)) is not None
            cached += found
            calls += not found
            characters += 0 if found else self._characters(question)
        rate = known.tokens_in / known.characters if known.answers else 1 / _PER_TOKEN
        out = known.tokens_out / known.answers if known.answers else _TOKENS_OUT
        tokens_in, tokens_out = round(rate * characters), round(out * calls)
        basis = f"{known.answers} answers" if known.answers else "characters"
        numbers = {"calls": calls, "from_cache": cached, "tokens_in": tokens_in, "tokens_out": tokens_out}
        return numbers | {"dollars": self._dollars(tokens_in, tokens_out), "estimated_from": basis}

    def numbers(self) -> dict[str, Any]:
        """Returns what the calls so far have cost."""
        counts = self.counts
        names = ("calls", "from_cache", "tokens_in", "tokens_out", "faults")
        numbers: dict[str, Any] = {name: getattr(counts, name) for name in names}
        numbers["dollars"] = self._dollars(counts.tokens_in, counts.tokens_out)
        return numbers | ({"faults_file": str(self._faults)} if counts.faults else {})

    def _dollars(self, tokens_in: int, tokens_out: int) -> float:
        return (tokens_in * self._endpoint.price_in + tokens_out * self._endpoint.price_out) / 1e6

    def _characters(self, question: str) -> int:
        return len(self._system) + len(question)

    def _key(self, question: str, attempt: int) -> str:
        """Returns the hash of all that an answer depends on."""
        endpoint = self._endpoint
        parts = [endpoint.model, endpoint.base_url, endpoint.structured, self._system, self._schema, question, attempt]
        return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=16).hexdigest()

    def _answer(self, question: str) -> T | None:
        faults = []
        for attempt in range(self._endpoint.tries):
            answer = self._cached_or_asked(question, attempt)
            try:
                if answer.fault:
                    raise ValueError(answer.fault)
                return self._read(answer.content, question)
            except ValueError as error:
                faults.append({"fault": " ".join(str(error).split())[:300], "content": answer.content[:2000]})
        self.counts.add(faults=1)
        with self._turn, self._faults.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"model": self._endpoint.model, "question": question, "tries": faults}) + "\n")
        return None

    def _cached_or_asked(self, question: str, attempt: int) -> Answer:
        key = self._key(question, attempt)
        found = self._answers.get(key)
        if found is not None:
            self.counts.add(from_cache=1)
            return found
        answer = self._call(question)
        self._answers.put(key, self._endpoint.model, self._characters(question), answer)
        self.counts.add(calls=1, tokens_in=answer.tokens_in, tokens_out=answer.tokens_out)
        return answer

    def _call(self, question: str) -> Answer:
        self._wait_for_turn()
        messages = [{"role": "system", "content": self._system}, {"role": "user", "content": question}]
        schema = {"name": "answer", "schema": self._schema, "strict": True}
        format = (
            {"response_format": {"type": "json_schema", "json_schema": schema}} if self._endpoint.structured else {}
        )
        where = self._endpoint.base_url or "OpenAI"
        try:
            given: Any = self._client.chat.completions.create(
                model=self._endpoint.model,
                messages=messages,
                temperature=0,
                **format,
            )
        except self._openai.APIStatusError as error:
            passing = error.status_code in _PASSING or error.status_code >= 500
            what = f"answered {error.status_code}: {self._line(error)}"
            raise SettingsError(f"llm: {where} {what}{_AGAIN if passing else ''}") from error
        except self._openai.APIError as error:
            raise SettingsError(f"llm: {where} did not answer: {self._line(error)}{_AGAIN}") from error
        return _as_answer(given)

    def _line(self, error: Exception) -> str:
        """Returns an error in one line, without the key."""
        line = " ".join(str(error).split())[:200]
        return line.replace(self._secret, "***") if self._secret else line

    def _wait_for_turn(self) -> None:
        """Waits until the rate of calls allows another one."""
        if not self._endpoint.per_minute:
            return
        with self._turn:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + 60 / self._endpoint.per_minute
        time.sleep(at - now)


def _as_answer(given: Any) -> Answer:
    usage = getattr(given, "usage", None)
    tokens_in, tokens_out = getattr(usage, "prompt_tokens", 0) or 0, getattr(usage, "completion_tokens", 0) or 0
    choice = given.choices[0] if getattr(given, "choices", None) else None
    content = (choice.message.content if choice else None) or ""
    fault = ""
    if choice is None:
        fault = "no answer"
    elif getattr(choice.message, "refusal", None):
        fault = f"refused: {choice.message.refusal}"
    elif choice.finish_reason not in ("stop", None):
        fault = f"stopped by {choice.finish_reason}"
    return Answer(content=content, fault=fault, tokens_in=tokens_in, tokens_out=tokens_out)
