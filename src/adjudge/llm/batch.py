"""Offline batch files in OpenAI's format, which `vllm run-batch` takes too: requests out in shards, results
read back.

A request line is {"custom_id", "method", "url", "body"}; a result line is {"custom_id", "response":
{"status_code", "body"}, "error"}. Lines come back in any order, some not at all, some broken: each is an
answer or a failure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any

from adjudge.config import setting, settings
from adjudge.errors import BadTable
from adjudge.llm import chat, failures
from adjudge.llm.contract import Answer, AskFailed, Capabilities, NoAccess, Request

CAPABILITIES = Capabilities(token_probabilities=True, structured=chat.STRUCTURED, batching=True, live=False)
URL = "/v1/chat/completions"


@settings
class ShardSettings:
    """Size of batch files.

    OpenAI takes at most 50,000 requests and 200 MB per file; your own server may take more.
    """

    requests: Annotated[int, setting("Requests per file at most.", ge=1, le=100_000_000)] = 50_000
    megabytes: Annotated[float, setting("Size of a file at most.", ge=0.001, le=1e6, unit="MB")] = 190.0


class Shard:
    """One file of requests being written; it gets its name only when it is complete. tokens_setting: see
    `body_of`."""

    def __init__(
        self, path: Path, model: str, settings: ShardSettings, tokens_setting: str = "max_tokens"
    ) -> None:
        self.path, self.model, self.settings, self.tokens_setting = path, model, settings, tokens_setting
        self.partial = path.with_name(path.name + ".partial")
        self._file: IO[bytes] = self.partial.open("wb")
        self.requests = self.bytes = 0

    def add(self, request: Request) -> bool:
        """Append a request; False (and nothing written) if the shard is full."""
        values = {
            "custom_id": request.key,
            "method": "POST",
            "url": URL,
            "body": chat.body_of(self.model, request, self.tokens_setting),
        }
        line = json.dumps(values, ensure_ascii=False).encode() + b"\n"
        most = self.settings.megabytes * 1e6
        if self.requests and (self.requests >= self.settings.requests or self.bytes + len(line) > most):
            return False
        self._file.write(line)
        self.requests += 1
        self.bytes += len(line)
        return True

    def finish(self) -> None:
        """Close the file; `publish` gives it its name."""
        self._file.close()

    def publish(self) -> None:
        self.partial.replace(self.path)


@dataclass(frozen=True)
class BatchLine:
    """One line of a results file: the request's key, and the answer or why there is none. key is "" if the
    line cannot be read."""

    key: str
    result: Answer | AskFailed


def read_results(path: Path) -> Iterator[BatchLine]:
    """The lines of a results or error file, in the file's order. A broken line is a failure, not the end.

    Raises BadTable if the file itself cannot be read.
    """
    try:
        with path.open("rb") as file:
            for raw in file:
                if raw.strip():
                    yield _line(raw)
    except OSError as error:
        raise BadTable(f"{path} cannot be read as batch results: {error}") from error


def _line(raw: bytes) -> BatchLine:
    try:
        values = json.loads(raw)
    except ValueError:
        return BatchLine("", AskFailed("unreadable answer", f"not JSON: {raw[:60]!r}"))
    key = values.get("custom_id") if isinstance(values, dict) else None
    if not isinstance(key, str):
        return BatchLine("", AskFailed("unreadable answer", "no custom_id"))
    return BatchLine(key, _result(values))


def _result(values: dict[str, Any]) -> Answer | AskFailed:
    response, error = values.get("response"), values.get("error")
    if not isinstance(response, dict):
        return AskFailed("refused request", f"the batch says: {json.dumps(error)[:200]}")
    body, status = response.get("body"), response.get("status_code", 200)
    if status != 200:
        try:
            return failures.failed(int(status), {}, json.dumps(body).encode(), "the batch")
        except NoAccess as denied:
            return AskFailed("refused request", str(denied))
        except (TypeError, ValueError):
            return AskFailed("unreadable answer", f"status_code {status!r}")
    try:
        return chat.answer_of(body)
    except AskFailed as failure:
        return failure
