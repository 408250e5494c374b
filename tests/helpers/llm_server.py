"""A scripted endpoint that speaks OpenAI's protocol: it answers by the words of the question, and fails as told."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = Callable[["Call"], None]


@dataclass
class Call:
    """A request and the response to it, which a fault may change."""

    body: dict[str, Any]
    status: int = 200
    content: str = ""
    finish: str = "stop"
    refusal: str | None = None
    delay: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """The text that the user sent."""
        return str(self.body["messages"][1]["content"])


def listed(call: Call, confidence: float = 0.9) -> str:
    """Answers the labeler: the relation is the word between two entities, such as ``[0: Ada] founded [1: Acme]``."""
    documents = []
    for number, text in re.findall(r"Document (\d+)\n(.*)\n", call.question):
        found = re.findall(r"\[(\d+): [^\]]*\] (\w+) (?=\[(\d+): )", text)
        known = call.body["messages"][0]["content"]
        relations = [
            {"head": int(h), "tail": int(t), "relation": word, "confidence": confidence}
            for h, word, t in found
            if f"- {word}:" in known
        ]
        documents.append({"document": int(number), "relations": relations})
    return json.dumps({"documents": documents})


def judged(call: Call) -> str:
    """Answers the judge: a claim is stated if its relation is a word of the text."""
    text = call.question.split("\n\n")[1]
    claims = re.findall(r"Claim (\d+): (\d+) -> (.+) -> (\d+)", call.question)
    return json.dumps(
        {"claims": [{"claim": int(n), "stated": f" {r} " in text, "confidence": 0.8} for n, _, r, _ in claims]}
    )


@dataclass
class Script:
    """What the server does: ``answer`` makes the content, then the faults of each number of a call change it."""

    answer: Callable[[Call], str] = listed
    faults: dict[int, Fault] = field(default_factory=dict)
    url: str = ""
    requests: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    keys: set[str] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, body: dict[str, Any]) -> Call:
        """Returns the response to a request."""
        with self.lock:
            number = self.requests
            self.requests += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        call = Call(body)
        call.content = self.answer(call)
        if number in self.faults:
            self.faults[number](call)
        time.sleep(call.delay)
        with self.lock:
            self.at_once -= 1
            if call.status == 200:
                self.answered[call.question] += 1
                self.tokens_in += tokens(json.dumps(body["messages"]))
                self.tokens_out += tokens(call.content)
        return call


def tokens(text: str) -> int:
    """Counts words and signs, as a tokenizer might."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def status(code: int, **headers: str) -> Fault:
    """Returns a fault: this status in place of an answer."""

    def apply(call: Call) -> None:
        call.status, call.headers = code, headers

    return apply


def changed(**values: Any) -> Fault:
    """Returns a fault: other values of the response."""

    def apply(call: Call) -> None:
        for name, value in values.items():
            setattr(call, name, value(call) if callable(value) else value)

    return apply


@contextmanager
def serving(script: Script) -> Iterator[Script]:
    """Runs a server on a free port while the block runs; ``script.url`` is its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            script.keys.add(self.headers["Authorization"])
            call = script.handle(body)
            message = {"role": "assistant", "content": call.content, "refusal": call.refusal}
            usage = {"prompt_tokens": tokens(json.dumps(body["messages"])), "completion_tokens": tokens(call.content)}
            response: dict[str, Any] = {
                "id": "1", "object": "chat.completion", "created": 0, "model": body["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": call.finish}],
                "usage": usage | {"total_tokens": sum(usage.values())},
            }  # fmt: skip
            if call.status != 200:
                response = {"error": {"message": f"scripted {call.status} for {self.headers['Authorization']}"}}
            data = json.dumps(response).encode()
            try:
                self.send_response(call.status)
                for name, value in {"Content-Type": "application/json", **call.headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):  # the client has gone: timed out, or killed
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    script.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
