"""A real OpenAI-compatible HTTP server for tests and benchmarks: a fixed delay, chosen faults, and a tally of
what it saw.

    python tests/stub/server.py [--delay 0.05] [--tally FILE] [--faults FILE.json] [--tops 4]
        [--words FILE.json]

It prints its port on the first line and stops when its standard input closes, so that it never outlives its
parent. The grade it gives is a fixed function of the prompt (`grade_of`); the tally gets one line for each
request that arrived (`seen HASH TIME CONNECTION`) and one for each whole answer handed to the socket (`sent
HASH TIME CONNECTION`). `--faults` is a list of rules {"every": N, "kind": "429" | "500" | "hang" | "cut" |
"html" | "off" | "broken" | "interim", "retry_after": S}: the first rule whose N divides the request's number
applies. `--words`: the two answers in place of yes and no.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

WORDS = ("yes", "no")
INTERIM = 0.1
"""Seconds between an interim answer and the final one."""


def grade_of(prompt: str, words: tuple[str, ...] = WORDS) -> tuple[str, float]:
    """The word this server answers and its probability, from the prompt's hash alone."""
    step = hashlib.sha256(prompt.encode()).digest()[0]
    return words[step % 2], 0.6 + 0.39 * step / 255


class State:
    def __init__(self, delay: float, tally: Path | None, faults: list[dict[str, Any]], tops: int) -> None:
        self.delay, self.faults, self.tops = delay, faults, tops
        self.words = WORDS
        self.number = 0
        self.connections = 0
        self.tally = os.open(tally, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if tally else None

    def note(self, what: str, prompt: str, connection: int) -> None:
        if self.tally is not None:
            digest = hashlib.sha256(prompt.encode()).hexdigest()[:24]
            os.write(self.tally, f"{what} {digest} {time.time():.6f} {connection}\n".encode())

    def fault(self, number: int) -> dict[str, Any] | None:
        return next((rule for rule in self.faults if number % rule["every"] == 0), None)


def answer(body: dict[str, Any], tops: int, words: tuple[str, ...] = WORDS, said: str | None = None) -> bytes:
    """A chat completion of one token, with `top_logprobs` where they were asked for."""
    import math

    prompt = body["messages"][-1]["content"]
    word, sure = grade_of(prompt, words)
    other = words[1 - words.index(word)]
    if said is not None:
        word, other = said, said
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": word},
        "finish_reason": "stop",
    }
    if body.get("logprobs"):
        rest = (1 - sure) / 2
        shown = [(word, sure - 0.01), (" " + word, 0.01), (other, rest), ("the", rest)][:tops]
        shown = shown or [(word, 1.0)]
        top = [{"token": t, "logprob": math.log(max(p, 1e-9)), "bytes": None} for t, p in shown]
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    tokens = sum(len(message["content"]) for message in body["messages"]) // 4
    used = {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1}
    reply = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [choice],
    }
    return json.dumps({**reply, "system_fingerprint": "stub-1", "usage": used}).encode()


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests are read by their Content-Length."""

    def __init__(self, state: State) -> None:
        self.state = state
        state.connections += 1
        self.number = state.connections
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = (
                int(head[at + 15 : (head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else None)])
                if at >= 0
                else 0
            )
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self.state.number += 1
            asyncio.get_running_loop().call_later(self.state.delay, self.reply, body, self.state.number)
            self.arrived(body)

    def arrived(self, body: bytes) -> None:
        if self.state.tally is not None:
            self.state.note("seen", json.loads(body)["messages"][-1]["content"], self.number)

    def reply(self, body: bytes, number: int) -> None:
        if self.transport.is_closing():
            return
        asked = json.loads(body)
        fault = self.state.fault(number) if self.state.faults else None
        if fault:
            self.fail(fault, asked)
            return
        self.send(b"200 OK", answer(asked, self.state.tops, self.state.words))
        self.state.note("sent", asked["messages"][-1]["content"], self.number)

    def fail(self, fault: dict[str, Any], asked: dict[str, Any]) -> None:
        kind = fault["kind"]
        if kind == "429":
            extra = f"retry-after: {fault.get('retry_after', 0.05)}\r\n".encode()
            self.send(b"429 Too Many Requests", b'{"error": {"message": "slow down"}}', extra)
        elif kind == "401":
            self.send(b"401 Unauthorized", b'{"error": {"message": "who are you"}}')
        elif kind == "500":
            self.send(b"500 Internal Server Error", b'{"error": {"message": "broken"}}')
        elif kind == "html":
            self.send(b"200 OK", b"<html>a proxy's page</html>")
        elif kind in ("off", "broken"):
            said = "purple" if kind == "off" else '{"grade": '
            self.send(b"200 OK", answer(asked, 0, self.state.words, said))
        elif kind == "cut":
            whole = answer(asked, self.state.tops)
            self.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(whole) + whole[: len(whole) // 2]
            )
            self.transport.close()
        elif kind == "interim":
            # RFC 9110, 15.2: a client passes over 1xx answers and waits for the final one.
            self.transport.write(b"HTTP/1.1 102 Processing\r\n\r\n")
            whole = answer(asked, self.state.tops, self.state.words)
            asyncio.get_running_loop().call_later(INTERIM, self.send, b"200 OK", whole)
        # "hang" answers nothing

    def send(self, status: bytes, body: bytes, extra: bytes = b"") -> None:
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n"
        self.transport.write(head % (status, extra, len(body)) + body)


def leave_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


async def serve(state: State, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(3600)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--tally", type=Path)
    parser.add_argument("--faults", type=Path)
    parser.add_argument("--tops", type=int, default=4)
    parser.add_argument("--words", type=Path)
    given = parser.parse_args()
    faults = json.loads(given.faults.read_text()) if given.faults else []
    threading.Thread(target=leave_with_parent, daemon=True).start()
    state = State(given.delay, given.tally, faults, given.tops)
    if given.words:
        state.words = tuple(json.loads(given.words.read_text()))
    asyncio.run(serve(state, given.port))


if __name__ == "__main__":
    main()
