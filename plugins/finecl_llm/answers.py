"""Answers of language models on disk: an answer that was paid for once is never asked for again."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path

_TABLE = """
create table if not exists answers (
    key text primary key, model text, characters integer, content text, fault text,
    tokens_in integer, tokens_out integer
)
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What an endpoint answered: the content, or why there is none; the tokens that it counted (0: not told)."""

    content: str
    fault: str
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Sums over answers: their number, the characters that were sent, and the tokens counted."""

    answers: int
    characters: int
    tokens_in: int
    tokens_out: int


class Answers:
    """A table of answers in one SQLite file, which several threads and processes may use."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, timeout=60)
        weakref.finalize(self, self._database.close)
        with self._database:
            self._database.execute("pragma journal_mode = wal")
            self._database.execute(_TABLE)

    def get(self, key: str) -> Answer | None:
        """Returns the answer with this key; None if there is none."""
        with self._lock:
            columns = "content, fault, tokens_in, tokens_out"
            row = self._database.execute(f"select {columns} from answers where key = ?", (key,)).fetchone()
        return Answer(content=row[0], fault=row[1], tokens_in=row[2], tokens_out=row[3]) if row else None

    def put(self, key: str, model: str, characters: int, answer: Answer) -> None:
        """Writes an answer; it is on disk when this returns."""
        row = (key, model, characters, answer.content, answer.fault, answer.tokens_in, answer.tokens_out)
        with self._lock, self._database:
            self._database.execute("insert or replace into answers values (?, ?, ?, ?, ?, ?, ?)", row)

    def usage(self, model: str) -> Usage:
        """Returns the sums over all answers of a model whose endpoint counted tokens."""
        sums = "count(*), sum(characters), sum(tokens_in), sum(tokens_out)"
        with self._lock:
            query = f"select {sums} from answers where model = ? and tokens_in > 0"
            answers, *rest = self._database.execute(query, (model,)).fetchone()
        characters, tokens_in, tokens_out = (number or 0 for number in rest)
        return Usage(answers=answers, characters=characters, tokens_in=tokens_in, tokens_out=tokens_out)
